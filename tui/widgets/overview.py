"""Everything at a glance, for when nothing is in the way."""

from typing import TYPE_CHECKING

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

if TYPE_CHECKING:
    from stack.doctor.overview import Overview
    from stack.doctor.sizes import Sizes


class OverviewPanel(Widget):
    """Services, database, pool, revision and sizes, each in a line, with the digit of the screen that says more."""

    overview: "reactive[Overview | None]" = reactive(None, layout=True)
    sizes: "reactive[Sizes | None]" = reactive(None, layout=True)

    def render(self) -> Content:
        """Draw what is known."""
        seen, sizes = self.overview, self.sizes
        if seen is None:
            return Content.styled("…", "$muted")
        # The first frame shows none of it, and shall not wait for it.
        from tui.widgets.overview_rows import overview_rows

        rows = overview_rows(seen, sizes)
        rows.append(Content.assemble((" ⏎ ", "bold $background on $accent"), (" Look at the rows", "bold $accent")))
        return Content("\n").join(rows)
