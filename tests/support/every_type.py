"""A table with a column of every type that the server has, and the nastiest values that each takes."""

import psycopg
from psycopg import sql

from stack.environment.url import DatabaseURL

NASTY = [
    "", " ", "NULL", "null", r"\N", r"\.", "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "a,b", 'say "no"', "it's", "\\",
    "\\n",
    "two\nlines", "two\r\nlines", "\x1b[31mred\x1b[0m", "\u202eright\u2066", "[/red]", "[@click=app.quit]x[/]", "äöü😀",
    "%s %(x)s", ":name", "$1", "a" * 63, "x",
    "0", "1", "-0", "0.1", "1.10", "-1.5e-300", "NaN", "Infinity", "-Infinity", "9223372036854775807", "-32768",
    "32767",
    "123456789012345678901234567890.12345678901234567890", "$1,234.50", "-$0.01", "4294967295", "t", "f",
    "infinity", "-infinity", "0044-03-15 BC", "0044-03-15 10:11:12.123456 BC", "294276-12-31 23:59:59.999999+00",
    "2024-03-31 02:30:00.123456+01", "5874897-12-31", "24:00:00", "10:00:00.5+02:30", "-1 mons",
    "1 year 2 mons -3 days +04:05:06.789",
    "{}", "{1,NULL,-3}", "[0:1]={1,2}", "[-2:-1][0:1]={{1,2},{3,4}}", '{"a,b",NULL,"NULL",""," ","\\"\\\\"}', "{t,f}",
    "{NaN,-Infinity,-0}", '{"2024-01-01",infinity,-infinity}', '{"{\\"a\\": 1}",NULL,"[1]","null"}', '{"[1]","[2]"}',
    "empty", "[1,5)", "(,3]", "[2020-01-01,infinity)", "{}", "{[1,5),[7,9)}", '["2020-01-01 00:00:00+00",)',
    '{"a" :\n [1, {"b": null}], "n": 1.10, "a": "\\u0001"}', '{"a" :\r\n\t[1, {"b": null}], "n": 1.10, "a": 2}',
    "[1,\n2]",
    '"text"', "[" * 200 + "]" * 200, "<a/>", "<a>\n&amp; é</a>", r"\x00ff5c",
    "10.0.0.1", "10.0.0.1/8", "10.0.0.0/8", "::1", "2001:db8::/32", "08:00:2b:01:02:03", "08:00:2b:01:02:03:04:05",
    "101",
    "(1,2)", "(2,2),(1,1)", "((0,0),(1,1),(1,-0))", "[(0,0),(1,1)]", "<(0,0),1>", "{1,2,3}", "(0,1)", "10:20:10,14,15",
    "'a':1A,2 'b c'", "'a' & !'b' <-> 'c':*", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "16/B374D848", "pg_class", "int4",
    "english", "simple", "public", "=(int4,int4)", "upper(text)", "now", "app=r*w/app", "1 2 3", "b",
]  # fmt: skip
"""Texts; each type is given those that it takes."""

_MAKE = """
CREATE TYPE "a mood" AS ENUM ('', 'it''s "fine"', 'b', '=1');
CREATE DOMAIN "a domain" AS "a mood" CHECK (value <> 'b');
CREATE DOMAIN counted AS numeric(12, 2);
CREATE TYPE pair AS (a int, "b c" text, d date[]);
CREATE TYPE nested AS (p pair, j jsonb);
CREATE TYPE named AS RANGE (subtype = text);
CREATE FUNCTION takes(value text, kind text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT CAST(%L AS %s)', value, kind);
    RETURN true;
EXCEPTION WHEN others THEN
    RETURN false;
END $$;
"""

_OWN = {
    '"a mood"': ["", 'it\'s "fine"', "b", "=1"],
    '"a domain"': ["", "=1"],
    "counted": ["-1.5", "NaN"],
    "pair": ["(,,)", '(1,"a ""quoted"", \\\\ text",{infinity})', '(-1,"",)'],
    "nested": ['("(1,,)","{""a"": [1.10, null]}")', "(,)"],
    "named": ["empty", '[a,"b,c"]', "(,z)"],
    "pair[]": ['{"(1,\\"x,y\\",)",NULL}'],
    '"a mood"[]': ['{"",b,NULL}'],
    "bpchar(5)": ["a", "", "é"],
    "varchar(4)[]": ['{abc,"NULL",NULL}'],
    "numeric(40, 20)": ["0.00000000000000000001"],
    "bit(9)": ["101010101"],
    "timestamptz(0)": ["2024-10-27 02:30:00+02"],
}

# No text can be entered for these: they are the server's own.
CLOSED = {
    "pg_node_tree", "pg_ndistinct", "pg_dependencies", "pg_mcv_list", "pg_brin_bloom_summary",
    "pg_brin_minmax_multi_summary", "gtsvector", "pg_node_tree[]", "gtsvector[]",
}  # fmt: skip


def every_type(url: DatabaseURL) -> list[str]:
    """Make the table ``public."every type"`` and return the types of its columns after `id`, in their order."""
    with psycopg.connect(url.reveal(), autocommit=True) as connection:
        connection.execute(_MAKE.encode())
        kinds = [
            kind
            for (kind,) in connection.execute(
                "SELECT format_type(t.oid, -1) FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace "
                "LEFT JOIN pg_type e ON e.oid = t.typelem "
                "WHERE n.nspname = 'pg_catalog' AND t.typtype IN ('b', 'r', 'm') "
                "AND coalesce(e.typtype, 'b') IN ('b', 'r', 'm') AND t.typname <> 'unknown' ORDER BY t.oid"
            )
        ]
        taken: dict[str, list[str]] = {kind: [] for kind in kinds}
        for kind, value in connection.execute(
            "SELECT kind, value FROM unnest(%s::text[]) WITH ORDINALITY k(kind, a) "
            "CROSS JOIN unnest(%s::text[]) WITH ORDINALITY v(value, b) WHERE takes(value, kind) ORDER BY a, b",
            [kinds, NASTY],
        ):
            taken[kind].append(value)
        assert {kind for kind, values in taken.items() if not values} <= CLOSED
        taken |= _OWN
        columns = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(f"{index} {kind}"), sql.SQL(kind))
            for index, kind in enumerate(taken)
        )
        connection.execute(
            sql.SQL(
                'CREATE TABLE "every type" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {}, '
                '"select" int GENERATED ALWAYS AS (7) STORED)'
            ).format(columns)
        )
        names = [sql.Identifier(f"{index} {kind}") for index, kind in enumerate(taken)]
        # Shifted by the column, so that no row is nasty in one way alone; NULL is one of the values.
        for row in range(max(map(len, taken.values())) + 1):
            cells = [
                ([None, *values])[(row + index) % (len(values) + 1)] for index, values in enumerate(taken.values())
            ]
            connection.execute(
                sql.SQL('INSERT INTO "every type" ({}) VALUES ({})').format(
                    sql.SQL(", ").join(names), sql.SQL(", ").join(map(sql.Literal, cells))
                )
            )
    return list(taken)
