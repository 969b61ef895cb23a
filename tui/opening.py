"""Opening a project without holding up the first frame: everything heavy is imported in a thread, after it."""

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from stack.background import in_thread
from stack.project import Options

if TYPE_CHECKING:
    from stack.workspace import Workspace


def opener_of(options: Options) -> "Callable[[], Awaitable[Workspace]]":
    """Return what opens the project that `options` name."""

    async def open_it() -> "Workspace":
        make = await in_thread(_import, name="imports")
        return await in_thread(lambda: make(options), name="open")

    return open_it


def _import() -> "Callable[[Options], Workspace]":
    """Import what an open project needs, and return what opens one.

    `stack.workspace` itself is light and imports each part when it is first asked for. On an event loop that would be
    noticed, so they are imported here.
    """
    import stack.database.access
    import stack.doctor.checks
    import stack.environment.report
    import stack.migrations.migrations
    import stack.services.compose.load
    import stack.services.embedded.control
    import stack.services.engine.control
    import stack.tables.browser  # noqa: F401 - imported for the time that it takes
    from stack.workspace import open_workspace

    return lambda options: open_workspace(options, os.environ)
