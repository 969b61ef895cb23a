"""Plans are read as the server explains them, and what would read too much is found in them, with what would help."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.findings import Code, Failure
from stack.tables.cautions import Relation, cautions, index_for
from stack.tables.description import Column, Family
from stack.tables.explaining import Explained
from stack.tables.filters import parse_filter
from stack.tables.plan_json import LONGEST, read
from stack.tables.plans import Node, parse_plan
from tui.query_plan_lines import query_plan_lines

HUGE = Relation(10_000_000, 2_000_000_000, frozenset({("id", "btree")}))
NAME = ("public", "big [/]")
FAMILIES = {"text[]": Family.ARRAY, "int4range": Family.RANGE, "jsonb": Family.JSON, "json": Family.JSON}


def column(name, type_="text"):
    family = FAMILIES.get(type_, Family.OTHER)
    return Column(name, type_, type_, family, nullable=True, default=None, references=None, readable=True)


def scan(kind="Seq Scan", rows=10.0, *, index=None, condition=None):
    conditions = (*((("Index Cond", condition),) if condition else ()), ("Filter", "(source.status = 'x'::text)"))
    return Node(kind, NAME, index, conditions, (), rows, 0.0, 99.5, "Outer", ())


def over(child, kind="Limit", rows=25.0):
    return Node(kind, None, None, (), (), rows, 0.0, 99.5, "", (child,))


def found(plan, relation=HUGE, where="status = x"):
    each = parse_filter(where)
    return cautions(plan, {NAME: relation}, [(column(each.column.text), each)])


def test_a_plan_is_read_as_it_is_explained():
    document = [
        {
            "Plan": {
                "Node Type": "Limit",
                "Startup Cost": 0.15,
                "Total Cost": 8.17,
                "Plan Rows": 1,
                "Plans": [
                    {
                        "Node Type": "Index Scan",
                        "Parent Relationship": "Outer",
                        "Schema": "public",
                        "Relation Name": "t",
                        "Index Name": "t_pkey",
                        "Index Cond": "(source.id > 5)",
                        "Filter": "(source.a = 'x'::text)",
                        "Total Cost": 8.1,
                        "Plan Rows": 100000000,
                    }
                ],
            }
        }
    ]
    plan = parse_plan(document)
    assert (plan.kind, plan.first, plan.cost, plan.rows, plan.relation) == ("Limit", 0.15, 8.17, 1, None)
    (below,) = plan.children
    assert (below.relation, below.index, below.rows) == (("public", "t"), "t_pkey", 100_000_000)
    assert below.conditions == (("Index Cond", "(source.id > 5)"), ("Filter", "(source.a = 'x'::text)"))
    assert list(plan.walk()) == [plan, below]


@pytest.mark.parametrize("document", [None, [], {}, [{}], [{"Plan": 1}], "x"])
def test_another_form_is_a_failure(document):
    with pytest.raises(Failure) as caught:
        parse_plan(document)
    assert caught.value.finding.code is Code.DATABASE_ERROR


def test_a_scan_of_something_huge_that_keeps_few_names_the_index_that_it_lacks():
    (caution,) = found(over(scan()))
    assert caution.title == "big [/] is read from end to end: all 10,000,000 rows (2.0 GB) to keep 10"
    assert caution.cause == "No index serves the filter on status."
    assert caution.remedies == ('CREATE INDEX CONCURRENTLY ON "public"."big [/]" ("status")',)


def test_walking_along_an_index_that_knows_nothing_of_the_filter_is_a_scan_too():
    for condition in (None, "(source.id > 5)"):
        (caution,) = found(over(scan("Index Scan", index="big_pkey", condition=condition)))
        assert "along the index big_pkey" in caution.title
    assert found(over(scan("Index Scan", index="by_status", condition="(source.status = 'x'::text)"))) == ()


@pytest.mark.parametrize(
    ("plan", "relation"),
    [
        (over(scan(rows=5_000_000)), HUGE),  # half of the rows are kept
        (over(scan(rows=500_000)), HUGE),  # 25 of them are found within 500
        (over(scan()), Relation(50_000, 5_000_000, frozenset())),
        (over(Node("Seq Scan", NAME, None, (), (), 1e7, 0, 1, "", ())), HUGE),
        (over(scan()), Relation(0, 0, frozenset())),
    ],
)
def test_what_reads_little_or_keeps_much_is_let_be(plan, relation):
    assert found(plan, relation) == ()


def test_a_sort_needs_all_rows_and_few_huge_rows_are_huge_too():
    assert len(found(over(over(scan(rows=500_000), "Sort", 500_000)))) == 1
    assert len(found(over(scan()), Relation(5_000, 200_000_000, frozenset()))) == 1


def test_an_index_of_another_method_does_not_serve():
    (caution,) = found(over(scan()), Relation(10_000_000, 1, frozenset({("status", "btree")})), "status contains x")
    assert "gin_trgm_ops" in caution.remedies[0]


def test_a_column_with_an_index_is_not_told_to_get_one():
    (caution,) = found(over(scan()), Relation(10_000_000, 1, frozenset({("status", "btree")})))
    assert caution.remedies == ()
    assert "There is an index on it" in caution.cause


@pytest.mark.parametrize(
    ("type_", "where", "key"),
    [
        ("text", "a = 1", '("a")'),
        ("date", "a between 1 and 2", '("a")'),
        ("text", "a is null", '("a")'),
        ("text", "a contains x", 'USING gin ("a" gin_trgm_ops); -- needs the extension pg_trgm'),
        ("date", "a contains x", None),
        ("text", "a != x", None),
        ("text", "a is distinct from x", None),
        ("text[]", "a has x", 'USING gin ("a")'),
        ("int4range", "a overlaps [1,2]", 'USING gist ("a")'),
        ("jsonb", "a @? $.x", 'USING gin ("a")'),
        ("jsonb", "a->b->>'c d' = x", """((("a" -> 'b') ->> 'c d'))"""),
        ("jsonb", "a->0->>b in (x)", """((("a" -> '0'::integer) ->> 'b'))"""),
        ("json", "a->b = 1", None),
    ],
)
def test_indexes_that_would_help(type_, where, key):
    each = parse_filter(where)
    made = index_for(NAME, column("a", type_), each)
    assert made == (f'CREATE INDEX CONCURRENTLY ON "public"."big [/]" {key}' if key else None)


@pytest.mark.parametrize("width", [60, 76, 150])
def test_the_lines_say_it_all_and_fit(width):
    plan = over(over(scan(), "Sort"))
    explained = Explained(("\"a\" = 'x\x1b'",), (plan, plan), found(plan))
    lines = query_plan_lines(explained, width)
    texts = ["".join(text for text, _ in lines[number].pieces) for number in range(len(lines))]
    assert max(map(len, texts)) <= width
    text = "\n".join(texts)
    assert "\x1b" not in text
    for words in (
        "WHERE",
        "CREATE INDEX CONCURRENTLY",
        'Seq Scan on public."big [/]"',
        "rows 10",
        "Statement 2",
        "Filter: ",
    ):
        assert words in text


def test_a_value_of_megabytes_does_not_swamp_the_plan():
    explained = Explained((f"a = '{'x' * 10**6}'",), (scan(),), ())
    assert len(query_plan_lines(explained, 76)) < 40


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet='a"\\\n\x01é', min_size=1, max_size=8), st.integers(0, 20), st.booleans())
def test_of_a_condition_of_megabytes_the_beginning_is_read(piece, shift, escaped):
    condition = "-" * shift + piece * (LONGEST // len(piece))
    plan = {"Plan Rows": 7, "Filter": condition, "Output": ["x" * LONGEST], "Node Type": "Seq Scan"}
    ((got,),) = [each.values() for each in read(json.dumps([{"Plan": plan}], indent=2, ensure_ascii=escaped))]
    begun = got["Filter"].removesuffix("…")
    assert condition.startswith(begun)
    assert len(begun) <= LONGEST
    assert {**got, "Filter": condition} == plan
    short = [{"Plan": {**plan, "Filter": condition[:100]}}]
    assert read(json.dumps(short, indent=2, ensure_ascii=escaped)) == short
