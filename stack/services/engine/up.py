"""`up`: observe, plan and execute until there is nothing left to do, then wait until everything is ready."""

import asyncio
import importlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from stack.background import in_thread
from stack.findings import Code, Failure, Finding, Fix, Loss, Progress, Severity
from stack.project import Project
from stack.services.compose.model import ComposeProject, Service
from stack.services.control import Action, Approval, Health, PlanStep, Pull, ServiceOutcome, State, UpResult
from stack.services.engine.connection import Engine
from stack.services.engine.errors import Conflict, refused
from stack.services.engine.installed import installed_compose
from stack.services.engine.losses import weighed
from stack.services.engine.observe import Observed, ObservedContainer, list_project, observe
from stack.services.engine.plan import (
    Plan,
    image_references,
    known_hashes,
    make_plan,
    writing,
)
from stack.services.engine.ports import fixed_ports, is_taken
from stack.services.engine.publishing import is_published_by_another_up
from stack.services.engine.reader import Refusal
from stack.services.engine.selection import with_dependencies
from stack.services.engine.steps import (
    CreateContainer,
    FinishRecreate,
    KeepContainer,
    PullImage,
    RecreateContainer,
    RemoveContainer,
    StartContainer,
    Step,
    describe,
)

if TYPE_CHECKING:
    # What these stand on is imported once there is something to do.
    from stack.services.engine.execute import Executor
    from stack.services.engine.wait import Wait

_ROUNDS: Final = 8
"""How often to look again where others are at work on the same project."""

_PAUSE_SECONDS: Final = 0.1

_UP: Final = frozenset({State.RUNNING, State.RESTARTING})


async def take_snapshot(engine: Engine, project: ComposeProject) -> Observed:
    """Return what the engine holds of `project`.

    Raises:
        Failure: the engine cannot be reached.
    """
    observed = await _look(engine, project)
    return observed if observed.version else await _as_installed(engine, observed)


async def _look(engine: Engine, project: ComposeProject) -> Observed:
    images, hashes = image_references(project), known_hashes(project)
    try:
        return await engine.look(lambda reader: observe(reader, project.name, images, hashes))
    except Refusal as error:
        raise refused("listing what there is", error) from None


async def _as_installed(engine: Engine, observed: Observed) -> Observed:
    """Return `observed`, in which no Compose has left its version, with that of the Compose that is installed."""
    return replace(observed, installed=await in_thread(lambda: installed_compose(engine.environ)))


def planned(observed: Observed, plan: Plan, losses: Sequence[tuple[Loss, ...]]) -> UpResult:
    """Return `plan`, each step with its `losses`, as the result of an `up` that has touched nothing."""
    outcomes = tuple(outcome for step in plan.steps if (outcome := _planned(step, observed)))
    steps = tuple(map(describe, plan.steps, losses))
    return UpResult((*outcomes, *map(_nothing, plan.left_out)), steps, 0.0, plan.findings)


def _planned(step: Step, observed: Observed) -> ServiceOutcome | None:
    new_hash = writing(observed).config_hash
    action = describe(step).action
    match step:
        case CreateContainer(service, name):
            return ServiceOutcome(service.name, name, action, State.ABSENT, Health.NONE, new_hash(service))
        case RecreateContainer(service, container, name):
            return ServiceOutcome(service.name, name, action, container.state, container.health, new_hash(service))
        case FinishRecreate(service, container, _, name):
            return ServiceOutcome(service.name, name, action, container.state, container.health, container.config_hash)
        case StartContainer(service, container) | KeepContainer(service, container):
            return ServiceOutcome(
                service.name, container.name, action, container.state, container.health, container.config_hash
            )
        case _:
            return None


@dataclass(slots=True)
class Up:
    """One run of `up`. `timeout` is how many seconds the services may take to get ready, once all is created."""

    engine: Engine
    project: ComposeProject
    repository: Project | None
    progress: Progress
    timeout: float
    approve: Approval
    _done: dict[str, PlanStep] = field(default_factory=dict)
    _losses: dict[str, tuple[Loss, ...]] = field(default_factory=dict)
    _warnings: list[Finding] = field(default_factory=list)

    async def run(self, names: Sequence[str], pull: Pull) -> UpResult:
        """Converge, start and wait.

        Raises:
            Failure: it cannot be done, nothing having been touched; or it could not be finished.
        """
        began = time.monotonic()
        services = with_dependencies(self.project, names)
        for _ in range(_ROUNDS):
            try:
                plan, observed = await self._converge(services, pull, named=bool(names))
                outcomes = await self._start(plan, observed)
            except Conflict:
                self.progress("Something else changed the project meanwhile: looking again")
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            findings = (*plan.findings, *self._warnings)
            return UpResult(outcomes, tuple(self._done.values()), time.monotonic() - began, findings)
        raise Failure(_never_still(self.project))

    async def _converge(self, services: tuple[Service, ...], pull: Pull, *, named: bool) -> tuple[Plan, Observed]:
        """Do all that comes before starting; return the plan, and the snapshot that it was made from."""
        observed = await self._first_look()
        for container in observed.containers:
            if container.state is State.REMOVING:
                await self._executor(observed).until_gone(container)
                raise Conflict
        plan = make_plan(self.project, observed, services, pull=pull, named=named)
        await self._check(plan, observed)
        if pulls := [step for step in plan.steps if isinstance(step, PullImage) and not self._is_done(step)]:
            from stack.services.engine.pull import pull_images

            await pull_images(self.engine, pulls, self.progress)
            self._record(pulls)
            # A tag may point elsewhere now, and then its containers are out of date.
            observed = await take_snapshot(self.engine, self.project)
            plan = make_plan(self.project, observed, services, pull=pull, named=named)
            await self._check(plan, observed)
        await self._execute(observed, [step for step in plan.steps if not isinstance(step, PullImage)])
        return plan, observed

    async def _first_look(self) -> Observed:
        """Return what there is; of a project that is new, what makes it is imported while Compose says its version."""
        observed = await _look(self.engine, self.project)
        if observed.version:
            return observed
        observed, _ = await asyncio.gather(_as_installed(self.engine, observed), in_thread(_import_executor))
        return observed

    def _is_done(self, step: Step) -> bool:
        return describe(step).resource in self._done

    async def _check(self, plan: Plan, observed: Observed) -> None:
        """Raise what is in the way of `plan` before any of it is done, and ask whether it may be."""
        if plan.errors:
            raise Failure(*plan.errors)
        if self.engine.endpoint.is_local:
            await self._check_ports(plan, observed)
        losses = await weighed(self.engine, self.project, observed, plan.steps)
        shown = tuple(map(describe, plan.steps, losses))
        self._losses |= {step.resource: step.losses for step in shown}
        await self.approve(shown)

    async def _check_ports(self, plan: Plan, observed: Observed) -> None:
        # A container that is paused has its own ports still.
        held = (RecreateContainer, RemoveContainer, StartContainer)
        ours = {port for step in plan.steps if isinstance(step, held) for port in step.container.published}
        for step in plan.steps:
            if isinstance(step, CreateContainer | RecreateContainer | StartContainer):
                for host, port in fixed_ports(step.service.ports):
                    if port not in ours and is_taken(host, port):
                        if await is_published_by_another_up(self.engine, self.project.name, observed, port):
                            raise Conflict
                        from stack.services.engine.port_holders import port_failure

                        service = step.service
                        raise await port_failure(self.engine, self.project, self.repository, service, (host, port))

    async def _execute(self, observed: Observed, steps: Sequence[Step]) -> None:
        for step in steps:
            if not isinstance(step, KeepContainer):
                await self._executor(observed).execute(step)
            self._record([step])

    def _record(self, steps: Sequence[Step]) -> None:
        for step in steps:
            told = describe(step)
            told = replace(told, losses=self._losses.get(told.resource, ()))
            earlier = self._done.get(told.resource)
            if earlier is None or earlier.action is Action.KEPT:
                self._done[told.resource] = told

    def _executor(self, observed: Observed) -> "Executor":
        from stack.services.engine.execute import Executor

        return Executor(self.engine, self.project, observed, writing(observed), self.repository, self.progress)

    async def _start(self, plan: Plan, observed: Observed) -> tuple[ServiceOutcome, ...]:
        """Start what does not run, in order and as the dependencies allow it; return how all stand when ready."""
        containers = observed.containers
        if not all(isinstance(step, KeepContainer) for step in plan.steps):
            containers = await self._containers()
        now = Observed(containers)
        deadline = time.monotonic() + self.timeout
        begun: set[str] = set()
        for service in plan.services:
            resting = [container for container in now.of(service.name) if container.state not in _UP]
            # One that runs waits too, as in Compose: what it needs has begun again, and may not get there this time.
            if resting or not begun.isdisjoint(service.depends_on):
                await self._await_dependencies(service, plan, now, deadline)
            for container in resting:
                begun.add(service.name)
                await self._executor(observed).start(service, container)
        outcomes = [
            await self._outcome(service, container, deadline)
            for service in plan.services
            for container in now.of(service.name)
        ]
        return (*outcomes, *map(_nothing, plan.left_out))

    async def _containers(self) -> tuple[ObservedContainer, ...]:
        try:
            return await self.engine.look(lambda reader: list_project(reader, self.project.name))
        except Refusal as error:
            raise refused("listing the containers", error) from None

    async def _await_dependencies(self, service: Service, plan: Plan, now: Observed, deadline: float) -> None:
        known = {other.name: other for other in plan.services}
        for name, terms in service.depends_on.items():
            if name not in known:
                continue
            for container in now.of(name):
                try:
                    await self._wait(deadline).for_condition(known[name], container, terms.condition)
                except Failure as failure:
                    if terms.required:
                        raise
                    self._warnings.append(replace(failure.finding, severity=Severity.WARNING))

    def _wait(self, deadline: float) -> "Wait":
        from stack.services.engine.wait import Wait

        return Wait(self.engine, deadline, self.timeout, self.progress)

    async def _outcome(self, service: Service, container: ObservedContainer, deadline: float) -> ServiceOutcome:
        step = self._done.get(container.resource)
        state, health = container.state, container.health
        # Podman's lists do not have the health.
        unchecked = health is Health.NONE and service.healthcheck is None
        if state is not State.RUNNING or not (unchecked or health is Health.HEALTHY):
            standing = await self._wait(deadline).until_ready(service, container)
            state, health = standing.state, standing.health
        return ServiceOutcome(
            service=service.name,
            container=container.name,
            action=step.action if step else Action.KEPT,
            state=state,
            health=health,
            config_hash=container.config_hash,
        )


def _import_executor() -> None:
    for part in ("stack.services.engine.clients", "stack.services.engine.execute"):
        importlib.import_module(part)


def _nothing(service: str) -> ServiceOutcome:
    return ServiceOutcome(service, None, Action.KEPT, State.ABSENT, Health.NONE, None)


def _never_still(project: ComposeProject) -> Finding:
    return Finding(
        Code.ENGINE_ERROR,
        f"The project {project.name} does not hold still",
        "Other programs created or removed its containers again and again while this one looked.",
        fixes=(Fix("End what else works on the project, then try again", "stackdeck up"),),
    )
