"""The process that runs a project's own code: ``env.py`` and the revisions.

That code may print, configure logging, call ``asyncio.run``, ask for input or exit, so it gets a process of its own, in
which standard output leads to standard error and standard input is empty. This file imports nothing of ours, so that
any interpreter that has Alembic can run it. What it is told and tells is in `stack.migrations.protocol`.

It interrupts itself when its standard input closes: that is how it is cancelled, and how it never outlives the process
that started it. An interrupt reaches the driver, which cancels the statement on the server.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import traceback
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from alembic import context
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError, RevisionError
from alembic.util import CommandError, load_python_file, to_tuple
from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alembic.script.base import Script
    from sqlalchemy.engine.interfaces import ExecutionContext

    from stack.migrations.protocol import Event, Job

PATIENCE = 5.0
"""Seconds that an interrupt has to be heeded before the process ends anyway."""

_LONGEST = 10_000
_PART = 50_000
"""Characters of a statement in one event."""

REHEARSAL_SETTINGS = ("SET LOCAL lock_timeout = '2s'", "SET LOCAL statement_timeout = '5min'")
"""A rehearsal stands in nobody's way for long: whoever queues behind a lock that it waits for waits too."""

_QUOTED = re.compile(r"(\$\w*\$).*?\1|'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
_ENDS_TRANSACTION = re.compile(
    r"(?:^|;)\s*(?:commit|end|rollback(?!\s+to)|abort|prepare\s+transaction)\b", re.IGNORECASE
)
_READS = re.compile(r"\s*(?:select|with|show|values)\b", re.IGNORECASE)
_PARAMETER = re.compile(r"%%|%\((\w+)\)s|%s")


class Refused(Exception):  # noqa: N818 - not an error of ours, but what to tell
    """Something that cannot be done, and where that lies."""

    def __init__(self, reason: str, text: str, path: str | None = None) -> None:
        """Take one of the protocol's reasons, and words for a person."""
        super().__init__(text)
        self.reason, self.text, self.path = reason, text, path


class Rehearsed(BaseException):
    """All that was to be rehearsed has run, and must be rolled back. Not an Exception, which ``env.py`` may catch."""


class Environment(EnvironmentContext):
    """Alembic's environment, which has what it was made with whatever ``env.py`` says: how much is one transaction."""

    def configure(self, *arguments: object, **options: object) -> None:
        """Do as ``context.configure`` does."""
        options["transaction_per_migration"] = self.context_opts.get("transaction_per_migration", True)
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
    steps: Callable[[tuple[str, ...], MigrationContext], Iterator[RevisionStep]],
    **options: object,
) -> None:
    """Let ``env.py`` run `steps`, which it is given with the heads that the database is at."""
    began = False

    def begin(heads: tuple[str, ...], migration_context: MigrationContext) -> Iterator[RevisionStep]:
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


class Run:
    """One upgrade or downgrade, which knows the step that it is at."""

    def __init__(self, job: Job, tell: Teller, script: ScriptDirectory) -> None:
        """Take what is to be done, whom to tell, and the revisions."""
        self._job, self._tell, self._script = job, tell, script
        self.step: RevisionStep | None = None

    def __call__(self, config: Config) -> None:
        """Let ``env.py`` run the steps."""
        run_environment(config, self._script, self._steps, destination_rev=self._job["target"])

    def _steps(self, heads: tuple[str, ...], _context: MigrationContext) -> Iterator[RevisionStep]:
        # Alembic asks for a step when the one before it is committed.
        plan = self._plan(heads)
        for place, step in enumerate(plan, 1):
            self.step = step
            told: Event = {"revision": step.revision.revision, "place": place, "count": len(plan), "text": _line(step)}
            self._tell({"event": "running", **told})
            yield step
            self._tell({"event": "applied", **told})
        self.step = None

    def _plan(self, heads: tuple[str, ...]) -> list[RevisionStep]:
        target = self._job["target"]
        try:
            if self._job["command"] == "upgrade":
                scripts = list(self._script.iterate_revisions(target, heads, implicit_base=True))[::-1]
                make = MigrationStep.upgrade_from_script
            else:
                scripts = list(self._script.iterate_revisions(heads, target, select_for_downgrade=True))
                make = MigrationStep.downgrade_from_script
        except ResolutionError as error:
            raise Refused("target", f"no revision or branch is called {error.argument}") from None
        except RevisionError as error:
            raise Refused("target", str(error)) from None
        for script in scripts:
            if not hasattr(script.module, self._job["command"]):
                raise Refused("history", f"it has no {self._job['command']}()", script.path)
        return [make(self._script.revision_map, script) for script in scripts]


class Recorder:
    """What takes the place of a file of SQL: tells each statement, of the step that is being rendered."""

    def __init__(self, tell: Teller) -> None:
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

    def __init__(self, job: Job, tell: Teller, script: ScriptDirectory) -> None:
        """Take what is to be rendered, whom to tell, and the revisions."""
        self._job, self._tell, self._script = job, tell, script
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
        run_environment(config, self._script, watched, **options)

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
                text, line = f"{type(error).__name__}: {error}"[:_LONGEST], _place(error, step)[1]
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

    def __init__(self, job: Job, tell: Teller, script: ScriptDirectory) -> None:
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
            except Refused:
                raise
            except Exception as error:
                if direction == "upgrade":
                    raise
                # Whoever has no way back says so there; the way forward has been rehearsed.
                text = f"{type(error).__name__}: {error}"[:_LONGEST]
                self._tell(_rendered(step.revision, direction, text, _place(error, step)[1]))
                raise Rehearsed from None
            self._recording = False
            self._tell(_rendered(step.revision, direction, None, None))

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
        if _ENDS_TRANSACTION.search(_QUOTED.sub("''", statement)):
            self._refuse()
        self._recorder.write(_numbered(statement) if parameters else statement)


class Teller:
    """Writes events to the process that started this one."""

    def __init__(self, stream: TextIO) -> None:
        """Take the pipe."""
        self._stream = stream

    def __call__(self, event: Event) -> None:
        """Send one event."""
        self._stream.write(json.dumps(event) + "\n")
        self._stream.flush()


def load(job: Job) -> tuple[Config, ScriptDirectory]:
    """Read the configuration and import all revisions, as every Alembic command does."""
    config = Config(job["ini"], job["toml"])
    config.set_main_option("sqlalchemy.url", (job["url"] or "").replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    script.get_heads()
    return config, script


def read(job: Job, tell: Teller) -> None:
    """Import each file as Alembic does, and tell what it says of itself."""
    sys.path[:0] = Config(job["ini"], job["toml"]).get_prepend_sys_paths_list() or []
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
    job: Job = json.loads(orders.readline())
    threading.Thread(target=_end_with, args=(orders,), daemon=True).start()
    url = job["url"]
    if url is not None:
        os.environ["APP_DB_URL"] = os.environ["DATABASE_URL"] = url
    run: Run | Rendering | Rehearsal | None = None
    try:
        if job["command"] == "read":
            read(job, tell)
        else:
            config, script = load(job)
            if job["command"] == "render":
                run = Rendering(job, tell, script)
            elif job["command"] == "rehearse":
                run = Rehearsal(job, tell, script)
            else:
                run = Run(job, tell, script)
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


def _end_with(orders: TextIO) -> None:
    orders.read()
    main_thread = threading.main_thread()
    if main_thread.ident is not None:
        signal.pthread_kill(main_thread.ident, signal.SIGINT)
    main_thread.join(PATIENCE)
    os._exit(130)


def _line(step: RevisionStep) -> str:
    before, after = (", ".join(names) or "base" for names in (step.from_revisions_no_deps, step.to_revisions_no_deps))
    return f"{step.name} {before} → {after}" + (f", {step.doc}" if step.doc else "")


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


def _failed(error: BaseException, run: Run | Rendering | Rehearsal | None) -> Event:
    step = run.step if run else None
    text, statement = f"{type(error).__name__}: {error}", None
    if isinstance(error, DBAPIError):
        text, statement = str(error.orig), error.statement
    elif isinstance(error, SystemExit):
        text = f"it ended the program ({error.code})"
    elif isinstance(error, CommandError | RevisionError):
        text = str(error)
    path, line = _place(error, step)
    return {
        "event": "failed",
        "reason": "step" if step else "environment" if run else "history",
        "text": text[:_LONGEST],
        "revision": step.revision.revision if step else None,
        "path": path,
        "line": line,
        "statement": statement[:_LONGEST] if statement else None,
    }


def _place(error: BaseException, step: RevisionStep | None) -> tuple[str | None, int | None]:
    """Return where in the project's own code `error` came from: in the step's file, or else the innermost place."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)][::-1]
    if step is not None:
        path = step.revision.path
        return path, next((line for name, line in frames if name == path), None)
    library = str(Path(os.__file__).parent)
    for name, line in frames:
        if name != __file__ and "site-packages" not in name and not name.startswith((library, "<")):
            return name, line
    return None, None


if __name__ == "__main__":
    sys.exit(main())
