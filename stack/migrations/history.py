"""The revisions of a project as a graph: their order, their heads, and what a database still lacks.

The graph is Alembic's own (`alembic.script.revision`), so that order and heads are what Alembic would make of them.
What it answers with a warning and a KeyError, a parent that is in no file for one, is found here first.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from alembic.script import revision as alembic

from stack.background import in_thread
from stack.findings import Code, Failure, Finding, Fix
from stack.migrations.configuration import broken, locate
from stack.migrations.importing import import_scripts
from stack.migrations.revision import Revision, revision_of
from stack.migrations.script import Script, list_files, read_script
from stack.migrations.worker import steps
from stack.migrations.worker.steps import resolving
from stack.project import Project


@dataclass(frozen=True, slots=True)
class History:
    """All revisions in the order in which an upgrade of an empty database takes them.

    `scripts` are their files in the order of the directory, which decides among branches. Where something is wrong
    with the files, `problems` say what, and the rest is shown as far as it makes a history.
    """

    revisions: tuple[Revision, ...]
    heads: tuple[str, ...]
    scripts: tuple[Script, ...] = field(repr=False)
    problems: tuple[Finding, ...] = ()


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
    return await in_thread(lambda: build_history([script for script in scripts.values() if script is not None]))


async def survey_history(project: Project) -> History:
    """Read the migrations of `project` as far as they can be read, with what is wrong with them.

    Raises:
        Failure: there are none (`Code.MIGRATIONS_MISSING`), or their configuration cannot be read.
    """
    try:
        return await read_history(project)
    except Failure:
        # Only then is it worth the while to look at each file by itself.
        configuration = await in_thread(lambda: locate(project))
    read, problems = await in_thread(lambda: _read_each(list_files(configuration)))
    for path in [path for path, script in read.items() if script is None]:
        try:
            read |= await import_scripts(configuration, [path])
        except Failure as failure:
            problems.append(failure.finding)
    return await in_thread(lambda: mend_history([script for script in read.values() if script is not None], problems))


def _read_each(paths: Sequence[Path]) -> tuple[dict[Path, Script | None], list[Finding]]:
    read: dict[Path, Script | None] = {}
    problems = []
    for path in paths:
        try:
            read[path] = read_script(path)
        except Failure as failure:
            problems.append(failure.finding)
    return read, problems


def mend_history(scripts: Sequence[Script], problems: Sequence[Finding] = ()) -> History:
    """Put `scripts` in order as far as they have one, leaving out the links that make none; say which, and why."""
    found = list(problems)
    kept: dict[str, Script] = {}
    for script in scripts:
        if script.revision in kept:
            found.append(_twice(script, kept[script.revision].path).finding)
            continue
        try:
            alembic.Revision.verify_rev_id(script.revision)
        except alembic.RevisionError as error:
            found.append(broken(script.path, script.line, str(error)).finding)
            continue
        kept[script.revision] = script
    labels = {label for script in kept.values() for label in script.branch_labels}
    for script in kept.values():
        found += [_absent(script, kind, name).finding for kind, name in _absences(script, kept.keys() | labels)]
    linked = [
        _without(script, {name for _, name in _absences(script, kept.keys() | labels)}) for script in kept.values()
    ]
    while True:
        try:
            return replace(build_history(linked), problems=tuple(found))
        except Failure as failure:
            found.append(failure.finding)
            linked = _unlinked(linked)


def _unlinked(scripts: Sequence[Script]) -> list[Script]:
    """Take the links out of what makes a cycle, or of all where that is not the reason."""
    try:
        _ = _graph(scripts).heads
    except alembic.CycleDetected as error:
        return [_alone(script) if script.revision in error.revisions else script for script in scripts]
    except alembic.RevisionError:
        pass
    return [_alone(script) for script in scripts]


def _alone(script: Script) -> Script:
    return replace(script, down_revisions=(), depends_on=(), branch_labels=())


def _without(script: Script, names: Container[str]) -> Script:
    down = tuple(name for name in script.down_revisions if name not in names)
    return replace(
        script, down_revisions=down, depends_on=tuple(name for name in script.depends_on if name not in names)
    )


def build_history(scripts: Sequence[Script]) -> History:
    """Put `scripts` in order.

    Raises:
        Failure: they are no history: a revision twice, a parent in no file, a cycle (`Code.MIGRATIONS_BROKEN`).
    """
    return _ordered(tuple(scripts))


@lru_cache(maxsize=4)  # the same files are looked at again and again, by the head, the doctor and the screen
def _ordered(scripts: tuple[Script, ...]) -> History:
    _check_names(scripts)
    try:
        graph = _graph(scripts)
        heads = graph.heads
        order = list(graph.iterate_revisions("heads", (), implicit_base=True))
    except alembic.RevisionError as error:
        raise _no_history(scripts, error) from None
    by_revision = {script.revision: script for script in scripts}
    return History(
        revisions=tuple(
            revision_of(by_revision[node.revision], is_head=node.is_head, is_branch_point=node.is_branch_point)
            for node in reversed(order)
        ),
        heads=tuple(heads),
        scripts=scripts,
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
    return _known(history, steps.upgrade_steps(_graph(history.scripts), current, target))


def downgrade_steps(history: History, current: Sequence[str], target: str) -> tuple[Revision, ...]:
    """Return what a downgrade to `target` takes back, in order; otherwise like `upgrade_steps`."""
    return _known(history, steps.downgrade_steps(_graph(history.scripts), current, target))


def stamped(history: History, current: Sequence[str], target: str) -> tuple[str, ...]:
    """Return the mark that a database marked `current` has once it is stamped as being at `target`, sorted.

    Branches that `target` has nothing to do with keep their marks; one that is in no file goes.

    Raises:
        ResolutionError: there is no such target.
        RevisionError: it is several where one is meant.
    """
    graph = _graph(history.scripts)
    with resolving(target):
        targets = [node for node in graph.get_revisions(target) if isinstance(node, alembic.Revision)]
    names = {revision.revision for revision in history.revisions}
    marks = [graph.get_revision(name) for name in current if name in names]
    lines = [node.revision for node in targets] or [target]
    replaced = {
        mark for line in lines for mark in graph.filter_for_lineage(marks, line, include_dependencies=True) if mark
    }
    kept = [mark.revision for mark in marks if mark and mark not in replaced]
    return tuple(sorted({*kept, *(node.revision for node in targets)}))


def _known(history: History, names: Iterable[str]) -> tuple[Revision, ...]:
    by_revision = {revision.revision: revision for revision in history.revisions}
    return tuple(by_revision[name] for name in names)


def between(history: History, span: str) -> tuple[Revision, ...]:
    """Return the steps of an upgrade along `span`, which is ``FROM:TO`` as Alembic has it, in order.

    Either end may be left out: from the very beginning, to all heads.

    Raises:
        Failure: an end is no revision here, or does not lie on the way (`Code.MIGRATION_NO_SUCH_REVISION`).
    """
    start, _, end = span.partition(":")
    graph = _graph(history.scripts)
    try:
        with resolving(span):
            nodes = list(graph.iterate_revisions(end or "heads", start or "base", implicit_base=True))
    except alembic.ResolutionError as error:
        raise _no_span(span, f"no revision or branch is called {error.argument}") from None
    except alembic.RevisionError as error:
        raise _no_span(span, str(error)) from None
    by_revision = {revision.revision: revision for revision in history.revisions}
    return tuple(by_revision[node.revision] for node in reversed(nodes) if node.revision != start)


def find_revisions(history: History, names: Sequence[str]) -> tuple[Revision, ...]:
    """Return the revisions that `names` mean, each the whole name or the beginning of one, in the order of an upgrade.

    Raises:
        Failure: one of them is no revision here, or is the beginning of several (`Code.MIGRATION_NO_SUCH_REVISION`).
    """
    graph = _graph(history.scripts)
    wanted = set()
    for name in names:
        try:
            with resolving(name):
                wanted |= {node.revision for node in graph.get_revisions(name) if isinstance(node, alembic.Revision)}
        except alembic.RevisionError as error:
            raise _no_span(name, str(error)) from None
    return tuple(revision for revision in history.revisions if revision.revision in wanted)


def heads_after(heads: Sequence[str], steps: Sequence[Revision]) -> tuple[str, ...]:
    """Return where a database at `heads` is once `steps` were applied."""
    at = dict.fromkeys(heads)
    for step in steps:
        for before in step.down_revisions:
            at.pop(before, None)
        at[step.revision] = None
    return tuple(at)


def _no_span(span: str, cause: str) -> Failure:
    return Failure(
        Finding(
            Code.MIGRATION_NO_SUCH_REVISION,
            f"{span!r} is no step of this history",
            f"{cause[:1].upper()}{cause[1:]}.",
            fixes=(Fix("See the revisions", "stackdeck migrate history"),),
        )
    )


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
            raise _twice(script, paths[script.revision])
        paths[script.revision] = script.path
    labels = {label for script in scripts for label in script.branch_labels}
    for script in scripts:
        for kind, name in _absences(script, paths.keys() | labels):
            raise _absent(script, kind, name)


def _absences(script: Script, there: Container[str]) -> Iterator[tuple[str, str]]:
    for kind, names in (("comes after", script.down_revisions), ("depends on", script.depends_on)):
        for name in names:
            if name not in there:
                yield kind, name


def _twice(script: Script, path: Path) -> Failure:
    return broken(script.path, script.line, f"{path} is revision {script.revision} too")


def _absent(script: Script, kind: str, name: str) -> Failure:
    return broken(script.path, script.line, f"{script.revision} {kind} {name}, and no file is that revision")
