"""How long ``stackdeck migrate status`` takes, beside ``alembic current`` and then ``alembic heads``.

And ``stackdeck migrate up`` of 200 small revisions beside ``alembic upgrade head``, each on a database just made; and
how long a history of 1,000 revisions takes from the key to the rows on the Migrations screen. On a Postgres of the
machine's own, by turns in one run. Prints medians and minima in milliseconds, and the ratio. ``--rounds N`` says how
often, ``--revisions N`` how long the shorter history is, ``--steps N`` how many an upgrade has; ``--only`` measures one
of the three.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from measuring import STACKDECK, Scratch, milliseconds, show, show_ratio

from stack.environment.url import DatabaseURL
from stack.lazy_imports import import_parts
from stack.migrations.runner import upgrade
from stack.migrations.site import Site
from stack.project import Options, Project
from stack.workspace import Workspace, open_workspace
from tests.support.alembic import OFFLINE_ENV, Step, chain, make_project, write_body
from tests.support.postgres import PostgresServer, find_binaries, run_postgres
from tests.tui.support import shown
from tui.app import Deck
from tui.screens.migrations import MigrationsScreen

ALEMBIC = str(Path(STACKDECK).with_name("alembic"))


def make_idle_project(directory: Path, revisions: int) -> Project:
    """Make a project of so many revisions, none of which does anything."""
    return make_project(directory, [Step(step.revision, step.down) for step in chain(revisions)], OFFLINE_ENV)


def make_busy_project(directory: Path, revisions: int) -> None:
    """Make a project of so many revisions: each makes a small table, or gives the one before it a column."""
    make_idle_project(directory, revisions)
    table = ""
    for step in chain(revisions):
        if table:
            change = f'op.add_column("{table}", sa.Column("note", sa.Text()))'
            table = ""
        else:
            table = step.revision
            change = (
                f'op.create_table("{table}", sa.Column("id", sa.Integer(), primary_key=True), '
                'sa.Column("name", sa.String(40), nullable=False))'
            )
        write_body(directory, step.revision, f"import sqlalchemy as sa\n{change}")


def point_at(directory: Path, url: DatabaseURL) -> None:
    """Let Alembic's own commands find the database at `url`."""
    ini = directory / "alembic.ini"
    kept = ini.read_text().partition("sqlalchemy.url")[0]
    ini.write_text(f"{kept}sqlalchemy.url = {url.reveal().replace('%', '%%')}\n")


def by_turns(scratch: Scratch, rounds: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds of ``stackdeck migrate status``, and of Alembic's two commands."""
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(milliseconds(lambda: scratch.run(STACKDECK, "migrate", "status")))
        theirs.append(milliseconds(lambda: (scratch.run(ALEMBIC, "current"), scratch.run(ALEMBIC, "heads"))))
    return ours, theirs


def upgrades(
    server: PostgresServer, directory: Path, environ: dict[str, str], rounds: int
) -> tuple[list[float], list[float]]:
    """Return the milliseconds of ``stackdeck migrate up``, and of ``alembic upgrade head``."""
    ours, theirs = [], []
    for _ in range(rounds):
        for commands, taken in ((_our_upgrade, ours), (_their_upgrade, theirs)):
            with server.database() as url:
                point_at(directory, url)
                scratch = Scratch(directory, "", environ | addresses(url))
                argv = commands(url)
                taken.append(milliseconds(lambda scratch=scratch, argv=argv: scratch.run(*argv)))
    return ours, theirs


def _our_upgrade(url: DatabaseURL) -> tuple[str, ...]:
    return STACKDECK, "migrate", "up", "--confirm", url.database


def _their_upgrade(_url: DatabaseURL) -> tuple[str, ...]:
    return ALEMBIC, "upgrade", "head"


def addresses(url: DatabaseURL) -> dict[str, str]:
    """Return the environment that names the database at `url`."""
    return {"DATABASE_URL": url.reveal(), "APP_DB_URL": url.reveal()}


async def opening(project: Project, environ: dict[str, str], rounds: int) -> list[float]:
    """Return the milliseconds from the key to the rows, in a deck that has not been on the screen before."""
    taken = []
    import_parts()
    for _ in range(rounds):
        async with open_workspace(Options(project.root), environ) as workspace:
            deck = Deck(lambda opened=workspace: _given(opened))
            async with deck.run_test(size=(160, 45)) as pilot:
                while deck.workspace is None:
                    await pilot.pause(0.01)
                began = time.perf_counter()
                await pilot.press("5")
                while not _filled(deck):  # noqa: ASYNC110 - the screen has no event for it
                    await asyncio.sleep(0.002)
                assert "10 pending" in shown(deck), "this draws every line of it"
                taken.append((time.perf_counter() - began) * 1000)
    return taken


def _filled(deck: Deck) -> bool:
    return isinstance(deck.screen, MigrationsScreen) and deck.screen.grid.row_count > 0


async def _given(workspace: Workspace) -> Workspace:
    return workspace


def main() -> None:
    """Measure by turns, so that both meet the same machine."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--revisions", type=int, default=20)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--only", choices=("status", "up", "screen"))
    wanted = parser.parse_args()
    binaries = find_binaries()
    if binaries is None:
        sys.exit("no Postgres server binaries: `uv sync --extra embedded` brings them")
    with tempfile.TemporaryDirectory(prefix="stackdeck-benchmark-") as place, run_postgres(binaries) as server:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("APP_DB_", "COMPOSE_"))}
        environ = {**kept, "XDG_STATE_HOME": place}
        if wanted.only in {None, "up"}:
            directory = Path(place, "up")
            make_busy_project(directory, wanted.steps)
            ours, theirs = upgrades(server, directory, environ, wanted.rounds)
            show(f"stackdeck migrate up, {wanted.steps} revisions", ours)
            show("alembic upgrade head", theirs)
            show_ratio("ratio", ours, theirs, 1.1)
        if wanted.only != "up":
            standing(server, Path(place), environ, wanted)


def standing(server: PostgresServer, place: Path, environ: dict[str, str], wanted: argparse.Namespace) -> None:
    """Measure what looks at a database whose last ten revisions are pending."""
    for count in (wanted.revisions, 1000):
        with server.database() as url:
            directory = place / str(count)
            project = make_idle_project(directory, count)
            point_at(directory, url)
            asyncio.run(upgrade(Site(project, url), "heads-10"))
            environ = {**environ, **addresses(url)}
            if wanted.only != "screen":
                ours, theirs = by_turns(Scratch(directory, "", environ), wanted.rounds)
                show(f"stackdeck migrate status, {count} revisions", ours)
                show("alembic current, then alembic heads", theirs)
                show_ratio("ratio", ours, theirs, 0.7)
            if wanted.only != "status" and count == 1000:
                taken = asyncio.run(opening(project, environ, wanted.rounds))
                show("the Migrations screen with 1000 revisions", taken, "(at most 1000)")


if __name__ == "__main__":
    main()
