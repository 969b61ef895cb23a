"""Migrations that reach beyond their database: run for a comparison, they would change the server of the real one."""

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Final

from stack.migrations.configuration import parse
from stack.migrations.revision import Revision

_BEYOND: Final = re.compile(
    r"\b(?:(?:create|alter|drop)\s+(?:role|user|group|tablespace|database|subscription)|alter\s+system|dblink\w*)\b",
    re.IGNORECASE,
)


def beyond_the_database(revisions: Sequence[Revision]) -> str | None:
    """Return in a clause what the first of `revisions` does whose statements reach beyond its database; blocking."""
    for revision in revisions:
        for text in _executed(parse(revision.path.read_bytes(), revision.path)):
            if found := _BEYOND.search(text):
                return f"{revision.revision} has «{' '.join(found.group().split())}», which reaches beyond its database"
    return None


def _executed(tree: ast.AST) -> Iterator[str]:
    """Yield the texts that are given to ``execute`` somewhere in `tree`, as far as they are written there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "execute":
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                for part in ast.walk(argument):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield part.value
