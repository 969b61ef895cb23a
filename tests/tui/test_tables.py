"""The Tables screen where the database refuses, or where there is little to show."""

import pytest

from stack.findings import Code, Failure, Finding
from stack.tables.pages import Ordering, Page
from tests.support.fake_workspace import FakeWorkspace
from tests.tui.support import deck_over, shown, until
from tui.actions import Fact
from tui.filters import ControlCharacterFilter

SIZE = (110, 30)


async def test_of_a_table_that_may_not_be_read_nothing_is_asked_by_the_rows_of_another():
    workspace = FakeWorkspace()
    page = workspace.fake_tables.page

    async def refuse(query):
        if query.table.name == "customers":
            raise Failure(Finding(Code.DATABASE_PERMISSION, "You may not read customers", "No right."))
        return await page(query)

    workspace.fake_tables.page = refuse
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: "Customer 0 " in shown(deck))
        assert Fact.ROW in deck.front.facts()
        await pilot.press("down")
        await until(pilot, lambda: "You may not read customers" in shown(deck))
        assert Fact.ROW not in deck.front.facts()
        assert Fact.SELECTED in deck.front.facts()
        await pilot.press("down")
        await until(pilot, lambda: "alembic_version" in str(deck.front.rows_panel.border_title))
        assert Fact.ROW in deck.front.facts()


async def test_a_table_without_columns_still_has_details_and_a_count():
    workspace = FakeWorkspace()

    async def page(query):
        return Page((), ((), ()), None, None, 2, Ordering.OFFSET, frozenset(), 0.001)

    workspace.fake_tables.page = page
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: "about 2 rows" in shown(deck))
        available = {action.name for action in deck.available_actions()}
        assert {"show_details", "count"} <= available
        await pilot.press("i", "u", "s", "enter")
        assert deck.screen is deck.front


@pytest.mark.parametrize("focused", ["tree", "rows"])
async def test_paging_keys_turn_the_page_whether_the_tree_or_the_rows_have_the_keys(focused):
    workspace = FakeWorkspace()
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: "Customer 0 " in shown(deck))
        deck.front.query_one(f"#{focused}").focus()
        second, last = deck.front.rows.row_count, workspace.fake_tables.count - 1
        for key, customer in (("pagedown", second), ("end", last), ("home", 0)):
            await pilot.press(key)
            await until(pilot, lambda customer=customer: f"Customer {customer} " in shown(deck))


async def test_what_did_not_change_is_not_drawn_again(monkeypatch):
    lines = []
    apply = ControlCharacterFilter.apply

    def noted(self, segments, background):
        lines.append(segments)
        return apply(self, segments, background)

    monkeypatch.setattr(ControlCharacterFilter, "apply", noted)
    deck = deck_over(FakeWorkspace())
    async with deck.run_test(size=SIZE) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: "Customer 0 " in shown(deck))
        lines.clear()
        assert "Customer 0 " in shown(deck)
        assert lines == []
