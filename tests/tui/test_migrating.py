"""Migrations from the deck: what they do is shown before, and where they cost something a name is typed."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

from stack.findings import Code, Failure, Finding
from stack.migrations.drift.aspects import Aspect
from stack.migrations.drift.difference import Difference
from stack.migrations.drift.drift import Drift, NotLookedAt
from stack.migrations.new_revision import Draft
from stack.migrations.plan import Target
from tests.support.fake_workspace import FakeWorkspace
from tests.tui.support import deck_over, shown, until
from tui.jobs import Stage
from tui.widgets.drift_report import DriftReport
from tui.widgets.new_migration import DraftPreview, NewMigration
from tui.widgets.plan_question import PlanQuestion

SIZE = (100, 30)


async def test_migrations_are_applied_and_taken_back_after_typing_the_databases_name():
    workspace = FakeWorkspace()
    migrations = workspace.fake_migrations
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: "2 pending" in shown(deck))
        await pilot.press("n")
        await until(pilot, lambda: "1 pending" in shown(deck) and not deck.busy)
        await pilot.press("a")
        await until(pilot, lambda: "nothing is pending" in shown(deck) and not deck.busy)
        await pilot.press("down", "down", "d")
        await until(pilot, lambda: isinstance(deck.screen, PlanQuestion))
        for words in ("take back 0005", "takes back what it made", "$ stackdeck migrate down 0003"):
            assert words in shown(deck)
        await pilot.press("d", *"0003", "enter")
        await pilot.pause()
        assert isinstance(deck.screen, PlanQuestion), "another word than the database's name is no consent"
        await pilot.press(*["backspace"] * 4, *"app", "enter")
        await until(pilot, lambda: "2 pending" in shown(deck))
        assert migrations.asked == [("upgrade", "0004"), ("upgrade", "heads"), ("downgrade", "0003")]
        ((verb, file),) = [asked for asked in workspace.fake_services.asked if asked[0] == "dump"]
        assert (verb, file.startswith("/nowhere/app-")) == ("dump", True)


@asynccontextmanager
async def on_another_server():
    """Open Migrations on a server that is not the project's own."""
    workspace = FakeWorkspace()
    workspace.fake_migrations.target = Target("live", "db.example.com:5432", own=False)
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: "2 pending" in shown(deck))
        yield deck, pilot, workspace.fake_migrations


async def test_on_another_server_nothing_is_applied_before_its_name_was_typed():
    async with on_another_server() as (deck, pilot, migrations):
        await pilot.press("a")
        await until(pilot, lambda: isinstance(deck.screen, PlanQuestion))
        assert "Apply these migrations on live at db.example.com:5432?" in shown(deck)
        assert "apply 0004  The history of a booking" in shown(deck)
        await pilot.press("escape")
        await until(pilot, lambda: not deck.busy)
        assert migrations.asked == []
        await pilot.press("a")
        await until(pilot, lambda: isinstance(deck.screen, PlanQuestion))
        await pilot.press("y", *"live", "enter")
        await until(pilot, lambda: "nothing is pending" in shown(deck))
        assert migrations.asked == [("upgrade", "heads")]


async def test_on_another_server_a_rehearsal_takes_the_name_too():
    async with on_another_server() as (deck, pilot, migrations):
        await pilot.press("h")
        await until(pilot, lambda: isinstance(deck.screen, PlanQuestion))
        for words in ("Rehearse what is pending on live at db.example.com:5432?", "rehearse 0004"):
            assert words in shown(deck)
        await pilot.press("y", *"app", "enter")
        await pilot.pause()
        assert isinstance(deck.screen, PlanQuestion), "another word than the database's name is no consent"
        assert migrations.asked == []
        await pilot.press(*["backspace"] * 3, *"live", "enter")
        await until(pilot, lambda: not deck.busy)
        assert migrations.asked == [("rehearse", "")]


async def test_what_cannot_be_undone_of_a_migration_that_was_stopped_is_said():
    workspace = FakeWorkspace()
    begun = asyncio.Event()

    async def upgrade(target, progress, approve):
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise Failure(Finding(Code.MIGRATION_STOPPED, "0004 was stopped", "Not valid: by_day.")) from None

    workspace.fake_migrations.upgrade = upgrade
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: "2 pending" in shown(deck))
        await pilot.press("n")
        await begun.wait()
        await pilot.press("escape")
        await until(pilot, lambda: "0004 was stopped" in shown(deck))
        assert deck.job.stage is Stage.STOPPED
        # The next job is another one.
        del workspace.fake_migrations.upgrade
        await pilot.press("n")
        await until(pilot, lambda: "1 pending" in shown(deck) and not deck.busy)
        assert deck.job.stage is Stage.DONE


async def test_a_stamp_says_what_it_does_and_does_not():
    workspace = FakeWorkspace()
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: "2 pending" in shown(deck))
        await pilot.press("S")
        await until(pilot, lambda: isinstance(deck.screen, PlanQuestion))
        for words in ("alembic_version says 0003, and will say 0005", "No table is made, changed or dropped"):
            assert words in shown(deck)
        await pilot.press("y", *"app", "enter")
        await until(pilot, lambda: "nothing is pending" in shown(deck))
        assert workspace.fake_migrations.asked == [("stamp", "0005")]


async def test_a_new_migration_is_shown_before_it_is_written():
    workspace = FakeWorkspace()
    migrations = workspace.fake_migrations
    migrations.drafts = (
        Draft(Path("/nowhere/migrations/0006_more.py"), "def upgrade() -> None:\n    pass  # [/] \x1b"),
    )
    deck = deck_over(workspace)
    async with deck.run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: "2 pending" in shown(deck))
        await pilot.press("m")
        await until(pilot, lambda: isinstance(deck.screen, NewMigration))
        await pilot.press("enter")
        assert isinstance(deck.screen, NewMigration), "without a message there is nothing to name its file after"
        await pilot.press(*"More", "ctrl+e")
        await until(pilot, lambda: isinstance(deck.screen, DraftPreview))
        for words in ("migrations/0006_more.py", "pass  # [/] ␛", "⏎ Write it"):
            assert words in shown(deck)
        await pilot.press("escape")
        await until(pilot, lambda: not deck.busy)
        assert migrations.asked == [("draft", "empty")]
        await pilot.press("m", *"More", "enter")
        await until(pilot, lambda: isinstance(deck.screen, DraftPreview))
        assert "Autogenerate does not see:" in shown(deck)
        await pilot.press("enter")
        await until(pilot, lambda: not deck.busy)
        assert migrations.asked[1:] == [("draft", "autogenerate"), ("write", "0006_more.py")]


async def test_drift_says_what_was_not_looked_at():
    workspace = FakeWorkspace()
    unseen = (NotLookedAt("views", "the role may not create databases"), NotLookedAt("rules", "nobody compares them"))
    workspace.fake_migrations.drift_now = Drift((), (Aspect.MODELS,), unseen)
    deck = deck_over(workspace)
    async with deck.run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: "2 pending" in shown(deck))
        await pilot.press("c")
        await until(pilot, lambda: isinstance(deck.screen, DriftReport))
        told = shown(deck)
        for words in (
            "Esc close",
            "No difference in what was looked at",
            "Not looked at, because the role may not create databases:",
            "? rules",
        ):
            assert words in told
        await pilot.press("escape")
        workspace.fake_migrations.drift_now = Drift((Difference(Aspect.VIEWS, "The view «[/]» is odd."),), (), unseen)
        await until(pilot, lambda: not isinstance(deck.screen, DriftReport))
        await pilot.press("c")
        await until(pilot, lambda: "The view «[/]» is odd." in shown(deck))
        assert "1 difference" in shown(deck)
