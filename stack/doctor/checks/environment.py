"""Are the settings there, and do all who read them read the same?"""

from typing import Final

from stack.doctor.examination import Check, Passed
from stack.doctor.facts import Facts
from stack.doctor.stages import ENVIRONMENT
from stack.findings import Failure, Severity


async def _environment(facts: Facts) -> Passed:
    report = await facts.environment()
    # The worst come first.
    if report.findings and report.findings[0].severity is not Severity.INFO:
        raise Failure(*report.findings)
    return Passed(f"{report.file.name} is complete: {len(report.variables)} variables")


CHECKS: Final[tuple[Check[Facts], ...]] = (Check("environment", ENVIRONMENT, "Settings", (), _environment),)
