"""The last line of every screen: the keys that do something here and now."""

from typing import Final

from textual.content import Content
from textual.style import Style
from textual.widget import Widget

from tui.actions import Action, Fact, Place, at

PATIENCE: Final = 0.5
"""Seconds after which an answer that is awaited is called slow."""


class Keys(Widget):
    """The footer, drawn from the registry of actions: this screen's first, then those that work everywhere.

    What cannot be done now is left out. Where not all fit, those at the end give way, but never help and quit.
    """

    def __init__(self, place: Place) -> None:
        """Stand on the screen of `place`."""
        super().__init__()
        self.auto_links = False  # a link looks like the words around it, and can be clicked
        self._place = place
        self._facts = Fact.NONE
        self._waiting = 0.0

    def show(self, facts: Fact) -> None:
        """Show the keys that are of use while `facts` are so."""
        if facts != self._facts:
            self._facts = facts
            self.refresh()

    def show_waiting(self, seconds: float) -> None:
        """Say that what is on screen is old, once an answer has been awaited for longer than a glance."""
        waiting = seconds if seconds >= PATIENCE else 0.0
        if int(waiting * 2) != int(self._waiting * 2):
            self._waiting = waiting
            self.refresh()

    def render(self) -> Content:
        """Draw as many keys as fit."""
        always = [action for action in at(Place.EVERYWHERE) if action.footer and action.name in {"help", "quit"}]
        urgent = [action for action in at(Place.EVERYWHERE) if action.footer and action.needs]
        rest = [
            action for action in at(Place.EVERYWHERE) if action.footer and action not in always and not action.needs
        ]
        here = [action for action in at(self._place) if action.footer]
        waiting = Content.styled(f" ⟳ refreshing, {self._waiting:.0f} s ", "$warning") if self._waiting else Content()
        tail = waiting + Content().join([_key(action) for action in always])
        room = self.size.width - tail.cell_length
        shown = Content()
        for action in (*urgent, *here, *rest):
            if not action.is_available(self._facts):
                continue
            key = _key(action)
            if shown.cell_length + key.cell_length > room:
                break
            shown += key
        return shown.pad_right(max(0, room - shown.cell_length)) + tail


def _key(action: Action) -> Content:
    target = "app" if action.place is Place.EVERYWHERE else "screen"
    return Content.assemble(
        (f" {action.key}", "bold $footer-key-foreground"), (f" {action.title} ", "$footer-foreground")
    ).stylize(Style.from_meta({"@click": f"{target}.{action.call}"}))
