"""Is there something to run Postgres on?"""

import asyncio
from dataclasses import replace
from typing import Final

from stack.doctor.examination import Check, Passed
from stack.doctor.facts import Examined, Facts
from stack.doctor.stages import RUNTIME
from stack.findings import Failure, Finding, Fix, Progress, Severity
from stack.project import RuntimeName
from stack.services.runtime import EngineAnswer


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
            return Passed(f"An embedded Postgres is used: {runtime.reason}", _other_engine(await asked))
        case RuntimeName.EXTERNAL:
            return Passed(f"The database is somebody else's server: {runtime.reason}")


def _other_engine(engine: EngineAnswer) -> Finding | None:
    """Return what keeps us from the engine where another one answers, which one may rather want.

    It is in words alone: the embedded server does its work, so this is no next step.
    """
    return replace(engine.problem, severity=Severity.INFO) if engine.problem and engine.others else None


CHECKS: Final[tuple[Check[Facts], ...]] = (Check("runtime", RUNTIME, "Docker", (), _runtime),)
