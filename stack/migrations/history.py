"""The revisions of a project as a graph: their order, their heads, and what a database still lacks.

The graph is Alembic's own (`alembic.script.revision`), so that order and heads are what Alembic would make of them.
What it answers with a warning and a KeyError, a parent that is in no file for one, is found here first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alembic.script import revision as alembic

from stack.background import in_thread
from stack.findings import Failure
from stack.migrations.child import import_scripts
from stack.migrations.configuration import broken, locate
from stack.migrations.script import Script, list_files, read_script
from stack.project import Project


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


@dataclass(frozen=True, slots=True)
class History:
    """All revisions in the order in which an upgrade of an empty database takes them.

    `scripts` are their files in the order of the directory, which decides among branches.
    """

    revisions: tuple[Revision, ...]
    heads: tuple[str, ...]
    scripts: tuple[Script, ...] = field(repr=False)


async def read_history(project: Project) -> History:
    """Read the migrations of `project`.

    Raises:
        Failure: there are none (`Code.MIGRATIONS_MISSING`), or they cannot be read or are no history
            (`Code.MIGRATIONS_BROKEN`), with the file and the line.
    """
    configuration = await in_thread(lambda: locate(project))
    scripts = await in_thread(lambda: {path: read_script(path) for path in list_files(configuration)})
    computed = [path for path, script in scripts.items() if script is None]
    if computed:
        scripts |= await import_scripts(configuration, computed)
    return build_history([script for script in scripts.values() if script is not None])


def build_history(scripts: Sequence[Script]) -> History:
    """Put `scripts` in order.

    Raises:
        Failure: they are no history: a revision twice, a parent in no file, a cycle (`Code.MIGRATIONS_BROKEN`).
    """
    _check_names(scripts)
    try:
        graph = _graph(scripts)
        heads = graph.heads
        order = list(graph.iterate_revisions("heads", (), implicit_base=True))
    except alembic.RevisionError as error:
        raise _no_history(scripts, error) from None
    by_revision = {script.revision: script for script in scripts}
    return History(
        revisions=tuple(_revision(node, by_revision[node.revision]) for node in reversed(order)),
        heads=tuple(heads),
        scripts=tuple(scripts),
    )


def pending(history: History, current: Sequence[str]) -> tuple[Revision, ...]:
    """Return what an upgrade to all heads would apply to a database at `current`, all of it known, in order."""
    return upgrade_steps(history, current, "heads")


def upgrade_steps(history: History, current: Sequence[str], target: str) -> tuple[Revision, ...]:
    """Return what an upgrade of a database at `current`, all of it known, to `target` applies, in order.

    Raises:
        ResolutionError: there is no such target.
        RevisionError: it cannot be reached.
    """
    nodes = _graph(history.scripts).iterate_revisions(target, tuple(current), implicit_base=True)
    return tuple(reversed(_known(history, nodes)))


def downgrade_steps(history: History, current: Sequence[str], target: str) -> tuple[Revision, ...]:
    """Return what a downgrade to `target` takes back, in order; otherwise like `upgrade_steps`."""
    return _known(history, _graph(history.scripts).iterate_revisions(tuple(current), target, select_for_downgrade=True))


def stamped(history: History, current: Sequence[str], target: str) -> tuple[str, ...]:
    """Return the mark that a database marked `current` has once it is stamped as being at `target`, sorted.

    Branches that `target` has nothing to do with keep their marks; one that is in no file goes.

    Raises:
        ResolutionError: there is no such target.
        RevisionError: it is several where one is meant.
    """
    graph = _graph(history.scripts)
    targets = [node for node in graph.get_revisions(target) if isinstance(node, alembic.Revision)]
    names = {revision.revision for revision in history.revisions}
    marks = [graph.get_revision(name) for name in current if name in names]
    lines = [node.revision for node in targets] or [target]
    replaced = {
        mark for line in lines for mark in graph.filter_for_lineage(marks, line, include_dependencies=True) if mark
    }
    kept = [mark.revision for mark in marks if mark and mark not in replaced]
    return tuple(sorted({*kept, *(node.revision for node in targets)}))


def _known(history: History, nodes: Iterable[alembic.Revision]) -> tuple[Revision, ...]:
    by_revision = {revision.revision: revision for revision in history.revisions}
    return tuple(by_revision[node.revision] for node in nodes)


def _graph(scripts: Sequence[Script]) -> alembic.RevisionMap:
    # A map changes the nodes that it is made of, so each map gets its own.
    return alembic.RevisionMap(
        lambda: [
            alembic.Revision(
                script.revision, script.down_revisions or None, script.depends_on or None, script.branch_labels or None
            )
            for script in scripts
        ]
    )


def _revision(node: alembic.Revision, script: Script) -> Revision:
    return Revision(
        revision=script.revision,
        down_revisions=script.down_revisions,
        depends_on=script.depends_on,
        branch_labels=script.branch_labels,
        message=script.message,
        path=script.path,
        is_head=node.is_head,
        is_branch_point=node.is_branch_point,
    )


def _no_history(scripts: Sequence[Script], error: alembic.RevisionError) -> Failure:
    involved = error.revisions if isinstance(error, alembic.CycleDetected) else ()
    blamed = [script for script in scripts if script.revision in involved]
    named = [script for script in scripts if script.revision in str(error)]
    script = (blamed or named or list(scripts))[0]
    return broken(script.path, script.line, str(error))


def _check_names(scripts: Sequence[Script]) -> None:
    paths: dict[str, Path] = {}
    for script in scripts:
        if script.revision in paths:
            raise broken(script.path, script.line, f"{paths[script.revision]} is revision {script.revision} too")
        paths[script.revision] = script.path
    labels = {label for script in scripts for label in script.branch_labels}
    for script in scripts:
        for kind, names in (("comes after", script.down_revisions), ("depends on", script.depends_on)):
            for name in names:
                if name not in paths and name not in labels:
                    raise _absent(script, kind, name)


def _absent(script: Script, kind: str, name: str) -> Failure:
    return broken(script.path, script.line, f"{script.revision} {kind} {name}, and no file is that revision")
