"""What a reference means to a person: the customer's name beside the customer's number.

The label of a row is one of its columns that hold text, the first of these that there is:

1. a column called as in `PREFERRED`, in that order;
2. a column whose name ends in ``_name`` or ``_title``;
3. a column that is unique by itself.

Neither the columns that are referred to nor what the role may not read is taken. Where there is no such column, a
reference has no label.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from stack.tables.conditions import exactly, typed
from stack.tables.description import ForeignKey
from stack.tables.pages import Page, Row
from stack.tables.reading import Reader

PREFERRED: Final = ("name", "full_name", "display_name", "title", "label", "username", "email", "subject", "slug")

LONGEST: Final = 40
"""Characters of a label that are read."""

Labels = Mapping[tuple[int, int], str]
"""The labels of a page's references, by row and column."""

Target = tuple[str, str, tuple[str, ...]]
"""What is referred to: a schema, a table there, and columns of it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A column that the role may read; `unique` where an index holds each value of it once, `text` where it is one."""

    name: str
    unique: bool
    text: bool = True


_CANDIDATES: Final = sa.text(
    """
    SELECT w.place, a.attname,
           EXISTS (
               SELECT FROM pg_catalog.pg_index i
               WHERE i.indrelid = c.oid AND i.indisunique AND i.indnkeyatts = 1 AND i.indpred IS NULL
                 AND i.indkey[0] = a.attnum
           ),
           t.typcategory = 'S'
    FROM unnest(CAST(:schemas AS text[]), CAST(:names AS text[])) WITH ORDINALITY AS w(schema, name, place)
    JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    WHERE has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT')
    ORDER BY w.place, a.attnum
    """
)


def choose(candidates: Sequence[Candidate], referred: Collection[str]) -> str | None:
    """Return the column among `candidates` that labels a row which is referred to by its columns `referred`.

    None where there is no such column, or not all of `referred` are among the candidates, which finding the row takes.
    """
    if not {each.name for each in candidates}.issuperset(referred):
        return None
    others = [each for each in candidates if each.text and each.name not in referred]
    names = [each.name for each in others]
    by_name = [name for name in PREFERRED if name in names]
    by_ending = [name for name in names if name.endswith(("_name", "_title"))]
    by_index = [each.name for each in others if each.unique]
    return next(iter([*by_name, *by_ending, *by_index]), None)


async def labels(reader: Reader, page: Page) -> Labels:
    """Return the labels of all references of `page`.

    Takes one statement to choose the columns, and one for each table, or other key of one, that is referred to.
    """
    keys = {column.references for column in page.columns if column.references}
    targets = list(dict.fromkeys((key.schema, key.table, key.others) for key in keys))
    found: dict[tuple[int, int], str] = {}
    if not targets or not page.rows:
        return found
    chosen = await _choose_all(reader, targets)
    for target in targets:
        label = chosen.get(target)
        if label is not None:
            references = _references(page, [key for key in keys if (key.schema, key.table, key.others) == target])
            known = await _read(reader, page, target, label, references)
            found |= {place: known[values] for place, (_, values) in references.items() if values in known}
    return found


async def _choose_all(reader: Reader, targets: Sequence[Target]) -> dict[Target, str]:
    parameters = {"schemas": [schema for schema, _, _ in targets], "names": [table for _, table, _ in targets]}
    candidates: dict[int, list[Candidate]] = {}
    for place, name, unique, is_text in await reader.execute(_CANDIDATES, parameters):
        candidates.setdefault(place - 1, []).append(Candidate(name, unique, is_text))
    chosen = {targets[place]: choose(each, targets[place][2]) for place, each in candidates.items()}
    return {target: label for target, label in chosen.items() if label is not None}


def _references(page: Page, keys: Sequence[ForeignKey]) -> dict[tuple[int, int], tuple[ForeignKey, Row]]:
    """Return where `page` refers by `keys`, each with the values that it refers by."""
    places = {column.name: place for place, column in enumerate(page.columns)}
    found: dict[tuple[int, int], tuple[ForeignKey, Row]] = {}
    for key in keys:
        if not places.keys() >= set(key.columns):
            continue
        own = [places[name] for name in key.columns]
        beside = [place for place in own if page.columns[place].references == key]
        for number, row in enumerate(page.rows):
            values = tuple(row[place] for place in own)
            if None not in values and not any((number, place) in page.cut for place in own):
                found |= {(number, place): (key, values) for place in beside}
    return found


async def _read(
    reader: Reader,
    page: Page,
    target: Target,
    label: str,
    references: Mapping[tuple[int, int], tuple[ForeignKey, Row]],
) -> dict[Row, str]:
    if not references:
        return {}
    schema, name, others = target
    source = sa.table(exactly(name), *(sa.column(exactly(each)) for each in {*others, label}), schema=exactly(schema))
    columns = {column.name: column for column in page.columns}
    wanted = dict.fromkeys(tuple((values, key.columns) for key, values in references.values()))
    alike = sa.tuple_(*(source.c[each] for each in others)).in_(
        [
            sa.tuple_(*(typed(value or "", columns[own]) for value, own in zip(values, names, strict=True)))
            for values, names in wanted
        ]
    )
    texts = [sa.cast(source.c[each], sa.Text) for each in others]
    text = sa.func.left(sa.cast(source.c[label], sa.Text), LONGEST)
    rows = await reader.execute(sa.select(text, *texts).select_from(source).where(alike))
    return {tuple(values): label for label, *values in rows if label}
