"""Migrations that reach beyond their database: run for a comparison, they would change the server of the real one."""

import ast
import re
from collections.abc import Sequence
from typing import Final

from stack.migrations.additions import executed
from stack.migrations.configuration import quiet
from stack.migrations.history import Revision

_BEYOND: Final = re.compile(
    r"\b(?:(?:create|alter|drop)\s+(?:role|user|group|tablespace|database|subscription)|alter\s+system|dblink\w*)\b",
    re.IGNORECASE,
)


def beyond_the_database(revisions: Sequence[Revision]) -> str | None:
    """Return in a clause what the first of `revisions` does whose statements reach beyond its database; blocking."""
    for revision in revisions:
        with quiet():
            tree = ast.parse(revision.path.read_bytes())
        for text in executed(tree):
            if found := _BEYOND.search(text):
                return f"{revision.revision} has «{' '.join(found.group().split())}», which reaches beyond its database"
    return None
