"""One step of a project's history, apart from what puts steps in order: whoever only names them needs no Alembic."""

from dataclasses import dataclass
from pathlib import Path

from stack.migrations.script import Script


@dataclass(frozen=True, slots=True)
class Revision:
    """One step of the history.

    `down_revisions` are those that it comes after, several where it merges branches; `depends_on` those that must be
    there without being its parents; both as its file names them.
    """

    revision: str
    down_revisions: tuple[str, ...]
    depends_on: tuple[str, ...]
    branch_labels: tuple[str, ...]
    message: str
    path: Path
    is_head: bool
    is_branch_point: bool

    @property
    def is_merge(self) -> bool:
        """Whether it joins branches."""
        return len(self.down_revisions) > 1

    @property
    def is_base(self) -> bool:
        """Whether it comes after nothing."""
        return not self.down_revisions


def revision_of(script: Script, *, is_head: bool, is_branch_point: bool) -> Revision:
    """Return the step that `script` is, at its place in the history."""
    return Revision(
        revision=script.revision,
        down_revisions=script.down_revisions,
        depends_on=script.depends_on,
        branch_labels=script.branch_labels,
        message=script.message,
        path=script.path,
        is_head=is_head,
        is_branch_point=is_branch_point,
    )
