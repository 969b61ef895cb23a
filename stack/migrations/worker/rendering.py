"""The SQL of steps, written down without a database."""

from __future__ import annotations

import re
import traceback
from functools import wraps
from typing import TYPE_CHECKING

from alembic.runtime.migration import MigrationStep

from .environment import run_environment
from .failures import place, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext, RevisionStep
    from alembic.script import ScriptDirectory
    from alembic.script.base import Script

    from stack.migrations.protocol import Event, Job

    Tell = Callable[[Event], None]

_PART = 50_000
"""Characters of a statement in one event."""

_READS = re.compile(r"\s*(?:select|with|show|values)\b", re.IGNORECASE)


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

    def __init__(self, job: Job, tell: Tell, script: ScriptDirectory) -> None:
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
                self._tell(rendered(script, direction, f"it has no {direction}()", None))
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
                text, line = words_of(error), place(error, step)[1]
            if self._reads:
                line = self._reads[0]
                text = "it reads from the database, and what it does then depends on what it reads"
            self._tell(rendered(step.revision, direction, text, line))

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


def rendered(script: Script, direction: str, text: str | None, line: int | None) -> Event:
    """Return the event of a step whose SQL in one direction was told; `text` says why not all of it."""
    return {"event": "rendered", "revision": script.revision, "direction": direction, "text": text or "", "line": line}
