"""What a statement of the console may do, and who sees to it.

Each statement gets a connection of its own, which is closed afterwards, and on it one transaction that is always rolled
back. In it the server keeps everything from being written, by four locks:

- The transaction is READ ONLY, and since a statement has its snapshot before anything in it runs, it cannot make it
  READ WRITE.
- The statement is parsed over the extended protocol, which takes one command, as the query of a DECLARE CURSOR, which
  takes SELECT, VALUES, TABLE and WITH without changes. Only EXPLAIN and SHOW, which no cursor takes, come as they are;
  there too nothing is run that has no columns to return.
- ROLLBACK undoes what a READ ONLY transaction lets through: NOTIFY, large objects before Postgres 16, EXPLAIN ANALYZE
  CREATE TABLE AS.
- What no transaction undoes are functions that reach outside of it: ending other sessions, reading the configuration
  anew, files of the server, replication slots, programs. Those need rights, so the transaction goes on as the role
  `READER`, which may read every table and nothing else, where the server has it (since Postgres 14) and the log-in may
  become it. A superuser becomes it by SET SESSION AUTHORIZATION, after which SET ROLE leads nowhere.

A superuser's log-in could still take its rights back, in the middle of a statement, by ``session_authorization``, which
Postgres lets it set at any time outside SECURITY DEFINER functions (tried on 15 and 18). What sets it is refused by
name here: `set_config`, and the built-in functions that run a text as SQL.

What remains, so that nobody takes this for more than it is: a database's own functions with rights of their own
(SECURITY DEFINER, untrusted languages, dblink with a password in the statement, foreign tables) do what they were made
for, and one that runs any text, as tablefunc's crosstab does, can be made to take a superuser's rights back. Before
Postgres 14, and for a log-in that may not become `READER`, the statement runs with the rights of the log-in, as the
screen says; it may then end its other sessions, and tidy its own indexes (gin_clean_pending_list,
brin_summarize_new_values), which no READ ONLY and no ROLLBACK holds up and which changes no row. Reading leaves what
reading leaves: statistics, hint bits, transaction numbers, `pg_logical_emit_message`'s line in the write-ahead log.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from stack.tables.console.lexing import Kind, Token
from stack.tables.reading import FORMS

READER: Final = "pg_read_all_data"
"""Predefined role, https://www.postgresql.org/docs/current/predefined-roles.html."""

SETS: Final = frozenset({"set_config"})
"""The function that changes settings: none outlives a statement here, and two of them are the rights themselves."""

RUNS_TEXT: Final = frozenset(
    {"query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", "ts_stat", "ts_rewrite"}
)
"""Every built-in function that runs a text as SQL and that `READER` may call."""

Connection = psycopg.AsyncConnection[TupleRow]

_SETTINGS: Final = {
    **FORMS,
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "client_min_messages": "notice",
}

# `row_security` off makes the server refuse where policies would hide rows, in place of hiding them from another role.
# The search path may hold the log-in's name by "$user", which would mean another schema afterwards.
_AS_READER: Final = """
    SELECT set_config('row_security', 'off', true),
           set_config('search_path', (SELECT coalesce(string_agg(quote_ident(s), ', '), '""')
                                      FROM unnest(current_schemas(false)) s), true)
"""


@dataclass(frozen=True, slots=True)
class Rights:
    """Whose rights a statement runs with; `reduced` says whether they are fewer than the log-in's."""

    role: str
    reduced: bool


def forbidden(statement: Iterable[Token]) -> Token | None:
    """Return the first name in `statement` that could give the log-in's rights back, or that hides what it is."""
    names = SETS | RUNS_TEXT
    return next(
        (token for token in statement if token.name in names or (token.kind is Kind.QUOTED and token.name is None)),
        None,
    )


async def begin(connection: Connection, *, statement_timeout: float, lock_timeout: float) -> Rights:
    """Begin the transaction of one statement on `connection`, which is in autocommit; times are in seconds."""
    await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    settings = {
        **_SETTINGS,
        "statement_timeout": f"{round(statement_timeout * 1000)}ms",
        "lock_timeout": f"{round(lock_timeout * 1000)}ms",
    }
    await connection.execute(
        "SELECT set_config(name, value, true) FROM unnest(%s::text[], %s::text[]) AS s(name, value)",
        (list(settings), list(settings.values())),
    )
    # Being a member is not enough since Postgres 16: a membership may be one without SET.
    privilege = "SET" if connection.info.server_version >= 160000 else "MEMBER"
    found = await connection.execute(
        """
        SELECT current_user::text, l.rolsuper,
               (SELECT pg_has_role(l.oid, r.oid, %s) FROM pg_roles r WHERE r.rolname = %s)
        FROM pg_roles l WHERE l.rolname = session_user
        """,
        (privilege, READER),
    )
    row = await found.fetchone()
    user, superuser, may = row or (connection.info.user, False, False)
    if not may:
        return Rights(str(user), reduced=False)
    await connection.execute(_AS_READER)
    how = sql.SQL("SET LOCAL SESSION AUTHORIZATION {}" if superuser else "SET LOCAL ROLE {}")
    await connection.execute(how.format(sql.Identifier(READER)))
    return Rights(READER, reduced=True)
