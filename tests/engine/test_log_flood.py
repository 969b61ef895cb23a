"""A container that writes faster than anybody reads: the deck counts every line, and its event loop stays free."""

import pytest

from tests.support.flood import flooded_deck
from tui.log_history import LINES

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


async def test_the_deck_answers_keys_while_a_flood_is_dropped_and_counted(engine):
    async with flooded_deck(engine) as flood:
        await flood.press_keys(3)
        view = flood.pilot.app.front.log_pane.view
        assert flood.dropped > flood.shown > 0
        assert view.history.dropped >= flood.dropped
        assert len(view.history.every_number()) <= LINES
    # Of the processor's time, which no other program lengthens; with a margin for slow machines.
    assert flood.longest_work < 0.25
