"""The two lines at the top of every screen: what is open, and where one can go."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from textual.content import Content
from textual.style import Style
from textual.widget import Widget

from tui.actions import Place
from tui.outside import line
from tui.vitals import Vitals

if TYPE_CHECKING:
    from stack.services.runtime import RuntimeInUse

SCREENS: Final = tuple(
    (str(number), place) for number, place in enumerate((p for p in Place if p is not Place.EVERYWHERE), 1)
)
"""The digit and the place of each screen, in their order."""

ROOMY: Final = 110
"""The width from which on the program's name and wider tabs have room."""

_SEPARATOR: Final = Content.styled(" │ ", "$border")


class Masthead(Widget):
    """Project, runtime with how to get another one, database and revision; below them the screens with their digits."""

    def __init__(self, place: Place) -> None:
        """Stand on the screen of `place`."""
        super().__init__()
        self.auto_links = False  # a link looks like the words around it, and can be clicked
        self._place = place
        self._vitals = Vitals()

    def on_mount(self) -> None:
        """Follow what the deck knows."""
        self.watch(self.app, "vitals", self._show)

    def _show(self, vitals: Vitals) -> None:
        self._vitals = vitals
        self.refresh()

    def render(self) -> Content:
        """Draw both lines for the width that there is."""
        return Content("\n").join([self._facts(self.size.width), self._tabs(self.size.width)])

    def _facts(self, width: int) -> Content:
        vitals = self._vitals
        parts = [
            (Content.assemble(" ", line(vitals.project, "bold")), 9),
            (_runtime(vitals.runtime), 28),
            (Content.assemble(("● ", vitals.database.tone.value), line(vitals.database.text)), 18),
            (Content.assemble(("⎇ ", vitals.revision.tone.value), line(vitals.revision.text)), 8),
        ]
        if width >= ROOMY:
            parts.insert(0, (Content.styled(" ◆ Stackdeck", "bold $primary"), 12))
        return fit(parts, width)

    def _tabs(self, width: int) -> Content:
        roomy = width >= ROOMY
        return Content("  " if roomy else " ").join([self._tab(digit, place) for digit, place in SCREENS])

    def _tab(self, digit: str, place: Place) -> Content:
        name = place.value.capitalize()
        if place is self._place:
            tab = Content.styled(f" {digit} {name} ", "bold $background on $primary")
        else:
            tab = Content.assemble((f" {digit} ", "bold $accent"), (name, "$foreground"))
        return tab.stylize(Style.from_meta({"@click": f"app.show_mode({place.value!r})"}))


def _runtime(runtime: "RuntimeInUse | None") -> Content:
    if runtime is None:
        return Content.styled("opening…", "$muted")
    return Content.assemble(line(runtime.name, "$primary"), (" ⇄ ", "$muted"), line(runtime.other, "$muted"))


def fit(parts: Sequence[tuple[Content, int]], width: int) -> Content:
    """Join `parts`, each with the width below which it is not cut, cutting the widest first until all fit `width`."""
    contents = [content for content, _ in parts]
    room = width - _SEPARATOR.cell_length * (len(parts) - 1)
    while (excess := sum(content.cell_length for content in contents) - room) > 0:
        spare = [max(0, content.cell_length - least) for content, (_, least) in zip(contents, parts, strict=True)]
        widest = max(range(len(parts)), key=spare.__getitem__)
        if not spare[widest]:
            break
        keep = contents[widest].cell_length - min(excess, spare[widest])
        contents[widest] = contents[widest].truncate(keep, ellipsis=True)
    return _SEPARATOR.join(contents)
