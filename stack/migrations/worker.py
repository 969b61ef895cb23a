"""The process that runs a project's own code: ``env.py`` and the revisions.

That code may print, configure logging, call ``asyncio.run``, ask for input or exit, so it gets a process of its own, in
which standard output leads to standard error and standard input is empty. This file imports nothing of ours, so that
any interpreter that has Alembic can run it. What it is told and tells is in `stack.migrations.protocol`.

It gets ready, by importing what any job needs and then all of the project's revisions, before it is told its job: that
may take as long as the process that started it takes to plan the job.

It interrupts itself when its standard input closes: that is how it is cancelled, and how it never outlives the process
that started it. An interrupt reaches the driver, which cancels the statement on the server.
"""

from __future__ import annotations

import gc
import importlib.util
import inspect
import json
import os
import queue
import re
import signal
import sys
import threading
import time
import traceback
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

# What the project imports comes from its own directories, never from this one.
if sys.path[0] == str(Path(__file__).parent):
    sys.path.pop(0)

import sqlalchemy
from alembic import context
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep, StampStep
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError, load_python_file, to_tuple
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import ArgumentError, DBAPIError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from sqlalchemy.engine import Connection
    from sqlalchemy.engine.interfaces import DBAPICursor

    from stack.migrations.protocol import Event, Job, Preparation

    Task = Callable[[Config], None]

PATIENCE = 5.0
"""Seconds that an interrupt has to be heeded before the process ends anyway."""

_LONGEST = 10_000
_KEPT = 100
_SHORT = 200

_QUOTED = re.compile(r"(\$\w*\$).*?\1|'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
_COMMITS = re.compile(r"(?:^|;)\s*(?:commit|end)\b", re.IGNORECASE)
_CONCURRENTLY = re.compile(r"\bconcurrently\b", re.IGNORECASE)
_WRITES = re.compile(r"\b(?:insert|update|delete|merge|copy|call)\b", re.IGNORECASE)
_COUNTED = frozenset({"insert", "update", "delete", "merge"})
_OPAQUE = frozenset({"with", "do", "call", "copy", "execute"})


class Refused(Exception):  # noqa: N818 - not an error of ours, but what to tell
    """Something that cannot be done, and where that lies."""

    def __init__(self, reason: str, text: str, path: str | None = None) -> None:
        """Take one of the protocol's reasons, and words for a person."""
        super().__init__(text)
        self.reason, self.text, self.path = reason, text, path


class Environment(EnvironmentContext):
    """Alembic's environment, which has what it was made with whatever ``env.py`` says: how much is one transaction."""

    def configure(self, *arguments: object, **options: object) -> None:
        """Do as ``context.configure`` does."""
        options["transaction_per_migration"] = self.context_opts.get("transaction_per_migration", True)
        if self.context_opts.get("compare_everything"):
            for name in ("compare_type", "compare_server_default"):
                options[name] = options.get(name) or True  # how, may be the project's own function
        if not self.context_opts.get("as_sql"):
            super().configure(*arguments, **options)  # type: ignore[arg-type] # passed through as they came
            return
        options |= {"output_buffer": self.context_opts["output_buffer"], "literal_binds": True}
        super().configure(*arguments, **options)  # type: ignore[arg-type] # as above
        # No driver takes this text for a format, so that a % in it is one.
        self.get_context().dialect.identifier_preparer._double_percents = False  # noqa: SLF001


# What `from alembic import context` gives env.py is a face of one class; from here on, of ours.
Environment.create_module_class_proxy(vars(context), vars(context))


def run_environment(
    config: Config,
    script: ScriptDirectory,
    steps: Callable[[tuple[str, ...], MigrationContext], Iterator[MigrationStep]],
    **options: object,
) -> None:
    """Let ``env.py`` run `steps`, which it is given with the heads that the database is at."""
    began = False

    def begin(heads: tuple[str, ...], migration_context: MigrationContext) -> Iterator[MigrationStep]:
        nonlocal began
        began = True
        yield from steps(heads, migration_context)

    with Environment(config, script, fn=begin, **options):
        try:
            script.run_env()
        except SystemExit as error:
            if error.code or not began:
                raise
    if not began:
        raise Refused("environment", "it did not run any migrations", script.env_py_location)


class Attempt:
    """What one step has sent so far: how many rows that touched, and what of it stays if the step fails."""

    def __init__(self) -> None:
        """Begin with nothing sent."""
        self.began = time.monotonic()
        self.sent: list[str] = []
        self.kept = 0
        self.outside = False
        self.rows: int | None = 0

    def leave_transaction(self) -> None:
        """Note that what was sent until now stays."""
        self.outside = True
        self.kept = len(self.sent)

    def count(self, statement: str, rowcount: int) -> None:
        """Note a statement that is done. What it did is unknown where it is several, or hides what it does."""
        self.sent.append(" ".join(statement.split())[:_SHORT])
        plain = bare(statement).strip().rstrip(";")
        word = plain[:10].split(maxsplit=1)[0].lower() if plain else ""
        if word in _COUNTED and ";" not in plain:
            self.rows = None if self.rows is None or rowcount < 0 else self.rows + rowcount
        elif (word in _OPAQUE or ";" in plain) and (word == "do" or _WRITES.search(plain)):
            self.rows = None


class Run:
    """An upgrade or downgrade by the steps that it was told, which knows the step that it is at."""

    def __init__(self, job: Job, tell: Teller, script: ScriptDirectory) -> None:
        """Take what is to be done, whom to tell, and the revisions."""
        self._job, self._tell, self._script = job, tell, script
        self._at_work = False
        self.step: RevisionStep | None = None
        self.attempt = Attempt()

    def __call__(self, config: Config) -> None:
        """Let ``env.py`` run the steps."""
        event.listen(Engine, "before_cursor_execute", self._before, named=True)
        event.listen(Engine, "after_cursor_execute", self._after, named=True)
        run_environment(config, self._script, self._steps)

    def _steps(self, heads: tuple[str, ...], migration_context: MigrationContext) -> Iterator[RevisionStep]:
        # Alembic asks for a step when the one before it is committed.
        check_heads(heads, self._job, self._script)
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
            self._limit(migration_context)
            self._at_work = True
            migrate(**options)
            self._at_work = False

        step.migration_fn = watched
        return step

    def _limit(self, migration_context: MigrationContext) -> None:
        # For the session and not for the transaction, since a step may leave its transaction.
        connection = migration_context.connection
        if connection is None:
            raise Refused("environment", "it has no connection", self._script.env_py_location)
        lock, statement = self._job["lock_timeout"], self._job["statement_timeout"]
        row = connection.exec_driver_sql(
            f"SELECT set_config('lock_timeout', '{lock:d}ms', false), "
            f"set_config('statement_timeout', '{statement:d}ms', false), pg_backend_pid()"
        ).one()
        self._tell({"event": "session", "pid": row[2]})

    def _before(self, conn: Connection, statement: str, **_others: object) -> None:
        if self._at_work and _leaves_transaction(conn, statement):
            if not self.attempt.outside:
                self._tell({"event": "outside"})
            self.attempt.leave_transaction()
            if _CONCURRENTLY.search(statement):
                # It blocks nobody while it waits, and what it leaves when it gives up is an invalid index.
                _set_lock_timeout(conn, 0)

    def _after(self, conn: Connection, cursor: DBAPICursor, statement: str, **_others: object) -> None:
        if not self._at_work:
            return
        self.attempt.count(statement, cursor.rowcount)
        if _leaves_transaction(conn, statement):
            self.attempt.leave_transaction()
            if _CONCURRENTLY.search(statement):
                _set_lock_timeout(conn, self._job["lock_timeout"])


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


def check_heads(heads: tuple[str, ...], job: Job, script: ScriptDirectory) -> None:
    """Refuse where ``env.py`` sees the database elsewhere than the process that made the plan."""
    if set(heads) != set(job["current"]):
        here, there = (", ".join(sorted(names)) or "nothing" for names in (job["current"], heads))
        text = f"it finds the database at {there}, and alembic_version says {here}: it keeps its mark elsewhere"
        raise Refused("environment", text, script.env_py_location)


def bare(statement: str) -> str:
    """Return `statement` without comments, and without what stands in its literals."""
    return _QUOTED.sub("''", statement)


def _leaves_transaction(connection: Connection, statement: str) -> bool:
    autocommits = bool(getattr(connection.connection.dbapi_connection, "autocommit", False))
    return autocommits or _COMMITS.search(bare(statement)) is not None


def _set_lock_timeout(connection: Connection, milliseconds: int) -> None:
    with closing(connection.connection.cursor()) as cursor:
        cursor.execute(f"SET lock_timeout = {milliseconds:d}")


class Teller:
    """Writes events to the process that started this one."""

    def __init__(self, stream: TextIO) -> None:
        """Take the pipe."""
        self._stream = stream

    def __call__(self, event: Event) -> None:
        """Send one event."""
        self._stream.write(json.dumps(event) + "\n")
        self._stream.flush()


def configure(preparation: Preparation) -> Config:
    """Read the configuration, as far as this Alembic can."""
    if "toml_file" in inspect.signature(Config).parameters:
        return Config(preparation["ini"], toml_file=preparation["toml"])
    if preparation["ini"] is None:
        text = "an Alembic before 1.16 reads no [tool.alembic]; install a newer one into the project's environment"
        raise Refused("environment", text, preparation["toml"])
    return Config(preparation["ini"])


def load(preparation: Preparation) -> tuple[Config, ScriptDirectory]:
    """Read the configuration and import all revisions, as every Alembic command on a database does."""
    config = configure(preparation)
    script = ScriptDirectory.from_config(config)  # which finds the project's packages
    if preparation["url"] is not None:
        point_at(preparation["url"], config, script)
        script.get_heads()
    return config, script


def point_at(database: str, config: Config, script: ScriptDirectory) -> None:
    """Let the project's code find the `database`, in all the places that it may look at."""
    scheme = _scheme(config, script)
    url = re.sub(r"^\w+(?=:)", scheme, database)
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    os.environ["APP_DB_URL"] = url
    # Of a database without an encoding, SQL_ASCII, psycopg would give bytes for text.
    os.environ.setdefault("PGCLIENTENCODING", "UTF8")
    # Whoever reads this one made it fit what they do with it.
    as_it_was = re.match(r"postgres(?:ql)?(?:\+\w+)?(?=:)", os.environ.get("DATABASE_URL", ""))
    os.environ["DATABASE_URL"] = re.sub(r"^\w+(?=:)", as_it_was.group() if as_it_was else scheme, database)
    with suppress(ArgumentError, ImportError):
        sqlalchemy.create_engine(url)  # which connects to nothing, and imports the driver that env.py will want


def _scheme(config: Config, script: ScriptDirectory) -> str:
    """Return the scheme of a URL that this SQLAlchemy opens with a driver that is installed here."""
    version = tuple(int(part) for part in sqlalchemy.__version__.split(".")[:2])
    default = "psycopg" if version >= (2, 1) else "psycopg2"
    written = re.match(r"postgres(?:ql)?\+(\w+):", config.get_main_option("sqlalchemy.url") or "")
    asynchronous = "async_engine" in Path(script.env_py_location).read_text(encoding="utf-8", errors="replace")
    wanted = [written.group(1)] if written else []
    wanted += ["psycopg", "asyncpg"] if asynchronous else [default, "psycopg", "psycopg2"]
    for driver in wanted:
        if importlib.util.find_spec(driver) and (driver != "psycopg" or version >= (2, 0)):
            return "postgresql" if driver == default else f"postgresql+{driver}"
    return "postgresql"


def read(job: Job, tell: Teller) -> None:
    """Import each file as Alembic does, and tell what it says of itself."""
    for name in job["files"]:
        path = Path(name)
        module = load_python_file(path.parent, path.name)
        # Names that only the file has, in Alembic's oldest format.
        legacy = re.fullmatch(r"([a-f0-9]+)\.py", path.name)
        revision = getattr(module, "revision", legacy and legacy.group(1))
        if not isinstance(revision, str) or not hasattr(module, "down_revision"):
            raise Refused("history", "it does not say its revision and down_revision", name)
        event: Event = {
            "event": "read",
            "path": name,
            "revision": revision,
            "down_revisions": [*to_tuple(module.down_revision, default=())],
            "depends_on": [*to_tuple(getattr(module, "depends_on", None), default=())],
            "branch_labels": [*to_tuple(getattr(module, "branch_labels", None), default=())],
            "docstring": module.__doc__ or "",
        }
        tell(event)


def main() -> int:
    """Do one job, and return the exit status."""
    tell = Teller(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    orders = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(2, 1)
    with open(os.devnull) as nothing:  # noqa: PTH123 - a descriptor is wanted, not a path
        os.dup2(nothing.fileno(), 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    run: Task | None = None
    try:
        threading.Thread(target=_listen, args=(orders, lines), daemon=True).start()
        config, script = load(json.loads(lines.get()))
        gc.freeze()  # all of it stays until the end, which need not be looked for then
        job: Job = json.loads(lines.get())
        if job["command"] == "read":
            read(job, tell)
        else:
            run = _make(job, tell, script)
            run(config)
    except KeyboardInterrupt:
        return 130
    except Refused as refused:
        tell({"event": "failed", "reason": refused.reason, "text": refused.text, "path": refused.path})
        return 1
    except (Exception, SystemExit) as error:  # noqa: BLE001 - all that a project's code can do is told
        tell(_failed(error, run))
        return 1
    tell({"event": "done"})
    return 0


def _make(job: Job, tell: Teller, script: ScriptDirectory) -> Task:
    """Return what does the job."""
    if job["command"] in {"upgrade", "downgrade"}:
        return Run(job, tell, script)
    if job["command"] == "stamp":
        return Stamping(job, script)
    if job["command"] in {"render", "rehearse"}:
        rendering = _beside("rendering")
        kind = rendering.Rendering if job["command"] == "render" else rendering.Rehearsal
        shown: Task = kind(job, tell, script, sys.modules[__name__])
        return shown
    autogeneration = _beside("autogeneration")
    kind = autogeneration.Comparison if job["command"] == "compare" else autogeneration.Generation
    task: Task = kind(job, tell, script, run_environment)
    return task


def _beside(name: str) -> ModuleType:
    """Import the file `name` of this directory, which is on no path of the project's."""
    spec = importlib.util.spec_from_file_location(f"stackdeck_{name}", Path(__file__).with_name(f"{name}.py"))
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _listen(orders: TextIO, lines: queue.SimpleQueue[str]) -> None:
    for line in orders:
        lines.put(line)
    main_thread = threading.main_thread()
    if main_thread.ident is not None:
        signal.pthread_kill(main_thread.ident, signal.SIGINT)
    main_thread.join(PATIENCE)
    os._exit(130)


def _line(step: RevisionStep) -> str:
    before, after = (", ".join(names) or "base" for names in (step.from_revisions_no_deps, step.to_revisions_no_deps))
    return f"{step.name} {before} → {after}" + (f", {step.doc}" if step.doc else "")


def _failed(error: BaseException, run: Task | None) -> Event:
    step: RevisionStep | None = getattr(run, "step", None)
    text, statement = f"{type(error).__name__}: {error}", None
    if isinstance(error, DBAPIError):
        text, statement = str(error.orig), error.statement
    elif isinstance(error, SystemExit):
        text = f"it ended the program ({error.code})"
    elif isinstance(error, (CommandError, RevisionError)):
        text = str(error)
    path, line = place(error, step)
    attempt = run.attempt if isinstance(run, Run) else Attempt()
    return {
        "event": "failed",
        "reason": "step" if step else "environment" if run else "history",
        "text": text[:_LONGEST],
        "revision": step.revision.revision if step else None,
        "path": path,
        "line": line,
        "statement": statement[:_LONGEST] if statement else None,
        "sqlstate": _sqlstate(error),
        "outside": attempt.outside,
        "kept": attempt.sent[: attempt.kept][-_KEPT:],
    }


def _sqlstate(error: BaseException) -> str | None:
    """Return the server's code, by the name that psycopg 3 and asyncpg or that psycopg 2 gives it."""
    original = getattr(error, "orig", None)
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    return state if isinstance(state, str) else None


def place(error: BaseException, step: RevisionStep | None) -> tuple[str | None, int | None]:
    """Return where in the project's own code `error` came from: in the step's file, or else the innermost place."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)][::-1]
    if step is not None:
        path = step.revision.path
        return path, next((line for name, line in frames if name == path), None)
    library = str(Path(os.__file__).parent)
    for name, line in frames:
        if (
            Path(name).parent != Path(__file__).parent
            and "site-packages" not in name
            and not name.startswith((library, "<"))
        ):
            return name, line
    return None, None


if __name__ == "__main__":
    sys.exit(main())
