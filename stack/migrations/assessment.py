"""Steps with their risks on the real tables: what a review of a migration looks at."""

import re
import shlex
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from stack.background import in_thread
from stack.findings import Code, Failure, Finding, Fix, Severity
from stack.migrations.configuration import locate
from stack.migrations.preview import StepSQL, unknown_sql
from stack.migrations.protocol import Direction
from stack.migrations.risks.facts import Catalogue, read_catalogue
from stack.migrations.risks.judge import Judged, JudgedStep, judge
from stack.migrations.risks.review import Review, read_review
from stack.migrations.risks.risk import Advice, Risk, Rule
from stack.migrations.risks.squawk import Remark, ask_squawk, find_squawk
from stack.migrations.risks.statements import Statement, read_statements
from stack.project import Project


@dataclass(frozen=True, slots=True)
class Assessment:
    """Judged steps, in the order in which they are applied; `squawked` where squawk was asked too.

    `away` says why the database was not asked, if it was not: then no size and no type is known.
    """

    steps: tuple[JudgedStep, ...]
    squawked: bool
    away: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What must not go unseen: steps with errors that nobody has reviewed, and what could not be judged."""
        risky = tuple(_finding(step) for step in self.steps if step.unreviewed)
        unseen = [step.sql for step in self.steps if Rule.UNKNOWN_SQL.value not in step.reviewed]
        return (*risky, *unknown_sql(unseen), *self.away)


class Connect(Protocol):
    """Lends a connection to the database."""

    def __call__(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Lend one, or raise `Failure` where there is none."""
        ...


async def assess(project: Project, connect: Connect, steps: Sequence[StepSQL]) -> Assessment:
    """Judge `steps`, which follow each other from where the database is; without it where it cannot be reached.

    Raises:
        Failure: the project has no migrations.
    """
    version_table = (await in_thread(lambda: locate(project))).version_table
    statements, reviews = await in_thread(lambda: _read(steps))
    operations = [operation for read in statements.values() for each in read for operation in each.operations]
    catalogue = Catalogue()
    away: tuple[Finding, ...] = ()
    try:
        async with connect() as connection:
            catalogue = await read_catalogue(connection, operations)
    except Failure as failure:
        away = failure.findings
    judged = judge(steps, statements, reviews, catalogue, version_table)
    program = find_squawk()
    # Alembic's own table is nobody's to mend.
    marks = re.compile(rf'(?:INTO|UPDATE|FROM|TABLE) [\w".]*\b{re.escape(version_table.name)}\b')
    upgrades = [
        "SELECT 1" if marks.search(each.statement.text) else each.statement.text
        for step in judged
        for each in step.upgrade
    ]
    remarks = await ask_squawk(program, upgrades, project.root) if program else None
    return Assessment(_with_remarks(judged, remarks or ()), remarks is not None, away)


def _read(
    steps: Sequence[StepSQL],
) -> tuple[dict[tuple[str, Direction], tuple[Statement, ...]], Mapping[str, Review]]:
    statements = {
        (step.revision.revision, direction): read_statements(step.side(direction).statements)
        for step in steps
        for direction in Direction
    }
    return statements, {step.revision.revision: read_review(step.revision.path) for step in steps}


def _with_remarks(steps: Sequence[JudgedStep], remarks: Sequence[Remark]) -> tuple[JudgedStep, ...]:
    by_place: dict[int, list[Risk]] = {}
    for remark in remarks:
        text = f"{remark.message} [squawk: {remark.rule}]"
        by_place.setdefault(remark.place, []).append(Risk(Rule.SQUAWK, Severity.INFO, text, Advice(remark.help or "")))
    place, told = 0, []
    for step in steps:
        upgrade: list[Judged] = []
        for judged in step.upgrade:
            upgrade.append(replace(judged, risks=(*judged.risks, *by_place.get(place, ()))))
            place += 1
        told.append(replace(step, upgrade=tuple(upgrade)))
    return tuple(told)


def _finding(step: JudgedStep) -> Finding:
    revision, risks = step.sql.revision, step.unreviewed
    rules = ", ".join(f'"{rule}": "why"' for rule in dict.fromkeys(risk.rule.value for risk in risks))
    return Finding(
        Code.MIGRATION_RISKY,
        f"{revision.revision} has {len(risks)} risk{'s' * (len(risks) > 1)} that nobody has reviewed",
        f"{revision.path}: {'; '.join(risk.text for risk in risks)}",
        fixes=(
            Fix("See what it locks, and the safer ways", f"stackdeck migrate lint {shlex.quote(revision.revision)}"),
            Fix(f"Take the safer way, or say in {revision.path.name} that it is meant: reviewed = {{{rules}}}"),
        ),
    )
