"""The console's text: how it is read, what completes it, and what of it is kept."""

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.crash import keep_out
from stack.tables.catalogue import Kind as TableKind
from stack.tables.catalogue import Table
from stack.tables.console import history
from stack.tables.console.completion import Origin, Vocabulary, complete, named_tables
from stack.tables.console.history import add_to_history, read_history
from stack.tables.console.lexing import Kind, statements, tokens

TEXTS = st.lists(
    st.sampled_from([*"'\"$;-/*\\\n aE.7é\0", "--", "/*", "*/", "$$", "$a$", "select ", "''", '""', "::", "U&"])
).map("".join)


def table(name, schema="public", *, visible=True):
    return Table(schema, name, TableKind.TABLE, visible=visible)


TABLES = (
    table("bookings"),
    table("booking_events"),
    table("customers"),
    table("My Table"),
    table("bookings", "archive", visible=False),
)
VOCABULARY = Vocabulary(TABLES, ("count", "coalesce", "jsonb_each"))
COLUMNS = {
    ("public", "bookings"): ("id", "customer_id", "starts_at"),
    ("public", "customers"): ("id", "name", "Created At"),
    ("archive", "bookings"): ("id", "closed_at"),
}


@given(TEXTS)
def test_tokens_cover_the_text_but_for_its_space(text):
    place = 0
    for token in tokens(text):
        assert text[place : token.start].strip() == ""
        assert text[token.start : token.end] == token.text
        place = token.end
    assert text[place:].strip() == ""


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        (" ; -- ;", 0),
        ("select ';' || $$;$$ || $a$;$$;$a$ || E'\\';' || \";\" /* ; /* ; */ ; */", 1),
        ("select 1; select 2;", 2),
        ("select 'a\\'; drop table t", 2),
        ("select E'a'\n'\\'; select 2; --'", 1),
        ("select E'a' -- b\r\n -- c\n\t'\\''; select 2", 2),
        ("select E'a' '\\'; select 2", 2),
        ("select 'open; drop table t", 1),
    ],
)
def test_statements_are_told_apart(text, count):
    assert len(statements(text)) == count


def test_names_are_what_postgres_takes_them_for():
    got = [token.name for token in tokens('Plain "Kept ""so""" U&"\\0061" ÄB 7 \'x\'')]
    assert got == ["plain", 'Kept "so"', None, "Äb", None, None]
    assert tokens("/* open")[0] == tokens("/* open")[-1]
    assert not tokens('"open')[0].closed
    assert tokens("$$ open")[0].kind is Kind.STRING


def offered(text):
    """What completes `text`, in which ``|`` is the cursor."""
    cursor = text.index("|")
    found = complete(text.replace("|", ""), cursor, VOCABULARY, COLUMNS)
    return text[found.start : cursor], [candidate.text for candidate in found.candidates]


@pytest.mark.parametrize(
    ("text", "typed", "candidates"),
    [
        ("select * from boo|", "boo", ["booking_events", "bookings"]),
        ("select * from BOO|", "BOO", ["booking_events", "bookings"]),
        ("select * from m|", "m", ['"My Table"']),
        ('select * from "M|', '"M', ['"My Table"']),
        ("select * from archive.|", "", ["bookings"]),
        ("select * from arch|", "arch", ["archive"]),
        ("select cust| from bookings", "cust", ["customer_id", "customers"]),
        ("select b.c| from bookings as b", "c", ["customer_id"]),
        ("select b.| from public.bookings b where true", "", ["id", "customer_id", "starts_at"]),
        ("select bookings.cl| from archive.bookings", "cl", ["closed_at"]),
        ("select archive.bookings.| from archive.bookings", "", ["id", "closed_at"]),
        ("select c.cr| from customers c", "cr", ['"Created At"']),
        ("sel|", "sel", ["select"]),
        ("SEL|", "SEL", ["SELECT"]),
        ("select cou|", "cou", ["count"]),
        ("select 1 -- boo|", "", []),
        ("select 'boo|", "", []),
        ("select 12|", "", []),
        ("select |", "", []),
        ("select 1; select * from cus|", "cus", ["customers"]),
        ("select x| from bookings", "x", []),
    ],
)
def test_what_completes_a_word(text, typed, candidates):
    assert offered(text) == (typed, candidates)


def test_columns_are_of_the_statement_that_the_cursor_is_in():
    assert offered("select id from customers; select n| from bookings")[1] == ["natural", "not", "null", "nulls"]
    assert offered("select n| from customers; select id from bookings")[1][0] == "name"


def test_candidates_say_what_they_are():
    found = complete("select c from bookings", 8, VOCABULARY, COLUMNS)
    assert [(each.text, each.origin) for each in found.candidates][:2] == [
        ("customer_id", Origin.COLUMN),
        ("case", Origin.KEYWORD),
    ]


def test_the_tables_of_a_statement():
    text = "select * from bookings b join archive.bookings on true, \"My Table\" -- customers\n where 'customers' = ''"
    assert named_tables(text, VOCABULARY) == (TABLES[0], TABLES[4], TABLES[3])


@given(TEXTS, st.integers(0, 30))
def test_anything_can_be_completed(text, cursor):
    found = complete(text, min(cursor, len(text)), VOCABULARY, COLUMNS)
    assert 0 <= found.start <= len(text)


def test_of_many_tables_only_those_are_looked_at_that_begin_alike():
    many = Vocabulary([table(f"t{number:05}") for number in range(10_000)])
    beginning = many.tables("t0")
    assert [next(beginning) for _ in range(2)] == ["t00000", "t00001"]
    found = complete("select * from t0999", 19, many, {})
    assert [each.text for each in found.candidates] == [f"t0999{digit}" for digit in range(10)]


def test_history_is_kept_for_its_owner_alone(tmp_path):
    path = tmp_path / "deep" / "history.jsonl"
    add_to_history(path, "select 1")
    add_to_history(path, "select\n'ü\u2028'")
    assert add_to_history(path, "select 1") == ("select\n'ü\u2028'", "select 1")
    assert read_history(path) == ("select\n'ü\u2028'", "select 1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_history_is_bounded(tmp_path, monkeypatch):
    path = tmp_path / "history.jsonl"
    monkeypatch.setattr(history, "KEPT", 3)
    for number in range(5):
        add_to_history(path, f"select {number}")
    assert read_history(path) == ("select 2", "select 3", "select 4")
    assert add_to_history(path, "x" * (history.LONGEST + 1))[-1] == "select 4"
    monkeypatch.setattr(history, "_CHARACTERS", 20)
    assert add_to_history(path, "select 5") == ("select 4", "select 5")


@pytest.mark.parametrize(
    "statement",
    [
        "select 'canary-Pa55-of-the-console'",
        "select dblink('password=swordfish')",
        "select 'postgresql://a:b@c/d'",
        " ",
    ],
)
def test_a_secret_is_not_written_down(tmp_path, statement):
    keep_out({"canary-Pa55-of-the-console"})
    path = tmp_path / "history.jsonl"
    add_to_history(path, statement)
    assert read_history(path) == ()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\n7\nnull\n", b'"select 1', b"[" * 100_000])
def test_a_broken_history_is_none(tmp_path, content):
    path = tmp_path / "history.jsonl"
    path.write_bytes(content)
    assert read_history(path) == ()
    assert add_to_history(path, "select 1") == ("select 1",)


def test_a_history_that_cannot_be_written_stops_nothing(tmp_path):
    (tmp_path / "console").write_text("a file where a directory belongs")
    assert add_to_history(tmp_path / "console" / "history.jsonl", "select 1") == ("select 1",)
