"""What the word under the cursor may become: tables, columns of the tables that the statement names, functions, words.

`complete` is a pure function of the text, the cursor and a `Vocabulary`; however many tables there are, it looks at
those that begin like the word.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from typing import Final

from stack.tables.catalogue import Table
from stack.tables.console.lexing import Kind, Token, statements, tokens
from stack.tables.names import quote_name

MOST: Final = 50
"""Candidates that are offered."""

_READING: Final = """
    ALL ANALYZE AND ANY ARRAY AS ASC BETWEEN BUFFERS BY CASE CAST COLLATE CROSS CURRENT_DATE CURRENT_TIMESTAMP DESC
    DISTINCT ELSE END EXCEPT EXISTS EXPLAIN EXTRACT FALSE FETCH FILTER FIRST FOLLOWING FROM FULL GROUP GROUPING
    HAVING ILIKE IN INNER INTERSECT INTERVAL IS JOIN LAST LATERAL LEFT LIKE LIMIT MATERIALIZED NATURAL NOT NULL
    NULLS OFFSET ON OR ORDER ORDINALITY OUTER OVER PARTITION PRECEDING RANGE RECURSIVE RIGHT ROLLUP ROW ROWS SELECT
    SETS SHOW SIMILAR SYMMETRIC TABLE TABLESAMPLE THEN TO TRUE UNBOUNDED UNION UNNEST USING VALUES VERBOSE WHEN
    WHERE WINDOW WITH WITHIN
"""

KEYWORDS: Final = tuple(_READING.split())
"""The words of statements that read, by the alphabet."""

_BEFORE_TABLES: Final = frozenset({"from", "join", "table"})
_NO_ALIAS: Final = frozenset(word.lower() for word in KEYWORDS)


class Origin(Enum):
    """What a candidate is."""

    COLUMN = "column"
    TABLE = "table"
    SCHEMA = "schema"
    FUNCTION = "function"
    KEYWORD = "keyword"


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the word may become."""

    text: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Completion:
    """The candidates for the text from `start` up to the cursor, the likeliest first."""

    start: int
    candidates: tuple[Candidate, ...]


class _Names:
    """Names that are found by how they begin, whatever the case."""

    def __init__(self, names: Iterable[str]) -> None:
        self._sorted = sorted((name.lower(), name) for name in set(names))

    def beginning(self, prefix: str) -> Iterator[str]:
        folded = prefix.lower()
        for place in range(bisect_left(self._sorted, (folded,)), len(self._sorted)):
            found, name = self._sorted[place]
            if not found.startswith(folded):
                return
            yield name


Columns = Mapping[tuple[str, str], tuple[str, ...]]
"""The columns of tables by their `Table.identity`."""


class Vocabulary:
    """The names of a database, without columns."""

    def __init__(self, tables: Sequence[Table], functions: Iterable[str] = ()) -> None:
        """Take all tables, and the functions that their names alone find."""
        self._visible = {table.name: table for table in tables if table.visible}
        self._tables = _Names(self._visible)
        self._by_schema: dict[str, dict[str, Table]] = {}
        for table in tables:
            self._by_schema.setdefault(table.schema, {})[table.name] = table
        self._schemas = _Names(self._by_schema)
        self._in_schema: dict[str, _Names] = {}
        self._functions = _Names(functions)

    def table(self, path: Sequence[str]) -> Table | None:
        """Return the table that `path` names: its name, or its schema and its name."""
        match list(path):
            case [name]:
                return self._visible.get(name)
            case [schema, name]:
                return self._by_schema.get(schema, {}).get(name)
            case _:
                return None

    def tables(self, prefix: str) -> Iterator[str]:
        """Yield the tables that are found without their schema and begin with `prefix`."""
        return self._tables.beginning(prefix)

    def tables_in(self, schema: str, prefix: str) -> Iterator[str]:
        """Yield the tables of `schema` that begin with `prefix`."""
        if schema not in self._in_schema:
            self._in_schema[schema] = _Names(self._by_schema.get(schema, ()))
        return self._in_schema[schema].beginning(prefix)

    def schemas(self, prefix: str) -> Iterator[str]:
        """Yield the schemas that begin with `prefix`."""
        return self._schemas.beginning(prefix)

    def functions(self, prefix: str) -> Iterator[str]:
        """Yield the functions that begin with `prefix`."""
        return self._functions.beginning(prefix)


@dataclass(slots=True)
class _Named:
    """The tables of a statement: those that it names, and which one each of its names and aliases is."""

    tables: dict[tuple[str, str], Table] = field(default_factory=dict)
    aliases: dict[str, Table] = field(default_factory=dict)


def named_tables(text: str, vocabulary: Vocabulary) -> tuple[Table, ...]:
    """Return the tables that `text` names."""
    found = (_named(statement, vocabulary).tables for statement in statements(text))
    return tuple({identity: table for each in found for identity, table in each.items()}.values())


def complete(text: str, cursor: int, vocabulary: Vocabulary, columns: Columns) -> Completion:
    """Return what the word may become that ends at `cursor`, a place in `text`.

    There is nothing to complete inside a string, a comment or a number, nor where no word has begun, unless after the
    dot of a table.
    """
    before = [token for token in tokens(text) if token.start < cursor]
    start, typed, quoted = cursor, "", False
    if before and before[-1].end >= cursor:
        last = before[-1]
        match last.kind:
            case Kind.WORD:
                start, typed = last.start, text[last.start : cursor]
                before.pop()
            case Kind.QUOTED if not last.closed or cursor < last.end:
                start, typed, quoted = last.start, text[last.start + 1 : cursor], True
                before.pop()
            case Kind.SYMBOL if last.text == ".":
                pass
            case _:
                return Completion(cursor, ())
    before = [token for token in before if token.kind is not Kind.COMMENT]
    owner = _owner(before)
    if not owner and not typed:
        return Completion(cursor, ())
    named = _named(_around(text, cursor), vocabulary)
    found = (
        _of_owner(owner, typed, named, vocabulary, columns)
        if owner
        else _anything(before, typed, named, vocabulary, columns, quoted=quoted)
    )
    several = dict.fromkeys(found)
    return Completion(start, tuple(each for each in islice(several, MOST) if each.text != text[start:cursor]))


def _owner(before: Sequence[Token]) -> tuple[str, ...]:
    """Return the names before the dot that the word comes after, none where it comes after something else."""
    path: list[str] = []
    rest = list(before)
    while len(rest) >= 2 and rest[-1].text == "." and (name := rest[-2].name) is not None:
        path.insert(0, name)
        rest = rest[:-2]
    return tuple(path)


def _around(text: str, cursor: int) -> tuple[Token, ...]:
    """Return the tokens of the statement of `text` that the cursor is in."""
    return next((each for each in statements(text) if each[-1].end >= cursor), ())


def _named(statement: Sequence[Token], vocabulary: Vocabulary) -> _Named:
    named = _Named()
    place = 0
    while place < len(statement):
        path, after = _path(statement, place)
        table = vocabulary.table(path)
        if table:
            named.tables[table.identity] = table
            named.aliases[table.name] = table
            alias = after
            if alias < len(statement) and statement[alias].name == "as":
                alias += 1
            name = statement[alias].name if alias < len(statement) else None
            if name is not None and (statement[alias].kind is Kind.QUOTED or name not in _NO_ALIAS):
                named.aliases[name] = table
        place = max(after, place + 1)
    return named


def _path(statement: Sequence[Token], place: int) -> tuple[list[str], int]:
    """Return the names with dots between them at `place`, and what comes after them."""
    path: list[str] = []
    while place < len(statement) and (name := statement[place].name) is not None:
        path.append(name)
        place += 1
        if place + 1 < len(statement) and statement[place].text == "." and statement[place + 1].name is not None:
            place += 1
        else:
            break
    return path, place


def _of_owner(
    owner: tuple[str, ...], typed: str, named: _Named, vocabulary: Vocabulary, columns: Columns
) -> Iterator[Candidate]:
    table = named.aliases.get(owner[0]) if len(owner) == 1 else None
    table = table or vocabulary.table(owner)
    if table:
        yield from _columns((table,), typed, columns)
    if len(owner) == 1:
        yield from (Candidate(quote_name(name), Origin.TABLE) for name in vocabulary.tables_in(owner[0], typed))


def _anything(
    before: Sequence[Token], typed: str, named: _Named, vocabulary: Vocabulary, columns: Columns, *, quoted: bool
) -> Iterator[Candidate]:
    tables = [
        *(Candidate(quote_name(name), Origin.TABLE) for name in islice(vocabulary.tables(typed), MOST)),
        *(Candidate(quote_name(name), Origin.SCHEMA) for name in islice(vocabulary.schemas(typed), MOST)),
    ]
    if before and before[-1].name in _BEFORE_TABLES:
        yield from tables
        return
    yield from _columns(named.tables.values(), typed, columns)
    if not quoted:
        folded = typed.upper()
        case = str.lower if typed.islower() else str.upper
        yield from (Candidate(case(word), Origin.KEYWORD) for word in KEYWORDS if word.startswith(folded))
    yield from tables
    yield from (Candidate(quote_name(name), Origin.FUNCTION) for name in vocabulary.functions(typed))


def _columns(tables: Iterable[Table], typed: str, columns: Columns) -> Iterator[Candidate]:
    folded = typed.lower()
    for table in tables:
        for name in columns.get(table.identity, ()):
            if name.lower().startswith(folded):
                yield Candidate(quote_name(name), Origin.COLUMN)
