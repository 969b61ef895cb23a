"""A table in all detail, as the lines of a sheet: a part for each kind of thing, and the statements that make it."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from stack.amounts import size
from stack.tables.definition import definition
from stack.tables.structure import Details, Field, Structure
from stack.text import clean_line
from tui.sheet_lines import Ink, Line, Lines, Painted, Pieces, plain
from tui.wrapping import wrap

_FOLDED_FROM = 60
"""Lines from which on a part is folded to begin with."""

_LEAST = 20


def structure_lines(details: Details, width: int) -> Lines:
    """Return the lines of `details`, at most `width` cells wide where names allow it."""
    structure = details.structure
    room = max(_LEAST, width - 2)
    lines = Lines(_facts(details, width))
    names = max((len(clean_line(column.name)) for column in structure.columns), default=0)
    columns = [text for column in structure.columns for text in _column(column, min(names, 24), room)]
    _part(lines, "Columns", len(structure.columns), columns, _paint_named)
    for title, named in _named(structure):
        texts = [text for each in named for text in _defined(*each, room)]
        _part(lines, title, len(named), texts, _paint_named)
    made = wrap(definition(structure), room)
    _part(lines, "Definition", None, made, partial(_in, Ink.PLAIN))
    return lines


def _facts(details: Details, width: int) -> Iterator[Line]:
    structure, creation = details.structure, details.creation
    yield plain(f"{structure.table.kind.value}, owned by {clean_line(structure.owner)}", Ink.MUTED)
    if structure.comment:
        yield from (plain(text) for text in wrap(structure.comment, width))
    if structure.partition_key:
        yield Line((("divided by  ", Ink.MUTED), (clean_line(structure.partition_key), Ink.PLAIN)))
    if structure.parents:
        word = "part of     " if structure.partition_bound else "inherits    "
        bound = f"  {structure.partition_bound}" if structure.partition_bound else ""
        yield Line(((word, Ink.MUTED), (clean_line(f"{', '.join(structure.parents)}{bound}"), Ink.PLAIN)))
    if creation:
        where = f"{creation.path.name}:{creation.line}"
        made = f"{creation.revision or ''} {creation.message}".strip()
        yield Line((("made by     ", Ink.MUTED), (clean_line(made), Ink.PLAIN), (f"  {clean_line(where)}", Ink.MUTED)))
    else:
        yield Line((("made by     ", Ink.MUTED), ("no migration that was found", Ink.MUTED)))
    if _secured(structure):
        yield Line((("security    ", Ink.MUTED), (_secured(structure), Ink.PLAIN)))


_Named = tuple[str, str, str]
"""The name of a thing, what is said of it, and its definition."""


def _named(structure: Structure) -> Iterator[tuple[str, list[_Named]]]:
    """Yield the kinds of things that belong to a table, each with its things."""
    yield (
        "Constraints",
        [
            (each.name, each.kind.value + ("" if each.validated else ", not validated"), each.definition)
            for each in structure.constraints
        ],
    )
    yield (
        "Indexes",
        [
            (each.name, size(each.bytes) + ("" if each.valid else ", INVALID"), each.definition)
            for each in structure.indexes
        ],
    )
    yield "Triggers", [(each.name, "" if each.enabled else "disabled", each.definition) for each in structure.triggers]
    yield "Policies of row security", [(each.name, "", each.definition) for each in structure.policies]


def _secured(structure: Structure) -> str:
    if not structure.row_security:
        return ""
    return "by row, for its owner too" if structure.row_security_forced else "by row, but not for its owner"


def _part(lines: Lines, title: str, count: int | None, texts: Sequence[str], paint: Callable[[str], Pieces]) -> None:
    if texts:
        lines.add(plain(""))
        head = ((title, Ink.TITLE), ("" if count is None else f"  {count:,}", Ink.MUTED))
        lines.add_body(head, Painted(texts, paint), folded=len(texts) >= _FOLDED_FROM)


def _column(column: Field, names: int, room: int) -> Iterator[str]:
    """Yield a column's lines, its name before the first tab."""
    words = [column.type if column.nullable else f"{column.type} NOT NULL"]
    if column.generated:
        words.append(f"generated as {column.default}")
    elif column.identity:
        words.append(f"identity, generated {column.identity.lower()}")
    elif column.default is not None:
        words.append(f"default {column.default}")
    if column.comment:
        words.append(f"— {column.comment}")
    first, *rest = wrap(clean_line("  ".join(words)), max(_LEAST, room - names - 2))
    yield f"{clean_line(column.name):<{names}}\t  {first}"
    yield from (f"{'':<{names}}\t  {text}" for text in rest)


def _defined(name: str, note: str, definition_: str, room: int) -> Iterator[str]:
    """Yield the lines of what has a name and a definition, the name before a tab."""
    yield f"{clean_line(name)}\t  {note}"
    yield from (f"\t  {text}" for text in wrap(definition_, room - 2))


def _paint_named(text: str) -> Pieces:
    name, _, rest = text.partition("\t")
    return ((name, Ink.NAME), (rest, Ink.PLAIN))


def _in(ink: Ink, text: str) -> Pieces:
    return ((text, ink),)
