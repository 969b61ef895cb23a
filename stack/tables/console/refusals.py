"""Why a statement is not carried out: what the server says, and what that means to a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import psycopg

from stack.database.errors import server_said
from stack.findings import Code, Finding, Fix
from stack.tables.console.lexing import Token
from stack.tables.console.rights import SETS, Rights

DECLARE: Final = "DECLARE console NO SCROLL CURSOR FOR "
"""What stands before a statement that returns rows: its syntax takes no other."""

WITHOUT_CURSOR: Final = frozenset({"explain", "show"})
"""First words of the statements that return rows and that no cursor takes."""

_PSQL: Final = Fix("Do it in psql, which may do what the log-in may", "stackdeck psql")

_CHANGES: Final = frozenset({"insert", "update", "delete", "merge"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a statement was not carried out; `position` is the place in its text, from 0, where there is one.

    `notices` are what the server said before.
    """

    finding: Finding
    position: int | None = None
    notices: tuple[str, ...] = ()


def empty() -> Finding:
    """Return the finding of a text without a statement."""
    return Finding(Code.STATEMENT_INVALID, "There is no statement to run", "Nothing is typed, or only comments.")


def not_text() -> Finding:
    """Return the finding of a text with characters that Postgres cannot hold."""
    return Finding(
        Code.STATEMENT_INVALID,
        "The statement holds a character that is none of Postgres'",
        "A text there has no NUL and no half of a surrogate pair, and here is one.",
    )


def too_many(count: int) -> Finding:
    """Return the finding of `count` statements where one is taken."""
    return Finding(
        Code.STATEMENT_SEVERAL,
        f"These are {count} statements, and the console runs one at a time",
        "What comes after the first semicolon is a second statement. Nothing was run.",
        fixes=(Fix("Take the others away, or turn them into comments"), _PSQL),
    )


def withheld(token: Token) -> Finding:
    """Return the finding of a statement that names what the console keeps from it."""
    name = token.name
    if name is None:
        cause = "A name in Unicode escapes hides which function it is; write it plainly."
    elif name in SETS:
        cause = "It changes settings, which are also what keeps a statement here from writing."
    else:
        cause = "It runs a text as SQL, which nobody has looked at before."
    return Finding(
        Code.STATEMENT_NOT_READING, f"{token.text} is not called here", f"{cause} Nothing was run.", fixes=(_PSQL,)
    )


def refused(error: psycopg.Error, statement: Sequence[Token], rights: Rights, notices: tuple[str, ...]) -> Refusal:
    """Return what it means that the server refused `statement` with `error`."""
    before = 0 if statement[0].name in WITHOUT_CURSOR else len(DECLARE)
    said = error.diag.statement_position
    position = max(0, int(said) - 1 - before) if said else None
    return Refusal(_finding(error, statement, position, rights), position, notices)


def _writes(error: psycopg.Error, statement: Sequence[Token], position: int | None) -> bool:
    """Whether the server refused it because it does not only read."""
    match error.sqlstate:
        case "25006":  # read_only_sql_transaction
            return True
        case "0A000":  # feature_not_supported, which DECLARE CURSOR says of changes in WITH
            return any(token.name in _CHANGES for token in statement)
        case "42601":  # syntax_error: no statement that the cursor takes begins like this
            return position == statement[0].start
        case _:
            return False


def _finding(error: psycopg.Error, statement: Sequence[Token], position: int | None, rights: Rights) -> Finding:
    words = server_said(error) or str(error)
    if error.sqlstate == "42601" and position is None:
        # The one error of syntax without a place: several commands. The lexer here should have seen them.
        return too_many(2)
    if _writes(error, statement, position):
        return Finding(
            Code.STATEMENT_NOT_READING,
            "The console only reads",
            "It takes SELECT, VALUES, TABLE, WITH, EXPLAIN and SHOW, and nothing in them that writes. Nothing was "
            "changed.",
            evidence=words,
            fixes=(_PSQL,),
        )
    if error.sqlstate == "42501" and rights.reduced:
        return Finding(
            Code.DATABASE_PERMISSION,
            f"The role {rights.role} may not do this",
            "The console gives up the log-in's rights and reads as this role, which may read every table and nothing "
            "more; where policies hide rows from it, the server refuses.",
            evidence=words,
            fixes=(_PSQL,),
        )
    title, _, rest = words.partition("\n")
    return Finding(Code.STATEMENT_INVALID, title, rest or f"The server refused the statement ({error.sqlstate}).")
