"""Steps that are run for real, and undone."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from functools import wraps
from typing import TYPE_CHECKING, NoReturn

from alembic.runtime.migration import MigrationContext, MigrationStep
from sqlalchemy import event
from sqlalchemy.engine import Engine

from .environment import run_environment
from .failures import Refused, place, words_of
from .rendering import Recorder, rendered
from .statements import ends_transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alembic.config import Config
    from alembic.runtime.migration import RevisionStep
    from alembic.script import ScriptDirectory
    from sqlalchemy.engine import Connection
    from sqlalchemy.engine.interfaces import ExecutionContext

    from stack.migrations.protocol import Event, Job

_PARAMETER = re.compile(r"%%|%\((\w+)\)s|%s")


class Rehearsed(BaseException):
    """All that was to be rehearsed has run, or all that can be. Not an Exception, which ``env.py`` may catch."""


class _Rehearsing(ABC):
    """Steps that are run for real, and then back as far as there is a way, and what they sent."""

    def __init__(self, job: Job, tell: Callable[[Event], None], script: ScriptDirectory) -> None:
        """Take what is to be rehearsed, whom to tell, and the revisions."""
        self._job, self._tell, self._script = job, tell, script
        self._recorder = Recorder(tell)
        self._recording = self._complete = False
        self.step: RevisionStep | None = None

    def _rehearse(self, config: Config, *, transaction_per_migration: bool) -> None:
        event.listen(Engine, "before_cursor_execute", self._record)
        try:
            run_environment(config, self._script, self._steps, transaction_per_migration=transaction_per_migration)
        except (Rehearsed, SystemExit):
            if not self._complete:
                raise

    def _steps(self, _heads: tuple[str, ...], migration_context: MigrationContext) -> Iterator[RevisionStep]:
        if migration_context.connection is None:
            raise Refused("environment", "it has no connection", self._script.env_py_location)
        self._begin(migration_context.connection)
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
        self._check(statement)
        self._recorder.write(_numbered(statement) if parameters else statement)

    def _limits(self, scope: str) -> tuple[str, ...]:
        lock, statement = self._job["lock_timeout"], self._job["statement_timeout"]
        return f"SET {scope} lock_timeout = {lock:d}", f"SET {scope} statement_timeout = {statement:d}"

    @abstractmethod
    def _begin(self, connection: Connection) -> None:
        """See to it that `connection` is one to rehearse on, and set the time limits."""

    @abstractmethod
    def _check(self, statement: str) -> None:
        """Refuse a statement that must not be sent."""


class Rehearsal(_Rehearsing):
    """A rehearsal in one transaction, which is rolled back."""

    def __call__(self, config: Config) -> None:
        """Run each step, then each back, and roll all of it back."""
        event.listen(Engine, "commit", self._refuse)
        MigrationContext.autocommit_block = self._refuse  # type: ignore[assignment] # it is never entered
        self._rehearse(config, transaction_per_migration=False)

    def _begin(self, connection: Connection) -> None:
        if getattr(connection.connection.dbapi_connection, "autocommit", False):
            self._refuse()
        for setting in self._limits("LOCAL"):
            connection.exec_driver_sql(setting)

    def _check(self, statement: str) -> None:
        if ends_transaction(statement):
            self._refuse()

    def _refuse(self, *_arguments: object) -> NoReturn:
        path = self.step.revision.path if self.step else self._script.env_py_location
        raise Refused("rehearsal", "it commits, or works outside a transaction", path)


class CopyRehearsal(_Rehearsing):
    """A rehearsal in a copy of the database, where what is committed stays."""

    def __call__(self, config: Config) -> None:
        """Run each step, then each back."""
        self._rehearse(config, transaction_per_migration=True)

    def _begin(self, connection: Connection) -> None:
        for setting in self._limits("SESSION"):
            connection.exec_driver_sql(setting)

    def _check(self, statement: str) -> None:
        """Let it do what it likes."""


def _numbered(statement: str) -> str:
    """Return `statement` with the driver's parameters in Postgres' own notation: $1, $2."""
    names: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        if match.group() == "%%":
            return "%"
        return f"${names.setdefault(match.group(1) or str(len(names)), len(names) + 1)}"

    return _PARAMETER.sub(number, statement)
