"""The log of the Services screen: lines are shown as they are, found, filtered, held, saved, and never obeyed."""

import stat
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from textual.content import Content
from textual.widgets import Input

from stack.services.control import LineKind, LogLine
from stack.services.log_levels import Level, level_of
from tests.support.fake_workspace import FakeWorkspace
from tests.tui.support import deck_over, until
from tui.log_history import LINES
from tui.requests import BATCH
from tui.widgets.log_prompt import LogPrompt, Purpose
from tui.widgets.save_log import SaveLog

SIZE = (100, 40)
NOON = datetime(2026, 1, 2, 12, 0, 0, 345_000, tzinfo=UTC)


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("TZ", "UTC")


def shown(deck):
    return "\n".join(strip.text.rstrip() for strip in deck.screen._compositor.render_strips())


def line(text, service="db", **fields):
    return LogLine(service, f"bookings-{service}-1", NOON, text, level_of(text) or Level.UNKNOWN, **fields)


@asynccontextmanager
async def log_of(*lines, size=SIZE):
    """The deck on its Services screen with `lines` in the log; yields it, its pilot, and how more are written."""
    workspace = FakeWorkspace()
    deck = deck_over(workspace)

    def write(*more):
        for each in more:
            workspace.fake_services.log.put_nowait(each if isinstance(each, LogLine) else line(each))

    async with deck.run_test(size=size) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: ("follow", "db") in workspace.fake_services.asked)
        write(*lines)
        view = deck.front.log_pane.view
        await until(pilot, lambda: view.history.end == len(lines))
        yield deck, pilot, write


def subtitle(deck):
    return Content.from_markup(str(deck.front.log_pane.border_subtitle)).plain


async def test_lines_have_a_sign_by_level_and_control_characters_are_shown():
    lines = ("LOG:  ready", "ERROR:  no such table [red]x[/]", "WARNING:  slow", "\ta\tb \x1b[2J\x07")
    async with log_of(*lines) as (deck, pilot, _):
        await until(pilot, lambda: "✗ ERROR:  no such table [red]x[/]" in shown(deck))
        assert "▲ WARNING:  slow" in shown(deck)
        assert "a   b ␛[2J␇" in shown(deck)


async def test_what_happened_and_what_is_missing_stand_apart_from_what_was_written():
    stopped = line("container bookings-db-1 stopped (exit status 0)", kind=LineKind.EVENT)
    gap = line("48,210 lines dropped", kind=LineKind.GAP, dropped=48_210)
    async with log_of("one", stopped, gap) as (deck, pilot, _):
        await until(pilot, lambda: "── db: container bookings-db-1 stopped (exit status 0)  12:00:00 ──" in shown(deck))
        assert "… 48,210 lines dropped …" in shown(deck)
        await until(pilot, lambda: "48,210 dropped" in subtitle(deck))


async def test_a_search_marks_counts_and_goes_from_one_to_the_next():
    lines = [f"{'Needle' if n % 10 == 0 else 'hay'} {n}" for n in range(100)]
    async with log_of(*lines) as (deck, pilot, write):
        view = deck.front.log_pane.view
        await pilot.press("slash", *"needle")
        await until(pilot, lambda: "/needle 10 of 10" in subtitle(deck))
        await pilot.press("enter", "n")
        await until(pilot, lambda: "/needle 1 of 10" in subtitle(deck))
        await until(pilot, lambda: "Needle 0" in shown(deck) and "hay 99" not in shown(deck))
        await pilot.press("N")
        await until(pilot, lambda: "/needle 10 of 10" in subtitle(deck) and "Needle 90" in shown(deck))
        write("a needle more")
        await until(pilot, lambda: "of 11" in subtitle(deck))
        await pilot.press("slash", "ctrl+u", *"Needle")
        await until(pilot, lambda: "/Needle 10 of 10" in subtitle(deck))
        await pilot.press("escape")
        await until(pilot, lambda: view.history.search is None and not deck.front.log_pane.prompt.display)
        write("[/] a [b]")
        await pilot.press("slash", *"[/]")
        await until(pilot, lambda: "/[/] 1 of 1" in subtitle(deck) and "/[/] 1 of 1" in shown(deck))


async def test_a_filter_shows_only_what_matches_and_goes_on_with_new_lines():
    async with log_of("LOG:  one", "ERROR:  two", "ERROR:  three", "LOG:  four") as (deck, pilot, write):
        await pilot.press("ampersand", "ctrl+r", *"t(wo|hree", "right_parenthesis")
        await until(pilot, lambda: "2 shown" in subtitle(deck))
        await pilot.press("enter")
        assert "LOG:  one" not in shown(deck)
        write("LOG:  two again", "LOG:  five")
        await until(pilot, lambda: "LOG:  two again" in shown(deck))
        assert "five" not in shown(deck)
        await pilot.press("m", "m")
        await until(pilot, lambda: "from warning up" in subtitle(deck) and "two again" not in shown(deck))
        await pilot.press("escape")
        await until(pilot, lambda: "five" in shown(deck) and subtitle(deck) == "")


async def test_a_wrong_expression_is_told_while_typing_and_the_last_good_one_stays():
    async with log_of("one", "two") as (deck, pilot, _):
        await pilot.press("ampersand", "ctrl+r", *"tw")
        await until(pilot, lambda: "1 shown" in subtitle(deck))
        await pilot.press("left_parenthesis")
        await until(pilot, lambda: "missing )" in shown(deck))
        assert "1 shown" in subtitle(deck)


async def test_an_expression_that_would_never_end_is_given_up_and_said():
    async with log_of("a" * 60, "b") as (deck, pilot, _):
        deck.front.log_pane.prompt.ask(Purpose.FILTER)
        await pilot.press("ctrl+r")
        deck.front.query_one(LogPrompt).query_one(Input).value = "(a|aa)+$x|(a|aa)+c"
        await until(pilot, lambda: "takes too long" in shown(deck))
        await pilot.press("escape")
        await until(pilot, lambda: "aaaa" in shown(deck))


async def test_scrolled_up_it_stays_and_counts_what_comes_below():
    async with log_of(*(f"line {n}" for n in range(200))) as (deck, pilot, write):
        view = deck.front.log_pane.view
        await until(pilot, lambda: "line 199" in shown(deck))
        view.focus()
        await pilot.press("pageup")
        await until(pilot, lambda: not view.following)
        top = view.scroll_offset.y
        write(*(f"more {n}" for n in range(7)))
        await until(pilot, lambda: "↓ 7 new (G)" in subtitle(deck))
        assert view.scroll_offset.y == top
        await pilot.press("end")
        await until(pilot, lambda: view.following and "more 6" in shown(deck))
        await pilot.press("home")
        await until(pilot, lambda: "line 0" in shown(deck))
        await pilot.press("G")
        await until(pilot, lambda: "more 6" in shown(deck) and subtitle(deck) == "")


async def test_paused_it_holds_still_and_goes_on_with_all_that_came():
    async with log_of("one") as (deck, pilot, write):
        await pilot.press("space")
        write("two", "three")
        await until(pilot, lambda: "paused, 2 wait" in subtitle(deck))
        assert "two" not in shown(deck)
        await pilot.press("space")
        await until(pilot, lambda: "three" in shown(deck))


async def test_long_lines_run_on_or_are_wrapped_and_times_come_and_go():
    tail = "the end of it"
    async with log_of("x" * 150 + tail, "界" * 80 + "!") as (deck, pilot, _):
        assert tail not in shown(deck)
        await pilot.press("z")
        await until(pilot, lambda: tail in shown(deck) and "界!" in shown(deck))
        await pilot.press("h")
        await until(pilot, lambda: "12:00:00.345 xxx" in shown(deck))
        await pilot.press("h", "z")
        await until(pilot, lambda: "12:00:00" not in shown(deck) and tail not in shown(deck))


async def test_only_so_many_lines_are_kept_and_what_is_read_stays_in_place():
    async with log_of("first") as (deck, pilot, _):
        pane, view = deck.front.log_pane, deck.front.log_pane.view
        pane.add([line(f"line {n}") for n in range(LINES)], 0)
        await until(pilot, lambda: len(view.history.shown) == LINES)
        assert (view.history.first, view.virtual_size.height) == (1, LINES)
        view.scroll_to(y=1000, animate=False, force=True, immediate=True)
        await until(pilot, lambda: "line 1000" in shown(deck))
        pane.add([line(f"new {n}") for n in range(100)], 0)
        await pilot.pause()
        assert view.scroll_offset.y == 900
        assert "line 1000" in shown(deck)


async def test_a_selection_is_copied_as_it_is_seen():
    async with log_of("hello world", "second line") as (deck, pilot, _):
        view = deck.front.log_pane.view
        await until(pilot, lambda: "second line" in shown(deck))
        await pilot.mouse_down(view, offset=(8, 0))
        await pilot.hover(view, offset=(7, 1))
        await pilot.mouse_up(view, offset=(7, 1))
        assert deck.screen.get_selected_text() in {"world\n  secon", "world\n  second"}


async def test_the_log_is_saved_for_its_owner_alone_and_never_over_a_file(tmp_path):
    async with log_of("LOG:  one \x1b[31m", "ERROR:  two") as (deck, pilot, _):
        target = tmp_path / "some.log"

        async def save(path):
            await pilot.press("ctrl+s")
            await until(pilot, lambda: isinstance(deck.screen, SaveLog))
            deck.screen.query_one(Input).value = str(path)
            await pilot.press("enter")

        await pilot.press("ampersand", *"two", "enter")
        await save(target)
        await until(pilot, target.exists)
        assert target.read_text() == "2026-01-02T12:00:00.345000+00:00 db | ERROR:  two\n"
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        await save(target)
        await until(pilot, lambda: "some.log exists already" in shown(deck))
        await pilot.press("escape")
        await save(tmp_path / "all.log")
        await until(pilot, (tmp_path / "all.log").exists)
        assert "db | LOG:  one ␛[31m\n" in (tmp_path / "all.log").read_text()
        await save(tmp_path / "nowhere" / "x.log")
        await until(pilot, lambda: "The log could not be saved" in shown(deck))


async def test_a_feed_never_holds_more_than_the_log_can_take():
    assert BATCH <= LINES
