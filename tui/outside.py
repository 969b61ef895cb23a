"""The one door through which text from outside reaches a widget.

Rows, logs, names, errors and `.env` values are data: no markup in them is read and no control character in them is
obeyed. Widgets get a `Content`, grids a `Text`; neither is ever parsed. `tui.filters` is the second lock.
"""

from typing import Final

from rich.text import Text
from textual.content import Content

from stack.text import clean, clean_line

CELL_LENGTH: Final = 512
"""Characters of a value that a grid draws; measuring a megabyte for one cell would hold up every key."""

_TAB: Final = 4


def line(text: str, style: str = "") -> Content:
    """Return `text` on one line, with every control character made visible."""
    return Content.styled(clean_line(text), style)


def block(text: str, style: str = "") -> Content:
    """Return `text` with its own line breaks, tabs expanded and every other control character made visible."""
    return Content.styled(clean(text).expandtabs(_TAB), style)


def cell(text: str, style: str = "", *, right: bool = False) -> Text:
    """Return the beginning of `text` for one cell of a grid."""
    shown = text if len(text) <= CELL_LENGTH else f"{text[:CELL_LENGTH]}…"
    return Text(clean_line(shown), style, no_wrap=True, justify="right" if right else "left")
