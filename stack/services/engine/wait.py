"""Waiting for containers: running, healthy or finished, and what to say where they do not get there."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from docker.errors import APIError

from stack.findings import Code, Failure, Finding, Fix, Progress
from stack.services.compose.model import Condition, Service
from stack.services.control import Health, State
from stack.services.engine.connection import Engine
from stack.services.engine.errors import Conflict, refused
from stack.services.engine.observe import ObservedContainer
from stack.services.engine.reader import Refusal
from stack.services.engine.sdk import Client
from stack.services.engine.states import read_health, read_state
from stack.text import clean, clean_line

_LOOK_SECONDS: Final = 0.02
"""A look costs the engine half a millisecond; a health check, which is what is mostly waited for, much more."""

_LOG_LINES: Final = 15
_LINE_LENGTH: Final = 100
_PROBE_LENGTH: Final = 1_000

_STATUSES: Final = {
    126: "its command cannot be run",
    127: "its command was not found",
    130: "it was told to stop, by SIGINT",
    137: "it was killed, by SIGKILL",
    143: "it was told to stop, by SIGTERM",
}
"""What a shell's exit status says (POSIX, «Exit Status for Commands»)."""

_RESTARTS: Final = 3
"""After how many restarts in a row a container that fails is given up."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a container stands: `restarts` by the engine, `probe` what the last run of its health check said."""

    state: State
    health: Health
    exit_code: int
    restarts: int
    error: str
    probe: str
    out_of_memory: bool = False


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why a service will not be ready."""

    code: Code
    title: str
    cause: str
    fixes: tuple[Fix, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait for the containers of a project, until `deadline` of `time.monotonic`; `seconds` is how long that was."""

    engine: Engine
    deadline: float
    seconds: float
    progress: Progress

    async def for_condition(self, service: Service, container: ObservedContainer, condition: Condition) -> None:
        """Wait until `container` is what a dependent's ``depends_on`` asks for, as Compose does.

        Raises:
            Failure: it failed, or did not get there in time.
        """
        match condition:
            case Condition.STARTED:
                return
            case Condition.HEALTHY:
                await self._until(service, container, "to be healthy", lambda now: _is_healthy(service, now))
            case Condition.COMPLETED:
                await self._until(service, container, "to finish", _has_finished)

    async def until_ready(self, service: Service, container: ObservedContainer) -> Standing:
        """Wait until `container` runs and is healthy, where it has a health check; or has finished well.

        Raises:
            Failure: it failed, or did not get there in time.
        """
        return await self._until(service, container, "to be ready", lambda now: _is_ready(service, now))

    async def _until(
        self, service: Service, container: ObservedContainer, what: str, reached: Callable[[Standing], bool]
    ) -> Standing:
        told = ""
        while True:
            now = await look(self.engine, container)
            if reached(now):
                return now
            if trouble := _trouble(service, now):
                raise await self._failure(container, now, trouble)
            if time.monotonic() >= self.deadline:
                cause = f"It is {now.state}, its health is {now.health}, after {self.seconds:g} seconds."
                title = f"{service.name} took too long {what}"
                raise await self._failure(container, now, _Trouble(Code.SERVICE_TIMEOUT, title, cause))
            line = clean_line(f"Waiting for {service.name} {what}{f': {_last_line(now.probe)}' if now.probe else ''}")
            if line != told:
                self.progress(line)
                told = line
            await asyncio.sleep(_LOOK_SECONDS)

    async def _failure(self, container: ObservedContainer, now: Standing, trouble: _Trouble) -> Failure:
        lines = await last_lines(self.engine, container)
        probe = f"Its health check said: {clean(now.probe)}\n" if now.probe else ""
        return Failure(
            Finding(
                trouble.code,
                trouble.title,
                f"{trouble.cause} {now.error}".rstrip(),
                evidence=f"{probe}{lines}" or None,
                fixes=(*trouble.fixes, Fix("Read its log", f"stackdeck logs {container.service}")),
            )
        )


async def look(engine: Engine, container: ObservedContainer) -> Standing:
    """Return how `container` stands now.

    Raises:
        Conflict: it is gone.
    """
    try:
        details = await engine.look(lambda reader: reader.find_container(container.id))
    except Refusal as error:
        raise refused(f"looking at container {container.name}", error) from None
    if details is None:
        raise Conflict
    state = details["State"]
    health = state.get("Health")
    log = (health.get("Log") if health else None) or []
    return Standing(
        state=read_state(state.get("Status", "")),
        health=read_health(health["Status"]) if health else Health.NONE,
        exit_code=state.get("ExitCode", 0),
        restarts=details["RestartCount"],
        error=state.get("Error", ""),
        probe=log[-1]["Output"].strip()[:_PROBE_LENGTH] if log and log[-1]["ExitCode"] else "",
        out_of_memory=state.get("OOMKilled", False),
    )


async def last_lines(engine: Engine, container: ObservedContainer) -> str:
    """Return the end of what `container` has logged, or nothing where its log driver keeps nothing."""

    def read(client: Client) -> bytes:
        return client.logs(container.id, stream=False, tail=_LOG_LINES)

    try:
        return clean((await engine.call(read)).decode(errors="replace").rstrip())
    except APIError:
        return ""


def _is_healthy(service: Service, now: Standing) -> bool:
    if now.state is State.RUNNING and now.health is Health.NONE:
        raise Failure(
            Finding(
                Code.SERVICE_UNHEALTHY,
                f"{service.name} has no health check",
                "Another service depends on it with the condition service_healthy, which nothing can tell.",
                fixes=(Fix(f"Give {service.name} a health check, or use the condition service_started"),),
            )
        )
    return now.state is State.RUNNING and now.health is Health.HEALTHY


def _is_ready(service: Service, now: Standing) -> bool:
    if now.state is State.RUNNING:
        return now.health in {Health.NONE, Health.HEALTHY}
    # A one-shot that did its work is ready; one that is to run for ever is not.
    return service.restart in {None, "no", "on-failure"} and _has_finished(now)


def _has_finished(now: Standing) -> bool:
    return now.state is State.EXITED and now.exit_code == 0


def _trouble(service: Service, now: Standing) -> _Trouble | None:
    """Return why waiting longer is of no use; None while there is hope."""
    name = service.name
    if now.health is Health.UNHEALTHY and now.state is State.RUNNING:
        return _Trouble(Code.SERVICE_UNHEALTHY, f"{name} is unhealthy", "Its health check fails again and again.")
    if now.state in {State.EXITED, State.DEAD}:
        return _Trouble(Code.SERVICE_EXITED, f"{name} has exited", _ending(now), _ways_out(service, now))
    if now.restarts >= _RESTARTS and (now.state is State.RESTARTING or now.exit_code):
        cause = f"The engine has restarted it {now.restarts} times. {_ending(now)}"
        return _Trouble(Code.SERVICE_EXITED, f"{name} keeps exiting", cause, _ways_out(service, now))
    return None


def _ending(now: Standing) -> str:
    """Return how the process ended, in a sentence."""
    ended = f"Its process ended with status {now.exit_code}"
    if now.out_of_memory:
        return f"{ended}: it was killed, since it needed more memory than it may have."
    meaning = _STATUSES.get(now.exit_code)
    return f"{ended}: {meaning}." if meaning else f"{ended}."


def _ways_out(service: Service, now: Standing) -> tuple[Fix, ...]:
    if now.out_of_memory:
        return (Fix(f"Raise mem_limit of {service.name} in the Compose file, or give the machine more memory"),)
    return ()


def _last_line(probe: str) -> str:
    """Return the end of what a probe printed, short enough for a line of progress."""
    line = probe.splitlines()[-1].strip()
    return line if len(line) <= _LINE_LENGTH else f"{line[:_LINE_LENGTH]}…"
