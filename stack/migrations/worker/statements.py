"""What can be told of a statement by its text."""

from __future__ import annotations

import re
from functools import lru_cache

_QUOTED = re.compile(r"(\$\w*\$).*?\1|'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
_COMMITS = re.compile(r"(?:^|;)\s*(?:commit|end)\b", re.IGNORECASE)
_ENDS_TRANSACTION = re.compile(
    r"(?:^|;)\s*(?:commit|end|rollback(?!\s+to)|abort|prepare\s+transaction)\b", re.IGNORECASE
)
_CONCURRENTLY = re.compile(r"\bconcurrently\b", re.IGNORECASE)
_WRITES = re.compile(r"\b(?:insert|update|delete|merge|copy|call)\b", re.IGNORECASE)
_COUNTED = frozenset({"insert", "update", "delete", "merge"})
_PLAIN = frozenset({"create", "alter", "drop", "comment", "insert", "update", "delete"})
_OPAQUE = frozenset({"with", "do", "call", "copy", "execute"})


@lru_cache(maxsize=8)  # each statement is asked about before it is sent, and after
def bare(statement: str) -> str:
    """Return `statement` without comments, and without what stands in its literals."""
    return _QUOTED.sub("''", statement)


def commits(statement: str) -> bool:
    """Say whether it commits the transaction that it is sent in."""
    return _COMMITS.search(bare(statement)) is not None


def ends_transaction(statement: str) -> bool:
    """Say whether it commits the transaction that it is sent in, or rolls it back."""
    return _ENDS_TRANSACTION.search(bare(statement)) is not None


def works_concurrently(statement: str) -> bool:
    """Say whether it builds or drops an index beside the table's users."""
    return _CONCURRENTLY.search(statement) is not None


def keeps_settings(statement: str) -> bool:
    """Say whether it leaves the session's settings as they are, unless a function that it calls has other plans."""
    plain, word = _read(statement)
    return word in _PLAIN and ";" not in plain and "set_config" not in plain


def rows_touched(statement: str, rowcount: int) -> int | None:
    """Return how many rows it touched, where the driver counted `rowcount`; None where it hides that."""
    plain, word = _read(statement)
    if word in _COUNTED and ";" not in plain:
        return None if rowcount < 0 else rowcount
    if (word in _OPAQUE or ";" in plain) and (word == "do" or _WRITES.search(plain)):
        return None
    return 0


def _read(statement: str) -> tuple[str, str]:
    """Return it without literals and comments, and its first word."""
    plain = bare(statement).strip().rstrip(";")
    return plain, plain[:10].split(maxsplit=1)[0].lower() if plain else ""
