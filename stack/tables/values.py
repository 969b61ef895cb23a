"""A cell for ``--json``: truth values and integers as JSON has them, everything else as Postgres prints it."""

from stack.tables.description import Column, Family


def native(column: Column, cell: str | None) -> bool | int | str | None:
    """Return `cell` of `column` for JSON.

    Integers keep every digit, since JSON's have no limit. Other numbers stay text: a reader's floating point would
    round them, and JSON has no NaN.
    """
    if cell is None:
        return None
    match column.family:
        case Family.BOOLEAN:
            return cell == "true"
        case Family.INTEGER:
            return int(cell)
        case _:
            return cell
