"""A part of the worker process: the SQL of steps, written down without a database or rehearsed and rolled back.

Like `stack.migrations.worker`, which loads it, this file imports nothing of ours, and what it is told and tells is in
`stack.migrations.protocol`.
"""

from __future__ import annotations

import re
import traceback
from functools import wraps
from typing import TYPE_CHECKING, NoReturn, Protocol

from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep
from sqlalchemy import Engine, event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.script.base import Script
    from sqlalchemy.engine.interfaces import ExecutionContext

    from stack.migrations.protocol import Event, Job

    Tell = Callable[[Event], None]
    Steps = Callable[[tuple[str, ...], MigrationContext], Iterator[RevisionStep]]

    class Worker(Protocol):
        """What of `stack.migrations.worker` is needed here."""

        Refused: type[Exception]

        def run_environment(self, config: Config, script: ScriptDirectory, steps: Steps, **options: object) -> None:
            """Let ``env.py`` run `steps`."""

        def place(self, error: BaseException, step: RevisionStep | None) -> tuple[str | None, int | None]:
            """Return where in the project's own code `error` came from."""

        def bare(self, statement: str) -> str:
            """Return `statement` without comments, and without what stands in its literals."""


_LONGEST = 10_000
_PART = 50_000
"""Characters of a statement in one event."""

REHEARSAL_SETTINGS = ("SET LOCAL lock_timeout = '2s'", "SET LOCAL statement_timeout = '5min'")
"""A rehearsal stands in nobody's way for long: whoever queues behind a lock that it waits for waits too."""

_ENDS_TRANSACTION = re.compile(
    r"(?:^|;)\s*(?:commit|end|rollback(?!\s+to)|abort|prepare\s+transaction)\b", re.IGNORECASE
)
_READS = re.compile(r"\s*(?:select|with|show|values)\b", re.IGNORECASE)
_PARAMETER = re.compile(r"%%|%\((\w+)\)s|%s")


class Rehearsed(BaseException):
    """All that was to be rehearsed has run, and must be rolled back. Not an Exception, which ``env.py`` may catch."""


class Recorder:
    """What takes the place of a file of SQL: tells each statement, of the step that is being rendered."""

    def __init__(self, tell: Tell) -> None:
        """Take whom to tell."""
        self._tell = tell
        self.side: Event = {}

    def write(self, text: str) -> None:
        """Take one statement, as Alembic writes it."""
        statement = text.strip()
        if not statement:
            return
        for start in range(0, len(statement), _PART):
            part = statement[start : start + _PART]
            self._tell({"event": "sql", **self.side, "text": part, "ends": start + _PART >= len(statement)})

    def flush(self) -> None:
        """Do nothing: each statement is told at once."""


class Rendering:
    """The SQL of steps, without a database: their functions run, and what they would send is written down."""

    def __init__(self, job: Job, tell: Tell, script: ScriptDirectory, worker: Worker) -> None:
        """Take what is to be rendered, whom to tell, the revisions, and the process that it is for."""
        self._job, self._tell, self._script, self._worker = job, tell, script, worker
        self._recorder = Recorder(tell)
        self._reads: list[int | None] = []
        self._path: str | None = None
        self.step: RevisionStep | None = None

    def __call__(self, config: Config) -> None:
        """Render every step in both directions."""
        scripts = [self._script.get_revision(name) for name in self._job["revisions"]]
        for direction, make in (
            ("upgrade", MigrationStep.upgrade_from_script),
            ("downgrade", MigrationStep.downgrade_from_script),
        ):
            ordered = scripts if direction == "upgrade" else scripts[::-1]
            absent = [script for script in ordered if not hasattr(script.module, direction)]
            for script in absent:
                self._tell(_rendered(script, direction, f"it has no {direction}()", None))
            steps = [make(self._script.revision_map, script) for script in ordered if script not in absent]
            for heads, together in self._passes(steps, direction):
                self._render(config, heads, together, direction)

    def _passes(
        self, steps: list[RevisionStep], direction: str
    ) -> Iterator[tuple[tuple[str, ...], list[RevisionStep]]]:
        """Yield steps that follow each other, with the heads that they begin at; else each step by itself."""
        heads = self._job["heads"]
        if heads is None:
            yield from ((step.from_revisions, [step]) for step in steps)
        elif steps:
            yield tuple(heads[direction]), steps

    def _render(self, config: Config, heads: tuple[str, ...], steps: list[RevisionStep], direction: str) -> None:
        def watched(_heads: tuple[str, ...], migration_context: MigrationContext) -> Iterator[RevisionStep]:
            self._watch(migration_context)
            for step in steps:
                self._recorder.side = {"revision": step.revision.revision, "direction": direction}
                yield self._guarded(step, direction)

        options = {"as_sql": True, "output_buffer": self._recorder, "starting_rev": list(heads) or None}
        self._worker.run_environment(config, self._script, watched, **options)

    def _guarded(self, step: RevisionStep, direction: str) -> RevisionStep:
        """Return `step`, which tells what it cannot do without a database instead of failing."""
        migrate = step.migration_fn

        @wraps(migrate)  # Alembic names the step after it
        def guarded(**options: object) -> None:
            self._reads.clear()
            text, line = None, None
            try:
                migrate(**options)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - all that a project's code can do is told
                text, line = f"{type(error).__name__}: {error}"[:_LONGEST], self._worker.place(error, step)[1]
            if self._reads:
                line = self._reads[0]
                text = "it reads from the database, and what it does then depends on what it reads"
            self._tell(_rendered(step.revision, direction, text, line))

        self._path = step.revision.path
        step.migration_fn = guarded
        return step

    def _watch(self, migration_context: MigrationContext) -> None:
        """Notice where a step asks the database, which answers nothing here."""
        mock = migration_context.connection
        execute = mock.execute  # type: ignore[union-attr] # with as_sql it always has one, that writes down

        def watched(statement: object, *arguments: object, **options: object) -> object:
            if getattr(statement, "is_select", False) or _READS.match(str(statement)):
                frames = traceback.extract_stack()[::-1]
                self._reads.append(next((frame.lineno for frame in frames if frame.filename == self._path), None))
            return execute(statement, *arguments, **options)  # type: ignore[call-overload] # passed through

        mock.execute = watched  # type: ignore[method-assign,union-attr] # it has no events


class Rehearsal:
    """Steps that are run for real in one transaction, which is rolled back, and what they sent."""

    def __init__(self, job: Job, tell: Tell, script: ScriptDirectory, worker: Worker) -> None:
        """Take what is to be rehearsed, whom to tell, the revisions, and the process that it is for."""
        self._job, self._tell, self._script, self._worker = job, tell, script, worker
        self._recorder = Recorder(tell)
        self._recording = self._complete = False
        self.step: RevisionStep | None = None

    def __call__(self, config: Config) -> None:
        """Run each step, then each back, and roll all of it back."""
        event.listen(Engine, "commit", self._refuse)
        event.listen(Engine, "before_cursor_execute", self._record)
        MigrationContext.autocommit_block = self._refuse  # type: ignore[assignment] # it is never entered
        try:
            self._worker.run_environment(config, self._script, self._steps, transaction_per_migration=False)
        except (Rehearsed, SystemExit):
            if not self._complete:
                raise

    def _steps(self, _heads: tuple[str, ...], migration_context: MigrationContext) -> Iterator[RevisionStep]:
        connection = migration_context.connection
        if connection is None or getattr(connection.connection.dbapi_connection, "autocommit", False):
            self._refuse()
        for setting in REHEARSAL_SETTINGS:
            connection.exec_driver_sql(setting)
        scripts = [self._script.get_revision(name) for name in self._job["revisions"]]
        for script in scripts:
            yield self._recorded(MigrationStep.upgrade_from_script(self._script.revision_map, script), "upgrade")
        self._complete = True
        for script in reversed(scripts):
            if not hasattr(script.module, "downgrade"):
                self._tell(_rendered(script, "downgrade", "it has no downgrade()", None))
                break
            step = MigrationStep.downgrade_from_script(self._script.revision_map, script)
            yield self._recorded(step, "downgrade")
        raise Rehearsed

    def _recorded(self, step: RevisionStep, direction: str) -> RevisionStep:
        migrate = step.migration_fn

        @wraps(migrate)
        def recorded(**options: object) -> None:
            self.step, self._recording = step, True
            self._recorder.side = {"revision": step.revision.revision, "direction": direction}
            try:
                migrate(**options)
            except self._worker.Refused:
                raise
            except Exception as error:
                if direction == "upgrade":
                    raise
                # Whoever has no way back says so there; the way forward has been rehearsed.
                text = f"{type(error).__name__}: {error}"[:_LONGEST]
                self._tell(_rendered(step.revision, direction, text, self._worker.place(error, step)[1]))
                raise Rehearsed from None
            self._recording = False
            self._tell(_rendered(step.revision, direction, None, None))

        step.migration_fn = recorded
        return step

    def _refuse(self, *_arguments: object) -> NoReturn:
        raise self._worker.Refused("rehearsal", "it commits, or works outside a transaction", self._path)

    @property
    def _path(self) -> str:
        return self.step.revision.path if self.step else self._script.env_py_location

    def _record(
        self,
        _connection: object,
        _cursor: object,
        statement: str,
        parameters: object,
        context: ExecutionContext | None,  # noqa: ARG002 - SQLAlchemy gives these by name
        executemany: bool,  # noqa: ARG002 - as above
    ) -> None:
        if not self._recording:
            return
        if _ENDS_TRANSACTION.search(self._worker.bare(statement)):
            self._refuse()
        self._recorder.write(_numbered(statement) if parameters else statement)


def _rendered(script: Script, direction: str, text: str | None, line: int | None) -> Event:
    return {"event": "rendered", "revision": script.revision, "direction": direction, "text": text or "", "line": line}


def _numbered(statement: str) -> str:
    """Return `statement` with the driver's parameters in Postgres' own notation: $1, $2."""
    names: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        if match.group() == "%%":
            return "%"
        return f"${names.setdefault(match.group(1) or str(len(names)), len(names) + 1)}"

    return _PARAMETER.sub(number, statement)
