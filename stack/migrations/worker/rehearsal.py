"""Steps that are run for real, and undone."""

from __future__ import annotations

import re
from functools import wraps
from typing import TYPE_CHECKING, NoReturn

from alembic.runtime.migration import MigrationContext, MigrationStep
from sqlalchemy import Engine, event

from .environment import run_environment
from .failures import Refused, place, words_of
from .rendering import Recorder, rendered
from .statements import ends_transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alembic.config import Config
    from alembic.runtime.migration import RevisionStep
    from alembic.script import ScriptDirectory
    from sqlalchemy.engine.interfaces import ExecutionContext

    from stack.migrations.protocol import Event, Job

REHEARSAL_SETTINGS = ("SET LOCAL lock_timeout = '2s'", "SET LOCAL statement_timeout = '5min'")
"""A rehearsal stands in nobody's way for long: whoever queues behind a lock that it waits for waits too."""

_PARAMETER = re.compile(r"%%|%\((\w+)\)s|%s")


class Rehearsed(BaseException):
    """All that was to be rehearsed has run, and must be rolled back. Not an Exception, which ``env.py`` may catch."""


class Rehearsal:
    """Steps that are run for real in one transaction, which is rolled back, and what they sent."""

    def __init__(self, job: Job, tell: Callable[[Event], None], script: ScriptDirectory) -> None:
        """Take what is to be rehearsed, whom to tell, and the revisions."""
        self._job, self._tell, self._script = job, tell, script
        self._recorder = Recorder(tell)
        self._recording = self._complete = False
        self.step: RevisionStep | None = None

    def __call__(self, config: Config) -> None:
        """Run each step, then each back, and roll all of it back."""
        event.listen(Engine, "commit", self._refuse)
        event.listen(Engine, "before_cursor_execute", self._record)
        MigrationContext.autocommit_block = self._refuse  # type: ignore[assignment] # it is never entered
        try:
            run_environment(config, self._script, self._steps, transaction_per_migration=False)
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
                self._tell(rendered(script, "downgrade", "it has no downgrade()", None))
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
            except Refused:
                raise
            except Exception as error:
                if direction == "upgrade":
                    raise
                # Whoever has no way back says so there; the way forward has been rehearsed.
                text = words_of(error)
                self._tell(rendered(step.revision, direction, text, place(error, step)[1]))
                raise Rehearsed from None
            self._recording = False
            self._tell(rendered(step.revision, direction, None, None))

        step.migration_fn = recorded
        return step

    def _refuse(self, *_arguments: object) -> NoReturn:
        raise Refused("rehearsal", "it commits, or works outside a transaction", self._path)

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
        if ends_transaction(statement):
            self._refuse()
        self._recorder.write(_numbered(statement) if parameters else statement)


def _numbered(statement: str) -> str:
    """Return `statement` with the driver's parameters in Postgres' own notation: $1, $2."""
    names: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        if match.group() == "%%":
            return "%"
        return f"${names.setdefault(match.group(1) or str(len(names)), len(names) + 1)}"

    return _PARAMETER.sub(number, statement)
