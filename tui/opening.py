"""Opening a project without holding up the first frame: everything heavy is imported in a thread, after it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from stack.background import in_thread
from stack.crash import keep_out
from stack.project import COMPOSE_FILE_NAMES, Options, Project, open_project

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stack.workspace import Workspace

Fingerprint = tuple[tuple[int, int, int] | None, ...]
"""What tells one state of a project's files from another: inode, time of change and size of each, None if absent."""


def opener_of(options: Options) -> "Callable[[], Awaitable[Workspace]]":
    """Return what opens the project that `options` name; it raises `Failure` where its own settings cannot be used."""

    def work() -> "Workspace":
        from stack.lazy_imports import import_parts
        from stack.workspace import Workspace

        import_parts()
        project = open_project(options)
        # Before anything can go wrong that would be reported; by one of its own, so that ours has read nothing yet.
        keep_out(set(Workspace(project, options.runtime, os.environ).secrets()))
        return Workspace(project, options.runtime, os.environ)

    async def open_it() -> "Workspace":
        return await in_thread(work, name="open")

    return open_it


def fingerprint(project: Project) -> Fingerprint:
    """Return what changes when a file changes that `project` is made of."""
    files = [project.env_file, project.root / "pyproject.toml", *(project.root / name for name in COMPOSE_FILE_NAMES)]
    if project.template:
        files.append(project.template)
    return tuple(_fingerprint(path) for path in files)


def _fingerprint(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
