"""Does the server let the application in?"""

from typing import Final

from stack.doctor.examination import Check, Passed
from stack.doctor.facts import Facts
from stack.doctor.stages import DATABASE


async def _database(facts: Facts) -> Passed:
    ping = await facts.login()
    return Passed(f"PostgreSQL {ping.server_version} answers in {ping.latency_ms:.1f} ms")


CHECKS: Final[tuple[Check[Facts], ...]] = (
    Check("database", DATABASE, "Connection", ("services", "env-in-use"), _database),
)
