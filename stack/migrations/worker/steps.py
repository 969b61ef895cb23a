"""Which steps lead to a target, by Alembic's graph of revisions; whoever started the worker asks this too."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from alembic.script.revision import RevisionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from alembic.script.revision import RevisionMap

_STEPS_BACK = re.compile(r"-[0-9]+")


def upgrade_steps(graph: RevisionMap, current: Sequence[str], target: str) -> list[str]:
    """Return the revisions that an upgrade of a database at `current`, all of it known, to `target` applies, in order.

    Raises:
        ResolutionError: there is no such target.
        RevisionError: it cannot be reached.
    """
    with resolving(target):
        nodes = graph.iterate_revisions(target, tuple(current), implicit_base=True)
        return [node.revision for node in nodes][::-1]


def downgrade_steps(graph: RevisionMap, current: Sequence[str], target: str) -> list[str]:
    """Return those that a downgrade to `target` takes back, in order; otherwise like `upgrade_steps`."""
    if _STEPS_BACK.fullmatch(target) and len(set(current)) > 1:
        # Alembic warns, and takes one of them.
        text = f"several branches are applied, and {target} does not say which: write BRANCH@{target}, or a revision"
        raise RevisionError(text)
    with resolving(target):
        nodes = graph.iterate_revisions(tuple(current), target, select_for_downgrade=True)
        return [node.revision for node in nodes]


@contextmanager
def resolving(target: str) -> Iterator[None]:
    """Have a `target` that Alembic asserts nobody types, as a step on a branch not applied, be a `RevisionError`."""
    try:
        yield
    except AssertionError:
        raise RevisionError(f"{target!r} leads to no revision from there") from None
