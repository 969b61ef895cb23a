"""A row, whole, as the lines of a sheet: each column with its type, and its value as it reads best."""

from functools import partial
from typing import Final

from rich.cells import cell_len

from stack.tables.description import Column, Family
from stack.tables.literals import BYTES_A_LINE, Range, byte_count, bytes_at, elements, ranges
from stack.tables.rows import WHOLE, WholeRow
from stack.text import clean_line
from tui.json_lines import json_lines
from tui.sheet_lines import Body, Ink, Line, Lines, Made, Painted, Pieces, plain
from tui.wrapping import wrap

_WIDEST_NAME: Final = 24
_LEAST: Final = 20
_INDENT: Final = 2


def row_lines(row: WholeRow, width: int) -> Lines:
    """Return the lines of `row`, at most `width` cells wide where its names allow it."""
    lines = Lines()
    if not row.key:
        lines.add(plain("No key tells this row apart: values are as far as the page has them.", Ink.WRONG))
    if not row.columns:
        lines.add(plain("The table has no columns.", Ink.MUTED))
    room = min(max((len(clean_line(column.name)) for column in row.columns), default=0), _WIDEST_NAME)
    for place, (column, cell) in enumerate(zip(row.columns, row.cells, strict=True)):
        name = (f"{clean_line(column.name):<{room}}  ", Ink.NAME)
        note = _note(column, cell)
        if place in row.cut:
            part = f"only the first {WHOLE:,} characters" if row.key else "only its first part"
            note = f"{note}, {part}" if note else part
        body = _value(column, cell, max(_LEAST, width - _INDENT))
        beside = body[0].pieces if len(body) == 1 and not note else ()
        if beside and (head := _head(name, beside, column, width)):
            lines.add(Line(head))
        else:
            lines.add_body(_head(name, ((note, Ink.MUTED),), column, width) or (name, (note, Ink.MUTED)), body)
    return lines


def _head(name: tuple[str, Ink], beside: Pieces, column: Column, width: int) -> Pieces | None:
    """Return the first line of a column, its type at the right end; None where that does not fit."""
    type_ = f"  {clean_line(column.type)}"
    gap = width - cell_len("".join(text for text, _ in (name, *beside))) - cell_len(type_)
    return (name, *beside, (" " * gap + type_, Ink.MUTED)) if gap >= 0 else None


def _note(column: Column, cell: str | None) -> str:
    """Return what is said about a value beside its name."""
    if cell is None:
        return ""
    match column.family:
        case Family.BYTES:
            count = byte_count(cell)
            return f"{count:,} byte{'s' if count != 1 else ''}"
        case Family.ARRAY | Family.RANGE | Family.JSON:
            return ""
        case _:
            lines = cell.count("\n") + 1
            long = len(cell) > 1000 or lines > 1
            return f"{len(cell):,} characters" + (f", {lines:,} lines" if lines > 1 else "") if long else ""


def _value(column: Column, cell: str | None, width: int) -> Body:
    if cell is None:
        return Painted(["NULL"], partial(_in, Ink.MUTED))
    if not cell:
        return Painted(["''"], partial(_in, Ink.MUTED))
    match column.family:
        case Family.JSON:
            return json_lines(cell, width)
        case Family.BYTES:
            return Made(-(-byte_count(cell) // BYTES_A_LINE), partial(_bytes, cell))
        case Family.ARRAY:
            return _array(cell, ";" if column.base_type == "box[]" else ",", width)
        case Family.RANGE:
            texts = [clean_line(cell), *map(_range, ranges(cell))]
            return Painted(texts, partial(_in, Ink.PLAIN))
        case Family.INTEGER | Family.NUMBER:
            return Painted(wrap(cell, width), partial(_in, Ink.NUMBER))
        case Family.BOOLEAN:
            return Painted([cell], partial(_in, Ink.WORD))
        case _:
            return Painted(wrap(cell, width), partial(_in, Ink.PLAIN))


def _in(ink: Ink, text: str) -> Pieces:
    return ((text, ink),)


def _bytes(cell: str, number: int) -> Line:
    some = bytes_at(cell, number * BYTES_A_LINE)
    printed = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in some)
    offset = f"{number * BYTES_A_LINE:06x} "
    return Line(((offset, Ink.MUTED), (f"{some.hex(' '):<{3 * BYTES_A_LINE}} ", Ink.NUMBER), (printed, Ink.TEXT)))


def _array(cell: str, delimiter: str, width: int) -> Painted:
    texts: list[str] = []
    for element in elements(cell, delimiter):
        head = "".join(f"[{number}]" for number in element.place) + " "
        value = (
            "NULL" if element.value is None else f"'{element.value}'" if _is_ambiguous(element.value) else element.value
        )
        first, *rest = wrap(value, max(_LEAST, width - len(head)))
        texts += [head + first, *(" " * len(head) + text for text in rest)]
    return Painted(texts or [clean_line(cell)], _paint_element)


def _is_ambiguous(value: str) -> bool:
    """Whether an element, without quotes, would read as something else."""
    return not value or value.upper() == "NULL"


def _paint_element(text: str) -> Pieces:
    head, space, value = text.partition(" ")
    return ((head + space, Ink.MUTED), (value, Ink.MUTED if value == "NULL" else Ink.PLAIN))


def _range(each: Range) -> str:
    lower = "unbounded" if each.lower is None else clean_line(each.lower)
    upper = "unbounded" if each.upper is None else clean_line(each.upper)
    return (
        f"from {lower}{_included(each.lower, included=each.lower_included)}"
        f" to {upper}{_included(each.upper, included=each.upper_included)}"
    )


def _included(bound: str | None, *, included: bool) -> str:
    return "" if bound is None else " (included)" if included else " (excluded)"
