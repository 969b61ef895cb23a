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
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from alembic import context
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError, RevisionError
from alembic.util import CommandError, load_python_file, to_tuple
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stack.migrations.protocol import Event, Job

PATIENCE = 5.0
"""Seconds that an interrupt has to be heeded before the process ends anyway."""

_LONGEST = 10_000


class Refused(Exception):  # noqa: N818 - not an error of ours, but what to tell
    """Something that cannot be done, and where that lies."""

    def __init__(self, reason: str, text: str, path: str | None = None) -> None:
        """Take one of the protocol's reasons, and words for a person."""
        super().__init__(text)
        self.reason, self.text, self.path = reason, text, path


class Environment(EnvironmentContext):
    """Alembic's environment, with each step in a transaction of its own whatever ``env.py`` says."""

    def configure(self, *arguments: object, **options: object) -> None:
        """Do as ``context.configure`` does."""
        options["transaction_per_migration"] = True
        super().configure(*arguments, **options)  # type: ignore[arg-type] # passed through as they came


# What `from alembic import context` gives env.py is a face of one class; from here on, of ours.
Environment.create_module_class_proxy(vars(context), vars(context))


class Run:
    """One upgrade or downgrade, which knows the step that it is at."""

    def __init__(self, job: Job, tell: Teller, script: ScriptDirectory) -> None:
        """Take what is to be done, whom to tell, and the revisions."""
        self._job, self._tell, self._script = job, tell, script
        self._began = False
        self.step: RevisionStep | None = None

    def __call__(self, config: Config) -> None:
        """Let ``env.py`` run the steps."""
        with Environment(config, self._script, fn=self._steps, destination_rev=self._job["target"]):
            try:
                self._script.run_env()
            except SystemExit as error:
                if error.code or not self._began:
                    raise
        if not self._began:
            raise Refused("environment", "it did not run any migrations", self._script.env_py_location)

    def _steps(self, heads: tuple[str, ...], _context: MigrationContext) -> Iterator[RevisionStep]:
        # Alembic asks for a step when the one before it is committed.
        self._began = True
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
    run: Run | None = None
    try:
        if job["command"] == "read":
            read(job, tell)
        else:
            config, script = load(job)
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


def _failed(error: BaseException, run: Run | None) -> Event:
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
