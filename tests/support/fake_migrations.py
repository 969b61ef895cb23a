"""The migrations of the fake workspace: five revisions and their SQL, judged for real on made-up tables."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from stack.findings import Failure, Finding
from stack.migrations.assessment import Assessment
from stack.migrations.drift.drift import Drift
from stack.migrations.history import History, heads_after
from stack.migrations.migrations import Look
from stack.migrations.origins import Origin
from stack.migrations.plan import Plan, PlannedStep, Target
from stack.migrations.preview import Side, StepSQL
from stack.migrations.protocol import Command, Direction
from stack.migrations.revision import Revision
from stack.migrations.risks.facts import Catalogue, Table
from stack.migrations.risks.judge import judge
from stack.migrations.risks.operations import Name
from stack.migrations.risks.review import Review
from stack.migrations.risks.statements import read_statements
from stack.migrations.status import MigrationStatus

REVISIONS = tuple(
    Revision(
        f"000{number}",
        (f"000{number - 1}",) if number > 1 else (),
        (),
        (),
        message,
        Path(f"000{number}_{slug}.py"),
        is_head=number == 5,
        is_branch_point=False,
    )
    for number, (slug, message) in enumerate(
        [
            ("people", "Users and customers"),
            ("resources", "What can be booked"),
            ("bookings", "Bookings, of which no two overlap"),
            ("events", "The history of a booking"),
            ("indexes", "What the lists are sorted by"),
        ],
        1,
    )
)
BOOKINGS = Table(Name(None, "bookings"), 1_000_000, 1 << 27)


class FakeMigrations:
    """Five revisions, of which `applied` are applied; `sql` is what some of them send."""

    def __init__(self) -> None:
        self.applied = 3
        self.asked: list[tuple[str, str]] = []
        self.assessed: list[tuple[str, ...]] = []
        self.sql: dict[str, str] = {}
        self.copied: str | None = None
        self.reviewed: dict[str, str] = {}
        self.history_now = History(REVISIONS, ("0005",), ())
        self.away: tuple[Finding, ...] = ()
        self.drafts = ()
        self.drift_now = Drift((), (), ())
        self.target = Target("app", "127.0.0.1:5432", own=True)
        self.gate = asyncio.Event()
        self.gate.set()

    async def look(self):
        if self.away or self.history_now.problems:
            return Look(self.history_now, None, (*self.history_now.problems, *self.away))
        return Look(self.history_now, await self.status(), ())

    async def status(self):
        revisions = self.history_now.revisions
        current = heads_after((), revisions[: self.applied])
        return MigrationStatus(current, self.history_now.heads, revisions[self.applied :], ())

    async def origins(self):
        return {REVISIONS[0].path: Origin("[b]Anna[/]", datetime(2026, 9, 1, tzinfo=UTC))}

    async def pending_sql(self):
        return tuple(map(self.step, self.history_now.revisions[self.applied :]))

    async def plan_rehearsal(self):
        return await self.plan(Command.REHEARSE, "heads", REVISIONS[self.applied :])

    async def rehearse(self, progress, approve):
        await approve(await self.plan_rehearsal(), keep)
        self.asked.append(("rehearse", ""))
        progress("Rehearsing")
        self.sql["0005"] = "UPDATE bookings SET notes = 'rehearsed'"
        self.copied = "0004_drop.py:9: it works outside a transaction"
        return await self.pending_sql()

    async def steps(self, names):
        return tuple(self.step(each) for each in self.history_now.revisions if each.revision in names)

    def step(self, revision):
        up = self.sql.get(revision.revision, f"SELECT '{revision.revision} up'")
        down = f"SELECT '{revision.revision} down'"
        return StepSQL(revision, Side(("BEGIN;", up, "COMMIT;")), Side((down,)), self.copied)

    async def assess(self, steps):
        await self.gate.wait()
        self.assessed.append(tuple(step.revision.revision for step in steps))
        if self.away:
            raise Failure(*self.away)
        sides = {(step.revision.revision, side): step.side(side).statements for step in steps for side in Direction}
        read = {key: read_statements(statements) for key, statements in sides.items()}
        review = {step.revision.revision: Review(self.reviewed) for step in steps}
        return Assessment(judge(steps, read, review, Catalogue({BOOKINGS.name: BOOKINGS})), squawked=True)

    async def draft(self, kind, message):
        self.asked.append(("draft", kind.value))
        return self.drafts

    async def drift(self, progress):
        return self.drift_now

    async def write(self, drafts):
        self.asked.append(("write", drafts[0].path.name))

    async def plan(self, command, target, revisions, **options) -> Plan:
        current = (REVISIONS[self.applied - 1].revision,) if self.applied else ()
        try:
            judged = (await self.assess([*map(self.step, revisions)])).steps
        except Failure as failure:
            judged, options = (None,) * len(revisions), {"unjudged": failure.finding.title}
        steps = tuple(PlannedStep(each, each.revision, step) for each, step in zip(revisions, judged, strict=True))
        return Plan(command, target, self.target, current, steps, **options)

    async def plan_upgrade(self, target):
        revisions = self.history_now.revisions
        wanted = len(revisions) if target == "heads" else int(target)
        return await self.plan(Command.UPGRADE, target, revisions[self.applied : wanted])

    async def plan_downgrade(self, target):
        return await self.plan(Command.DOWNGRADE, target, REVISIONS[int(target) : self.applied][::-1])

    async def plan_stamp(self, target):
        return await self.plan(Command.STAMP, target, (), marked=(target,))

    async def upgrade(self, target, progress, approve):
        await approve(await self.plan_upgrade(target), keep)
        self.asked.append(("upgrade", target))
        progress(f"Running upgrade to {target}")
        self.applied = len(REVISIONS) if target == "heads" else int(target)
        return ()

    async def downgrade(self, target, progress, approve):
        await approve(await self.plan_downgrade(target), keep)
        self.asked.append(("downgrade", target))
        self.applied = int(target)
        return ()

    async def stamp(self, target, progress, approve):
        await approve(await self.plan_stamp(target), keep)
        self.asked.append(("stamp", target))
        self.applied = int(target)


async def keep(plan: Plan) -> Plan:
    """Judge nothing that was not judged before."""
    return plan


def long_history(count: int) -> History:
    """A straight line of `count` revisions."""
    names = [f"r{number:04}" for number in range(count)]
    revisions = tuple(
        replace(REVISIONS[0], revision=name, down_revisions=(before,) if before else (), path=Path(f"{name}.py"))
        for name, before in zip(names, ["", *names], strict=False)
    )
    return History(revisions, (names[-1],), ())
