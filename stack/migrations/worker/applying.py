"""Upgrades and downgrades by the steps that were told, and stamps."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

from alembic.runtime.migration import MigrationStep, StampStep
from sqlalchemy import event
from sqlalchemy.engine import Engine

from .environment import run_environment
from .failures import Refused
from .statements import commits, keeps_settings, rows_touched, works_concurrently

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext, RevisionStep
    from alembic.script import ScriptDirectory
    from sqlalchemy.engine import Connection
    from sqlalchemy.engine.interfaces import DBAPICursor

    from stack.migrations.protocol import Event, Job

_SHORT = 200


class Attempt:
    """What one step has sent so far: how many rows that touched, and what of it stays if the step fails."""

    def __init__(self) -> None:
        """Begin with nothing sent."""
        self.began = time.monotonic()
        self.outside = False
        self.rows: int | None = 0
        self._sent: list[str] = []

    def leave_transaction(self) -> list[str]:
        """Note that what was sent until now stays, and return it, as far as it was not returned before."""
        self.outside = True
        kept, self._sent = self._sent, []
        return kept

    def count(self, statement: str, rowcount: int) -> None:
        """Note a statement that is done. What it did is unknown where it is several, or hides what it does."""
        self._sent.append(" ".join(statement.split())[:_SHORT])
        touched = rows_touched(statement, rowcount)
        self.rows = None if self.rows is None or touched is None else self.rows + touched


class Run:
    """An upgrade or downgrade by the steps that it was told, which knows the step that it is at."""

    def __init__(self, job: Job, tell: Callable[[Event], None], script: ScriptDirectory) -> None:
        """Take what is to be done, whom to tell, and the revisions."""
        self._job, self._tell, self._script = job, tell, script
        self._at_work = False
        self._limited: object = None
        self.step: RevisionStep | None = None
        self.attempt = Attempt()

    def __call__(self, config: Config) -> None:
        """Let ``env.py`` run the steps."""
        event.listen(Engine, "before_cursor_execute", self._before)
        event.listen(Engine, "after_cursor_execute", self._after)
        run_environment(config, self._script, self._steps)

    def _steps(self, heads: tuple[str, ...], migration_context: MigrationContext) -> Iterator[RevisionStep]:
        # Alembic asks for a step when the one before it is committed.
        _check_heads(heads, self._job, self._script)
        plan = [self._make(name) for name in self._job["revisions"]]
        for place, step in enumerate(plan, 1):
            self.step, self.attempt = step, Attempt()
            told: Event = {"revision": step.revision.revision, "place": place, "count": len(plan), "text": _line(step)}
            self._tell({"event": "running", **told})
            yield self._watched(step, migration_context)
            seconds = time.monotonic() - self.attempt.began
            self._tell({"event": "applied", **told, "seconds": seconds, "rows": self.attempt.rows})
        self.step = None

    def _make(self, name: str) -> RevisionStep:
        script = self._script.get_revision(name)
        if not hasattr(script.module, self._job["command"]):
            raise Refused("history", f"it has no {self._job['command']}()", script.path)
        upgrading = self._job["command"] == "upgrade"
        make = MigrationStep.upgrade_from_script if upgrading else MigrationStep.downgrade_from_script
        return make(self._script.revision_map, script)

    def _watched(self, step: RevisionStep, migration_context: MigrationContext) -> RevisionStep:
        """Return `step`, with its time limits set before it begins and its statements watched."""
        migrate = step.migration_fn

        def watched(**options: object) -> None:
            if migration_context.connection is None:
                raise Refused("environment", "it has no connection", self._script.env_py_location)
            self._limit(migration_context.connection)
            self._at_work = True
            migrate(**options)
            self._at_work = False

        step.migration_fn = watched
        return step

    def _limit(self, connection: Connection) -> None:
        # For the session and not for the transaction, since a step may leave its transaction. They still hold where
        # nothing was sent since that may have set others: a question a step would be a tenth of what a small one takes.
        if self._limited is connection.connection.dbapi_connection:
            return
        lock, statement = self._job["lock_timeout"], self._job["statement_timeout"]
        row = connection.exec_driver_sql(
            f"SELECT set_config('lock_timeout', '{lock:d}ms', false), "
            f"set_config('statement_timeout', '{statement:d}ms', false), pg_backend_pid()"
        ).one()
        self._limited = connection.connection.dbapi_connection
        self._tell({"event": "session", "pid": row[2]})

    def _before(self, conn: Connection, _cursor: DBAPICursor, statement: str, *_others: object) -> None:
        if not keeps_settings(statement):
            self._limited = None
        if self._at_work and _leaves_transaction(conn, statement):
            self._leave_transaction()
            if works_concurrently(statement):
                # It blocks nobody while it waits, and what it leaves when it gives up is an invalid index.
                _set_lock_timeout(conn, 0)

    def _after(self, conn: Connection, cursor: DBAPICursor, statement: str, *_others: object) -> None:
        if not self._at_work:
            return
        self.attempt.count(statement, cursor.rowcount)
        if _leaves_transaction(conn, statement):
            self._leave_transaction()
            if works_concurrently(statement):
                _set_lock_timeout(conn, self._job["lock_timeout"])

    def _leave_transaction(self) -> None:
        # At once, for nobody asks a process that was ended.
        first = not self.attempt.outside
        kept = self.attempt.leave_transaction()
        if first or kept:
            self._tell({"event": "outside", "kept": kept})


class Stamping:
    """A mark that is set in the database, and nothing else."""

    def __init__(self, job: Job, script: ScriptDirectory) -> None:
        """Take what is to be marked, and the revisions."""
        self._job, self._script = job, script

    def __call__(self, config: Config) -> None:
        """Let ``env.py`` replace the mark, all of it in one transaction."""
        # What Alembic itself makes of several revisions at once loses some of them, so the old mark goes first.
        run_environment(config, self._script, self._steps, transaction_per_migration=False, purge=True)

    def _steps(self, _heads: tuple[str, ...], _context: MigrationContext) -> Iterator[MigrationStep]:
        for name in self._job["revisions"]:
            yield StampStep((), name, True, True, self._script.revision_map)


def _check_heads(heads: tuple[str, ...], job: Job, script: ScriptDirectory) -> None:
    """Refuse where ``env.py`` sees the database elsewhere than the process that made the plan."""
    if set(heads) != set(job["current"]):
        here, there = (", ".join(sorted(names)) or "nothing" for names in (job["current"], heads))
        text = f"it finds the database at {there}, and alembic_version says {here}: it keeps its mark elsewhere"
        raise Refused("environment", text, script.env_py_location)


def _leaves_transaction(connection: Connection, statement: str) -> bool:
    autocommits = bool(getattr(connection.connection.dbapi_connection, "autocommit", False))
    return autocommits or commits(statement)


def _set_lock_timeout(connection: Connection, milliseconds: int) -> None:
    with closing(connection.connection.cursor()) as cursor:
        cursor.execute(f"SET lock_timeout = {milliseconds:d}")


def _line(step: RevisionStep) -> str:
    before, after = (", ".join(names) or "base" for names in (step.from_revisions_no_deps, step.to_revisions_no_deps))
    return f"{step.name} {before} → {after}" + (f", {step.doc}" if step.doc else "")
