"""The worker plans what we would have planned, and refuses what we would have refused."""

import pytest

from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure
from stack.migrations.child import Standby, make_preparation, ready_worker
from stack.migrations.having_planned import have_planned
from stack.migrations.history import read_history
from stack.migrations.plan import Plan
from stack.migrations.planning import plan_downgrade, plan_upgrade
from stack.migrations.protocol import Command
from stack.migrations.site import Site
from tests.support.alembic import Step, chain, make_project, write_step

NOWHERE = DatabaseURL("127.0.0.1", 1, "nowhere", "nobody", None)

# Two branches that depend on each other and merge, and a third with a base of its own.
STEPS = [
    Step("aa01", labels=("shop",)),
    Step("ab02", ("aa01",)),
    Step("ac03", ("aa01",), labels=("side",)),
    Step("ad04", ("ac03",), depends_on=("ab02",)),
    Step("ae05", ("ab02", "ad04")),
    Step("ba01", labels=("post",)),
    Step("bb02", ("ba01",), depends_on=("side",)),
    Step("bc03", ("bb02",)),
]
PLACES = [(), ("aa01",), ("ab02", "ac03"), ("ab02", "ba01"), ("ae05", "bc03"), ("nonesuch",)]
TARGETS = {
    Command.UPGRADE: ["heads", "head", "ae05", "ae", "a", "+1", "post@head", "side@+1", "bb02", "base", "nonesuch"],
    Command.DOWNGRADE: ["base", "-1", "aa01", "ab02", "post@base", "shop@aa01", "bb02", "heads", "nonesuch"],
}
PLANNERS = {Command.UPGRADE: plan_upgrade, Command.DOWNGRADE: plan_downgrade}


def asked_at(*current):
    """What stands in for a server whose database is at `current`."""

    async def ask(statement, _parameters):
        return [("public",)] if "nspname" in statement.as_string() else [(name,) for name in current]

    return ask


async def came_of(planning):
    try:
        return await planning
    except Failure as failure:
        return failure.finding


async def planned_here(history, wanted, current):
    if not {*current} <= {revision.revision for revision in history.revisions}:
        return Code.MIGRATION_UNKNOWN_REVISION
    return PLANNERS[wanted.command](history, current, target=wanted.target, database=wanted.database)


async def planned_there(site, wanted, current, worker):
    _, plan = await have_planned(site, wanted, site.project.root, worker, asked_at(*current))
    return plan


def lend(site):
    preparation = make_preparation(site.project.alembic_files, site.url.reveal())
    return ready_worker(Standby(), site.project.root, preparation)


@pytest.mark.filterwarnings("ignore:downgrade -1 from multiple heads")
@pytest.mark.parametrize("command", list(TARGETS))
async def test_the_steps_are_ours_from_everywhere_to_everywhere(tmp_path, command):
    site = Site(make_project(tmp_path, STEPS), NOWHERE)
    history = await read_history(site.project)
    plans = 0
    async with lend(site) as worker:
        for current in PLACES:
            for target in TARGETS[command]:
                wanted = Plan(command, target, site.database)
                here = await came_of(planned_here(history, wanted, current))
                there = await came_of(planned_there(site, wanted, current, worker))
                if here is Code.MIGRATION_UNKNOWN_REVISION:
                    there = there.code
                assert there == here, (current, target)
                plans += isinstance(here, Plan) and not here.empty
    assert plans > 10


def twice(root):
    write_step(root / "migrations", Step("r0001"))
    (root / "migrations" / "versions" / "r0001_step.py").rename(root / "migrations" / "versions" / "again.py")
    write_step(root / "migrations", Step("r0001"))


def orphan(root):
    write_step(root / "migrations", Step("r0003", ("nonesuch",)))


def options(text):
    def add(root):
        with (root / "alembic.ini").open("a") as file:
            file.write(f"{text}\n")

    return add


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (twice, "is revision r0001 too"),
        (orphan, "r0003 comes after nonesuch, and no file is that revision"),
        (options("databases = one, two"), "databases = one, two"),
        (options("sourceless = true"), "sourceless is set"),
        (options("[nonesuch"), "alembic.ini"),
    ],
    ids=["a revision twice", "no parent", "several databases", "compiled", "no configuration"],
)
async def test_what_is_no_history_is_explained_as_ever(tmp_path, spoil, words):
    site = Site(make_project(tmp_path, chain(2)), NOWHERE)
    spoil(tmp_path)
    async with lend(site) as worker:
        wanted = Plan(Command.UPGRADE, "heads", site.database)
        finding = await came_of(planned_there(site, wanted, (), worker))
    assert finding.code in {Code.MIGRATIONS_BROKEN, Code.MIGRATIONS_UNSUPPORTED}
    assert words in finding.cause
