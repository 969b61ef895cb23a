"""Which rows are shown, as the SQL it is: one line over the grid, a condition beside another."""

from collections.abc import Callable, Sequence
from typing import Final

from textual.content import Content
from textual.style import Style
from textual.widget import Widget

from tui.outside import line

LONGEST: Final = 200
"""Characters of a condition that are shown."""

_LEAST: Final = 8


class FilterBar(Widget):
    """The conditions; a click on one changes it, the cross beside it takes it away. Without any it is not there."""

    def __init__(self, edit: Callable[[int], None], remove: Callable[[int], None]) -> None:
        """Call `edit` with the place of a condition that is to change, `remove` with that of one that is to go."""
        super().__init__()
        self.auto_links = False  # a cross looks like the words around it, and can be clicked
        self._edit = edit
        self._remove = remove
        self.conditions: tuple[str, ...] = ()
        """What is shown, each as far as it is shown."""
        self.display = False

    def show(self, conditions: Sequence[str]) -> None:
        """Show `conditions`."""
        shown = tuple(each if len(each) <= LONGEST else f"{each[:LONGEST]}…" for each in conditions)
        if shown != self.conditions:
            self.conditions = shown
            self.display = bool(shown)
            self.refresh()

    def render(self) -> Content:
        """Draw the conditions, each with its cross; where there is not room for all, each has its share."""
        drawn = self._draw([line(each) for each in self.conditions])
        over = drawn.cell_length - self.size.width
        if over > 0:
            crosses = drawn.cell_length - sum(line(each).cell_length for each in self.conditions)
            share = max(_LEAST, (self.size.width - crosses) // max(1, len(self.conditions)))
            drawn = self._draw([line(each).truncate(share, ellipsis=True) for each in self.conditions])
        return drawn

    def _draw(self, conditions: Sequence[Content]) -> Content:
        parts = [
            Content.assemble(
                each.stylize(_click("edit", place)), Content.styled(" ✕", "$error").stylize(_click("remove", place))
            )
            for place, each in enumerate(conditions)
        ]
        return Content.assemble(("WHERE ", "$muted"), Content.styled(" AND ", "$muted").join(parts))

    def action_edit(self, place: int) -> None:
        """Change a condition."""
        self._edit(place)

    def action_remove(self, place: int) -> None:
        """Take a condition away."""
        self._remove(place)


def _click(action: str, place: int) -> Style:
    return Style.from_meta({"@click": f"{action}({place})"})
