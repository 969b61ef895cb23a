"""What refers to a row, as the lines of a sheet: a line for each foreign key, to be picked."""

from collections.abc import Sequence

from stack.tables.names import quote_name
from stack.tables.references import MOST, Uncounted, Use
from stack.text import clean_line
from tui.sheet_lines import Ink, Line, Lines, plain


def use_lines(uses: Sequence[Use], width: int) -> Lines:
    """Return a line for each of `uses`, whose target is its place among them."""
    if not uses:
        return Lines([plain("No foreign key of any table refers to this table.", Ink.MUTED)])
    names = [clean_line(f"{quote_name(use.table)}.{', '.join(use.key.columns)}") for use in uses]
    room = min(max(map(len, names)), max(20, width - 30))
    return Lines(
        _line(place, use, f"{name:<{room}}") for place, (use, name) in enumerate(zip(uses, names, strict=True))
    )


def _line(place: int, use: Use, name: str) -> Line:
    slow = "" if use.indexed else "  no index begins with it"
    if isinstance(use.rows, Uncounted):
        return Line(
            ((name, Ink.NAME), (f"  {use.rows.value}", Ink.MUTED), (slow, Ink.MUTED)), target=_target(place, use)
        )
    count = f"{MOST:,}+" if use.rows > MOST else f"{use.rows:,}"
    ink = Ink.NUMBER if use.rows else Ink.MUTED
    rows = "row" if use.rows == 1 else "rows"
    return Line(((name, Ink.NAME), (f"{count:>8} {rows}", ink), (slow, Ink.MUTED)), target=_target(place, use))


def _target(place: int, use: Use) -> int | None:
    """Nobody goes to rows that there are none of; those that were not counted may be there."""
    return None if use.rows in (0, Uncounted.NULL, Uncounted.FORBIDDEN) else place
