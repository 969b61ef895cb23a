"""Is there something to run Postgres on?"""

from typing import Final

from stack.doctor.examination import Check, Passed
from stack.doctor.facts import Facts
from stack.doctor.stages import RUNTIME
from stack.findings import Failure
from stack.project import RuntimeName


async def _runtime(facts: Facts) -> Passed:
    runtime = await facts.runtime()
    match runtime.name:
        case RuntimeName.DOCKER:
            engine = await facts.engine()
            if engine.problem:
                raise Failure(engine.problem)
            return Passed(f"Docker Engine {engine.version} answers at {engine.endpoint}")
        case RuntimeName.EMBEDDED:
            return Passed(f"An embedded Postgres is used: {runtime.reason}")
        case RuntimeName.EXTERNAL:
            return Passed(f"The database is somebody else's server: {runtime.reason}")


CHECKS: Final[tuple[Check[Facts], ...]] = (Check("runtime", RUNTIME, "Docker", (), _runtime),)
