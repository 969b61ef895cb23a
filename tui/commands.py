"""The command palette: the registry of actions, searched by what they are called and what they do."""

from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from tui.actions import Action

if TYPE_CHECKING:
    from tui.app import Deck


class Actions(Provider):
    """Offers what can be done now, on the screen in front and everywhere."""

    async def discover(self) -> Hits:
        """Offer everything before anything was typed."""
        for action in self._available():
            yield DiscoveryHit(self._name(action), partial(self._deck.perform, action), help=action.description)

    async def search(self, query: str) -> Hits:
        """Offer what matches `query`."""
        matcher = self.matcher(query)
        for action in self._available():
            name = self._name(action)
            score = max(matcher.match(name), matcher.match(action.description) * 0.6)
            if score > 0:
                yield Hit(score, matcher.highlight(name), partial(self._deck.perform, action), help=action.description)

    @property
    def _deck(self) -> "Deck":
        return cast("Deck", self.app)

    def _available(self) -> list[Action]:
        return self._deck.available_actions()

    @staticmethod
    def _name(action: Action) -> str:
        return f"{action.title}  ({action.key})"
