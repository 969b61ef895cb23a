"""The cells of a grid of rows: values as Postgres prints them, NULL and the empty text marked, numbers to the right."""

from typing import TYPE_CHECKING

from rich.text import Text

from tui.outside import cell

if TYPE_CHECKING:
    from stack.tables.description import Column


def title_cell(column: "Column", mark: str = "") -> Text:
    """Return the head of `column`, with `mark` after its name."""
    return cell(f"{column.name}{mark}", right=_is_number(column))


def value_cell(value: str | None, column: "Column", muted: str, label: str | None = None) -> Text:
    """Return `value` of `column`, and beside it what it means to a person; `muted` is a colour."""
    right = _is_number(column)
    if value is None:
        return cell("NULL", f"italic {muted}", right=right)
    if not value:
        return cell("''", f"italic {muted}")
    shown = cell(value, right=right)
    return shown.append(" ").append(cell(label, muted)) if label else shown


def _is_number(column: "Column") -> bool:
    """Whether numbers stand one under another; numbers that refer to something have words beside them."""
    return column.family.value in {"integer", "number"} and column.references is None
