"""The registry is sound: every action is carried out by somebody, and no key means two things in one place."""

import inspect
import re

import pytest

from tui.actions import ACTIONS, Fact, Place, at, bindings, find
from tui.app import Deck
from tui.modes import MODES
from tui.screens.base import DeckScreen


def screen_class(place: Place) -> type[DeckScreen]:
    made = MODES[place]
    return made if inspect.isclass(made) else type(made())


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_action_is_carried_out_by_its_screen_or_the_app(action):
    owner = Deck if action.place is Place.EVERYWHERE else screen_class(action.place)
    assert hasattr(owner, f"action_{action.name.partition('(')[0]}")


@pytest.mark.parametrize("place", [place for place in Place if place is not Place.EVERYWHERE])
def test_no_key_means_two_things_at_once(place):
    meanings = {}
    for action in (*at(place), *at(Place.EVERYWHERE)):
        for key in action.keys.split(","):
            meanings.setdefault(key, []).append(action.needs)
    for key, needs in meanings.items():
        # What needs a long action under way cannot be meant while there must be none.
        apart = [(Fact.BUSY in need, Fact.IDLE in need) for need in needs]
        assert len(needs) == 1 or sorted(apart) == [(False, True), (True, False)], key


@pytest.mark.parametrize("place", [place for place in Place if place is not Place.EVERYWHERE])
def test_screens_bind_exactly_the_registry(place):
    bound = {(binding.key, binding.action) for binding in screen_class(place).BINDINGS}
    assert bound == {(binding.key, binding.action) for binding in bindings(place)}


def test_every_action_is_explained_in_a_sentence():
    assert [action.id for action in ACTIONS if not re.fullmatch(r"[A-Z.].*\.", action.description)] == []
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)


def test_availability_is_all_that_is_needed():
    stop = find(Place.SERVICES, "stop")
    assert stop is not None
    assert stop.is_available(Fact.OPEN | Fact.IDLE | Fact.MANAGED | Fact.SELECTED | Fact.FOUND)
    assert not stop.is_available(Fact.OPEN | Fact.IDLE | Fact.SELECTED)
