"""Rows leave the deck: for the clipboard, whole where they were cut, and for a file, with progress."""

import csv
import io
import json
from dataclasses import replace

from stack.tables.export_statement import Format, Formulas
from tests.support.fake_workspace import FakeTables, FakeWorkspace
from tests.tui.support import deck_over, shown, until
from tui.copying import CAREFUL
from tui.jobs import Stage
from tui.widgets.choice import ChoiceMenu
from tui.widgets.save_export import SaveExport

SIZE = (120, 30)


class LongValues(FakeTables):
    """The notes of the first booking are long, and cut but where a row is read by its key."""

    def __init__(self) -> None:
        super().__init__()
        self.notes = "é\t" * 50_000

    async def page(self, query):
        got = await super().page(query)
        first = (*got.rows[0][:2], self.notes[: query.longest], *got.rows[0][3:])
        return replace(got, rows=(first, *got.rows[1:]), cut=frozenset({(0, 2)}))

    async def row(self, table, shown, index):
        whole = await super().row(table, shown, index)
        return replace(whole, cells=(*whole.cells[:2], self.notes, *whole.cells[3:]))


async def open_rows(deck, pilot):
    await until(pilot, lambda: deck.workspace is not None)
    await pilot.press("6")
    await until(pilot, lambda: "Customer 3" in shown(deck))
    await pilot.press("tab")


async def copy(deck, pilot, choice):
    """Copy what the entry `choice` of the menu says, and return it."""
    deck.clear_notifications()
    await pilot.press("c")
    await until(pilot, lambda: isinstance(deck.screen, ChoiceMenu))
    await pilot.press(*["down"] * choice, "enter")
    await until(pilot, lambda: len(deck._notifications) > 0)
    return deck.clipboard, list(deck._notifications)[-1].message


async def test_a_cell_a_row_and_the_page_are_copied_and_it_says_what_was():
    deck = deck_over(FakeWorkspace())
    async with deck.run_test(size=SIZE) as pilot:
        await open_rows(deck, pilot)
        assert "─ bookings · times in Asia/Kathmandu ─" in shown(deck)
        await pilot.press("down", "right")
        assert await copy(deck, pilot, 0) == (
            "Customer 1",
            "Copied customer as text, 10 B, through the terminal (OSC 52).",
        )
        text, said = await copy(deck, pilot, 6)
        assert list(json.loads(text).items())[:3] == [("id", 1), ("customer", "Customer 1"), ("notes", "")]
        assert said.startswith("Copied a row as JSON, ")
        text, said = await copy(deck, pilot, 9)
        head, *rows = csv.reader(io.StringIO(text))
        assert (head[:3], rows[0][1]) == (["id", "customer", "notes"], "Customer 0")
        assert said.startswith(f"Copied {len(rows)} rows as CSV, ")
        assert (await copy(deck, pilot, 7))[0].startswith('INSERT INTO "public"."bookings" ("id", "customer", "notes"')


async def test_what_the_grid_cuts_is_copied_whole_by_key_and_otherwise_said_to_be_cut():
    workspace = FakeWorkspace()
    workspace.fake_tables = tables = LongValues()
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await open_rows(deck, pilot)
        await pilot.press("right", "right")
        text, said = await copy(deck, pilot, 0)
        assert text == tables.notes
        assert f"no more than {CAREFUL / 1000:.1f} kB" in said
        tables.tables = tuple(replace(table, primary_key=()) for table in tables.tables)
        await pilot.press("r")
        await pilot.press("left", "left", "left", "down", "up")
        await pilot.press("tab", "right", "right")
        await until(pilot, lambda: deck.screen._query.table.primary_key == ())
        text, said = await copy(deck, pilot, 0)
        assert text == tables.notes[: len(text)] != tables.notes
        assert "1 long values are cut" in said


async def test_rows_are_exported_as_asked_with_progress_and_the_command_that_does_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    workspace = FakeWorkspace()
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await open_rows(deck, pilot)
        await pilot.press("s", "ctrl+s")
        await until(pilot, lambda: isinstance(deck.screen, SaveExport))
        await pilot.press("tab", "tab", "space", "shift+tab", "shift+tab", "enter")
        await until(pilot, lambda: "500 of 1,000 rows" in shown(deck))
        assert list(tmp_path.iterdir()) == []
        workspace.fake_tables.exporting.set()
        await until(pilot, lambda: deck.job is not None and deck.job.stage is Stage.DONE)
        [written] = tmp_path.iterdir()
        assert written.read_bytes() == b"id\n1\n"
        assert workspace.fake_tables.exports == [("bookings", Format.CSV, Formulas.GUARDED, ("id:asc",))]
        assert deck.job.command == (
            f"stackdeck export bookings --output {written.name} --format csv --sort id:asc --guard-formulas"
        )
        # The same file once more: it is there.
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(deck.screen, SaveExport))
        deck.screen.query_one("#typed").value = written.name
        await pilot.press("enter")
        await until(pilot, lambda: "exists already" in shown(deck))


async def test_the_suffix_follows_the_format_and_esc_stops_an_export(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    workspace = FakeWorkspace()
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await open_rows(deck, pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(deck.screen, SaveExport))
        await pilot.press("tab", "down", "space", "shift+tab")
        await until(pilot, lambda: deck.screen.query_one("#typed").value.endswith(".jsonl"))
        await pilot.press("enter")
        await until(pilot, lambda: workspace.fake_tables.exports != [])
        assert workspace.fake_tables.exports[0][1:3] == (Format.JSONL, Formulas.KEPT)
        await pilot.press("escape")
        await until(pilot, lambda: deck.job is not None and deck.job.stage is Stage.STOPPED)
        assert list(tmp_path.iterdir()) == []
