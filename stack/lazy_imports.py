"""Which modules are imported only when they are needed, and importing them before that, where there is time."""

import gc
import importlib
from collections.abc import Sequence
from typing import Final

PARTS: Final = (
    "stack.environment.address",
    "stack.environment.report",
    "stack.environment.settings",
    "stack.services.compose.load",
    "stack.services.compose.postgres",
    "stack.services.engine.ask",
    "stack.services.engine.backends",
    "stack.services.engine.clients",
    "stack.services.engine.containers",
    "stack.services.engine.control",
    "stack.services.engine.copy_data",
    "stack.services.engine.down",
    "stack.services.engine.dump",
    "stack.services.engine.execute",
    "stack.services.engine.inventory",
    "stack.services.engine.following",
    "stack.services.engine.logs",
    "stack.services.engine.pgadmin",
    "stack.services.engine.probes",
    "stack.services.engine.psql",
    "stack.services.engine.pull",
    "stack.services.engine.room",
    "stack.services.engine.sizes",
    "stack.services.engine.upgrade",
    "stack.services.engine.usage",
    "stack.services.engine.wait",
    "stack.services.engine.watch",
    "stack.services.embedded.control",
    "stack.database.access",
    "stack.database.identity",
    "stack.database.readiness",
    "stack.database.sessions",
    "stack.migrations.migrations",
    "stack.migrations.preview",
    "stack.migrations.runner",
    "stack.tables.browser",
    "stack.tables.console.console",
    "stack.doctor.checklist",
)
"""What a workspace imports when it is first asked for it."""

EXAMINED: Final = (
    "stack.environment.report",
    "stack.environment.settings",
    "stack.services.compose.load",
    "stack.services.engine.ask",
    "stack.database.access",
    "stack.database.sessions",
    "stack.migrations.migrations",
    "stack.tables.browser",
    "stack.doctor.checklist",
)
"""What every examination of a stack that is well needs, whatever it runs on."""

MIGRATING: Final = ("stack.migrations.runner",)
"""What applying migrations needs."""


def import_parts(parts: Sequence[str] = PARTS) -> None:
    """Import `parts`, by default all that a workspace may need; for a thread, since it takes most of a second."""
    collects = gc.isenabled()
    gc.disable()  # nothing of a module is garbage, and looking for some takes a tenth of the time
    try:
        for part in parts:
            importlib.import_module(part)
    finally:
        if collects:
            gc.enable()
