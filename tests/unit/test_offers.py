"""Which operators are offered for a column: those that its type has, and nothing that it has not."""

import pytest

from stack.tables.description import Column, Family
from stack.tables.filters import Operator, parse_filter, spell
from stack.tables.offers import operators


def column(type_, family=Family.OTHER):
    return Column("c", type_, type_, family, nullable=True, default=None, references=None, readable=True)


@pytest.mark.parametrize(
    ("column", "labels", "path", "first", "without"),
    [
        (column("text"), (), "", Operator.CONTAINS, Operator.HAS),
        (column("integer", Family.INTEGER), (), "", Operator.EQUAL, Operator.MATCHES),
        (column("date"), (), "", Operator.EQUAL, Operator.OVERLAPS),
        (column("mood"), ("glad",), "", Operator.EQUAL, Operator.CONTAINS),
        (column("boolean", Family.BOOLEAN), ("true", "false"), "", Operator.EQUAL, Operator.LESS),
        (column("mood[]", Family.ARRAY), ("glad",), "", Operator.HAS, Operator.ONE_OF),
        (column("int4range", Family.RANGE), (), "", Operator.OVERLAPS, Operator.HAS),
        (column("jsonb", Family.JSON), (), "", Operator.MATCHES, Operator.HAS),
        (column("json", Family.JSON), (), "", Operator.MATCHES, Operator.EQUAL),
        (column("json", Family.JSON), (), "->>a", Operator.CONTAINS, Operator.MATCHES),
    ],
)
def test_operators_that_fit(column, labels, path, first, without):
    offered = operators(column, labels, path)
    assert offered[0] is first
    assert without not in offered
    assert {Operator.NULL, Operator.NOT_NULL} < set(offered)
    assert len(set(offered)) == len(offered)


@pytest.mark.parametrize("value", ["a", "", " a", "a, b", "it's", "this and that", "'", "NULL", "a\nb", "and"])
def test_a_value_is_spelt_so_that_it_is_read_back(value):
    assert parse_filter(f"c = {spell(value)}").values == (value,)
    assert parse_filter(f"c in ({spell(value)}, {spell(value)})").values == (value, value)
    assert parse_filter(f"c between {spell(value)} and {spell(value)}").values == (value, value)
