"""Is there something to run Postgres on, and is it in order?"""

import asyncio
import shutil
from dataclasses import replace
from datetime import timedelta
from typing import Final

from stack.amounts import size, span
from stack.background import in_thread
from stack.doctor.examination import Check, Passed
from stack.doctor.facts import Examined, Facts
from stack.doctor.stages import RUNTIME
from stack.findings import Code, Failure, Finding, Fix, Progress, Severity
from stack.project import RuntimeName
from stack.services.runtime import EngineAnswer

_LARGEST_SKEW: Final = timedelta(seconds=5)
_FULL: Final = 64 * 1024 * 1024
"""Bytes below which not even a new cluster and its first log files have room."""


def clock(ahead: timedelta) -> Finding | None:
    """Say that the engine's clock is another one than ours, where it is by more than a network explains."""
    if abs(ahead) <= _LARGEST_SKEW:
        return None
    direction = "ahead of" if ahead > timedelta() else "behind"
    return Finding(
        Code.ENGINE_CLOCK,
        f"The engine's clock is {span(abs(ahead).total_seconds())} {direction} this machine's",
        "now() in the database, certificates and the times in logs go by it. A virtual machine's clock stops while the "
        "computer sleeps.",
        Severity.WARNING,
        fixes=(
            Fix("Restart Docker Desktop, Colima or whatever the engine's virtual machine belongs to"),
            Fix("In a virtual machine of your own, set its clock by the network", "sudo chronyc makestep"),
        ),
    )


def disk(path: str, free: int) -> Finding | None:
    """Say that there is no room left where the engine keeps its data, `free` bytes at `path`."""
    if free >= _FULL:
        return None
    return Finding(
        Code.ENGINE_DISK_FULL,
        "The engine's disk is full",
        f"{size(free)} are left at {path}, where the engine keeps images and volumes: Postgres stops when it "
        "cannot write.",
        fixes=(
            Fix("See what takes the space", "docker system df"),
            Fix("Remove images that nothing uses", "docker image prune", destructive=True),
        ),
    )


def elsewhere(stack: Examined, engine: EngineAnswer) -> Finding | None:
    """Return why the engine does not answer; using one that does is a fix that can be carried out here."""
    if engine.problem is None:
        return None
    using = {f"export DOCKER_HOST={url}": _use(stack, url) for url in engine.others}
    fixes = tuple(using.get(fix.command or "", fix) for fix in engine.problem.fixes)
    return replace(engine.problem, fixes=fixes)


def _use(stack: Examined, url: str) -> Fix:
    async def use(progress: Progress) -> None:
        stack.use_engine(url)
        progress(f"Using the engine at {url} until you leave")

    return Fix(f"Use the engine that answers at {url}, until you leave", f"export DOCKER_HOST={url}", apply=use)


async def _runtime(facts: Facts) -> Passed:
    # Asked at once: choosing may have to wait for it as well, and there are two seconds for both.
    asked = asyncio.ensure_future(facts.engine())
    runtime = await facts.runtime()
    match runtime.name:
        case RuntimeName.DOCKER:
            engine = await asked
            if problem := elsewhere(facts.stack, engine):
                raise Failure(problem)
            # Podman says its own name in its version.
            name = (
                engine.version if engine.version and "Podman" in engine.version else f"Docker Engine {engine.version}"
            )
            return Passed(f"{name} answers at {engine.endpoint}")
        case RuntimeName.EMBEDDED:
            return Passed(f"An embedded Postgres is used: {runtime.reason}", _other_engine(facts.stack, await asked))
        case RuntimeName.EXTERNAL:
            return Passed(f"The database is somebody else's server: {runtime.reason}")


def _other_engine(stack: Examined, engine: EngineAnswer) -> Finding | None:
    """Return what keeps us from the engine where another one answers, which one may rather want."""
    problem = elsewhere(stack, engine) if engine.others else None
    if problem is None:
        return None
    # Nothing is in the way, so it is no next step: whoever wants the other engine does it.
    return replace(problem, severity=Severity.INFO, fixes=tuple(replace(fix, apply=None) for fix in problem.fixes))


async def _clock(facts: Facts) -> Passed:
    machine = await facts.machine()
    if machine is None:
        return Passed("There is no engine in use, and no clock but this machine's")
    if finding := clock(machine.ahead):
        raise Failure(finding)
    return Passed("The engine's clock is this machine's")


async def _disk(facts: Facts) -> Passed:
    machine = await facts.machine()
    if machine is None or machine.data is None:
        return Passed("The engine's disk is not this machine's")
    path = machine.data
    try:
        free = (await in_thread(lambda: shutil.disk_usage(path))).free
    except OSError:
        return Passed("The engine's disk cannot be looked at from here")
    if finding := disk(path, free):
        raise Failure(finding)
    return Passed(f"{size(free)} are free on the engine's disk")


CHECKS: Final[tuple[Check[Facts], ...]] = (
    Check("runtime", RUNTIME, "Docker", (), _runtime),
    Check("engine-clock", RUNTIME, "The engine's clock", ("runtime", "environment"), _clock),
    Check("engine-disk", RUNTIME, "The engine's disk", ("runtime", "environment"), _disk),
)
