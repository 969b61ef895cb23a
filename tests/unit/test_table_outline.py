"""The tree of tables: schemas only where there are several, partitions inside, what is sought wherever it is."""

from stack.tables.catalogue import Kind, Table
from tui.table_outline import Outline


def table(name, schema="public", part=None, *, visible=True):
    return Table(schema, name, Kind.TABLE, visible=visible, partition_of=part)


PARTS = (
    table("bookings"),
    table("parts"),
    table("part1", part=("public", "parts")),
    table("part11", part=("public", "part1")),
    table("away", part=("gone", "gone")),
)


def names(branches):
    return [f"{'  ' * branch.depth}{branch.name}" for branch in branches]


def test_one_schema_is_no_level():
    outline = Outline(PARTS)
    assert names(outline.shown(outline.begins_open)) == ["bookings", "parts", "away"]
    assert names(outline.shown({("public", "parts")})) == ["bookings", "parts", "  part1", "away"]
    assert outline.above(("public", "part11")) == [("public",), ("public", "parts"), ("public", "part1")]


def test_schemas_off_the_search_path_are_closed():
    outline = Outline((table("bookings"), table("log", "audit", visible=False)))
    assert names(outline.shown(outline.begins_open)) == ["public", "  bookings", "audit"]
    nobody = Outline((table("log", "audit", visible=False), table("log", "old", visible=False)))
    assert names(nobody.shown(nobody.begins_open)) == ["audit", "  log", "old", "  log"]


def test_what_is_sought_is_found_in_closed_schemas_and_partitions():
    outline = Outline((*PARTS, table("Old Parts", "audit", visible=False)))
    assert names(outline.found("PART")) == ["parts", "part1", "part11", 'audit."Old Parts"']
    assert outline.found("nothing of that") == []


def test_a_large_outline_is_made_of_few_lines_where_it_is_closed():
    outline = Outline([table(f"t{number}", f"s{number % 7}", visible=False) for number in range(10_000)])
    assert len(outline.shown(set())) == 7
    assert len(outline.shown(outline.begins_open)) == 10_007
