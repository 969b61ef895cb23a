"""Is the schema what the code expects?"""

from typing import Final

from stack.doctor.examination import Check, Passed
from stack.doctor.facts import Facts
from stack.doctor.stages import MIGRATIONS
from stack.findings import Code, Failure, Finding, Fix, Progress


async def _migrations(facts: Facts) -> Passed:
    from stack.migrations.current import unknown_revision

    if facts.stack.project.alembic is None:
        return Passed("This project has no migrations of Alembic's")
    migrations = await facts.stack.migrations()
    status = await migrations.status()
    if status.unknown:
        raise Failure(*map(unknown_revision, status.unknown))
    if not status.pending:
        return Passed(f"The database is at {', '.join(status.current) or 'its base: there are no migrations'}")

    async def upgrade(progress: Progress) -> None:
        await migrations.upgrade("heads", progress)

    first = status.pending[0]
    raise Failure(
        Finding(
            Code.MIGRATIONS_PENDING,
            f"{len(status.pending)} migration{'s' * (len(status.pending) > 1)} pending",
            f"The tables are not what the code expects. The next one is {first.revision}: {first.message}.",
            fixes=(Fix("Apply what is pending", "stackdeck migrate up", apply=upgrade),),
        )
    )


CHECKS: Final[tuple[Check[Facts], ...]] = (Check("migrations", MIGRATIONS, "Migrations", ("own-server",), _migrations),)
