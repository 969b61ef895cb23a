"""The Migrations screen: the history drawn, a revision with its SQL and risks, and a question before what is risky."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len

from stack.findings import Code, Finding
from stack.migrations.history import History
from stack.migrations.origins import Origin
from tests.support.fake_migrations import REVISIONS, long_history
from tests.support.fake_workspace import FakeWorkspace
from tests.tui.support import deck_over, shown, until
from tui.actions import Fact
from tui.screens.migrations import MigrationsScreen
from tui.widgets import grid as grid_module
from tui.widgets.plan_question import PlanQuestion

SMALL = (80, 24)
LARGE = (160, 45)
HUGE = (220, 45)
DROP = "ALTER TABLE bookings DROP COLUMN notes"
AWAY = Finding(Code.DATABASE_UNREACHABLE, "The database does not answer", "nobody listens")


@pytest.fixture
def workspace():
    made = FakeWorkspace()
    made.fake_migrations.sql["0005"] = DROP
    return made


def table(deck):
    """The lines of the list, from the head on."""
    lines = shown(deck).splitlines()
    start = next(row for row, line in enumerate(lines) if "What it does" in line)
    return lines[start + 1 : start + 6]


async def opened(pilot, deck):
    await pilot.press("5")
    await until(pilot, lambda: "2 pending" in shown(deck))


async def test_risks_stand_beside_what_is_pending_and_in_full_below(workspace):
    deck = deck_over(workspace)
    async with deck.run_test(size=SMALL) as pilot:
        await opened(pilot, deck)
        await until(pilot, lambda: "✗ 1" in shown(deck))
        newest, before, current, *_ = table(deck)
        assert "○ pending ✗ 1 0005" in " ".join(newest.split())
        assert "✓" in before
        assert "◉" in current
        assert "DROP COLUMN" not in shown(deck)
        await pilot.press("enter")
        await until(pilot, lambda: "drop-column" in shown(deck))
        assert DROP in shown(deck)
        await pilot.press("v")
        await until(pilot, lambda: "0005 down" in shown(deck))
        await pilot.press("i")
        await until(pilot, lambda: "0005 down" not in shown(deck))


async def test_on_a_wide_terminal_the_revision_stands_beside_the_list(workspace):
    deck = deck_over(workspace)
    async with deck.run_test(size=LARGE) as pilot:
        await opened(pilot, deck)
        await until(pilot, lambda: "ACCESS EXCLUSIVE on bookings (about 1,000,000 rows, 134 MB)" in shown(deck))
        await pilot.press("ctrl+end")
        # What was applied is judged as well, once the cursor rests on it.
        await until(pilot, lambda: "0001 up" in shown(deck))
        assert "2026-09-01 by [b]Anna[/]" in shown(deck)
        assert workspace.fake_migrations.assessed == [("0004", "0005"), ("0001",)]


async def test_what_is_risky_is_asked_about_and_what_is_not_is_applied(workspace):
    deck = deck_over(workspace)
    async with deck.run_test(size=SMALL) as pilot:
        await opened(pilot, deck)
        await pilot.press("n")
        await until(pilot, lambda: "1 pending" in shown(deck) and not deck.busy)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(deck.screen, PlanQuestion))
        for words in ("Column notes of bookings (about 1,000,000 rows", "blocks all reads and writes", "migrate up"):
            assert words in " ".join(shown(deck).replace("│", " ").split())
        await pilot.press("n")
        await until(pilot, lambda: not deck.busy)
        assert workspace.fake_migrations.asked == [("upgrade", "0004")]
        await pilot.press("a")
        await until(pilot, lambda: isinstance(deck.screen, PlanQuestion))
        await pilot.press("y", *"app", "enter")
        await until(pilot, lambda: "nothing is pending" in shown(deck))
        assert workspace.fake_migrations.asked == [("upgrade", "0004"), ("upgrade", "heads")]


async def test_a_rehearsal_says_what_it_takes_and_shows_what_was_sent(workspace):
    deck = deck_over(workspace)
    async with deck.run_test(size=LARGE) as pilot:
        await opened(pilot, deck)
        await until(pilot, lambda: "drop-column" in shown(deck))
        await pilot.press("h")
        await until(pilot, lambda: isinstance(deck.screen, PlanQuestion))
        assert "rolled back" in shown(deck)
        assert workspace.fake_migrations.asked == []
        await pilot.press("y")
        await until(pilot, lambda: "'rehearsed'" in shown(deck) and "update-rows" in shown(deck))
        assert "Rehearsed on an empty copy of the database. 0004_drop.py:9: it works" in shown(deck)
        assert "2 pending" in shown(deck)


async def test_a_lock_takes_a_key_and_where_it_was_reviewed_none(workspace):
    workspace.fake_migrations.sql["0005"] = "CREATE INDEX slow ON bookings (notes)"
    deck = deck_over(workspace)
    async with deck.run_test(size=SMALL) as pilot:
        await opened(pilot, deck)
        await pilot.press("a")
        await until(pilot, lambda: "y Yes, do it" in shown(deck))
        await until(pilot, lambda: "create-index" in shown(deck) and "safer: Build it concurrently" in shown(deck))
        await pilot.press("n")
        await until(pilot, lambda: not deck.busy)
        assert workspace.fake_migrations.asked == []
        workspace.fake_migrations.reviewed = {"create-index": "at night"}
        await pilot.press("a")
        await until(pilot, lambda: "nothing is pending" in shown(deck))
        assert workspace.fake_migrations.asked == [("upgrade", "heads")]


async def test_a_loss_takes_the_name_though_it_was_reviewed(workspace):
    workspace.fake_migrations.reviewed = {"drop-column": "unused"}
    deck = deck_over(workspace)
    async with deck.run_test(size=SMALL) as pilot:
        await opened(pilot, deck)
        await pilot.press("a")
        await until(pilot, lambda: "d Dump the database first" in shown(deck))
        await until(pilot, lambda: "reviewed: unused" in shown(deck))


async def test_nothing_is_applied_before_it_is_judged(workspace):
    workspace.fake_migrations.gate.clear()
    deck = deck_over(workspace)
    async with deck.run_test(size=SMALL) as pilot:
        await opened(pilot, deck)
        await pilot.press("a")
        await until(pilot, lambda: deck.busy)
        workspace.fake_migrations.gate.set()
        await until(pilot, lambda: isinstance(deck.screen, PlanQuestion))
        assert workspace.fake_migrations.asked == []


async def test_a_broken_history_is_shown_with_what_is_wrong(workspace):
    fake = workspace.fake_migrations
    problem = Finding(Code.MIGRATIONS_BROKEN, "The migrations cannot be read", "0003.py:7: 0003 comes after gone")
    stray = replace(REVISIONS[2], down_revisions=())
    fake.history_now = History((*REVISIONS[:2], stray, *REVISIONS[3:]), ("0002", "0005"), (), (problem,))
    deck = deck_over(workspace)
    async with deck.run_test(size=SMALL) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: "0003.py:7" in shown(deck))
        assert "2 heads" in shown(deck)
        assert "unknown" in table(deck)[0]
        await pilot.press("a", "n", "d")
        assert fake.asked == []


async def test_without_a_database_the_history_is_there(workspace):
    workspace.fake_migrations.away = (AWAY,)
    deck = deck_over(workspace)
    async with deck.run_test(size=LARGE) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: "nobody listens" in shown(deck) and "0005" in table(deck)[0])
        assert "cannot be said" in shown(deck)


async def test_a_long_history_is_filled_once(workspace):
    fake = workspace.fake_migrations
    fake.history_now, fake.applied = long_history(1000), 1000
    deck = deck_over(workspace)
    async with deck.run_test(size=SMALL) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: "r0999" in shown(deck))
        grid = deck.screen.grid
        rows = dict(grid.rows)
        await pilot.press("r")
        await pilot.press("ctrl+end")
        await until(pilot, lambda: "r0000" in shown(deck))
        assert grid.rows == rows


async def test_of_a_long_history_only_what_changed_is_made_anew(workspace, monkeypatch):
    made = []
    make = MigrationsScreen._row
    monkeypatch.setattr(MigrationsScreen, "_row", lambda screen, each: made.append(each.revision) or make(screen, each))
    fake = workspace.fake_migrations
    fake.history_now, fake.applied = long_history(1000), 998
    deck = deck_over(workspace)
    async with deck.run_test(size=LARGE) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: "r0999 up" in shown(deck))
        assert sorted(made) == sorted([*(each.revision for each in fake.history_now.revisions), "r0998", "r0999"])
        made.clear()
        await pilot.press("down", "down", "down")
        await until(pilot, lambda: "r0996 up" in shown(deck))
        # What it rested on long enough was judged, and nothing else.
        assert "r0996" in made
        assert set(made) <= {"r0997", "r0996"}
        assert deck.screen.facts() & Fact.REACHABLE
        made.clear()
        await pilot.press("T")
        await until(pilot, lambda: len(made) == 1000)


async def test_who_wrote_each_of_a_long_history_is_measured_once(workspace, monkeypatch):
    measured = []
    monkeypatch.setattr(grid_module, "cell_len", lambda text: measured.append(text) or cell_len(text))
    fake = workspace.fake_migrations
    fake.history_now, fake.applied = long_history(300), 300
    asked, revisions, day = asyncio.Event(), fake.history_now.revisions, datetime(2026, 9, 1, tzinfo=UTC)

    async def origins():
        await asked.wait()
        return {each.path: Origin("Anna" * (1 + number % 3), day) for number, each in enumerate(revisions)}

    fake.origins = origins
    deck = deck_over(workspace)
    async with deck.run_test(size=HUGE) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: "r0299" in shown(deck))
        measured.clear()
        asked.set()
        await until(pilot, lambda: "2026-09-01  AnnaAnnaAnna" in shown(deck))
        # The day and the author of each with their titles, and the risk where the cursor rests.
        assert len(measured) in {2 * (300 + 1), 3 * (300 + 1)}
