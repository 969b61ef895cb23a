"""Revisions that compute what they say of themselves: imported by the worker, as Alembic would."""

from collections.abc import Sequence
from pathlib import Path

from stack.migrations.child import make_job, run_worker
from stack.migrations.configuration import Configuration, broken
from stack.migrations.protocol import Command, Event
from stack.migrations.script import Script, script_of


async def import_scripts(configuration: Configuration, paths: Sequence[Path]) -> dict[Path, Script]:
    """Let the worker import the revisions' files that compute what they say.

    Raises:
        Failure: one of them cannot be imported, or does not say what a revision must (`Code.MIGRATIONS_BROKEN`).
    """
    events: list[Event] = []
    job = make_job(configuration.files, Command.READ, files=paths)
    ended = await run_worker(job, configuration.directory, events.append)
    for event in events:
        if event["event"] == "failed":
            at = Path(event.get("path") or paths[0])
            raise broken(at, event.get("line"), event["text"], ended.output.strip() or None)
    if len(events) != len(paths) + 1:
        raise broken(paths[0], None, f"importing it ended the program with status {ended.status}")
    scripts = (script_of(event, configuration.directory) for event in events if event["event"] == "read")
    return {script.path: script for script in scripts}
