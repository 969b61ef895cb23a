"""All checks, in the order in which someone new meets what they look at."""

from typing import Final

from stack.doctor.checks import (
    connection,
    containers,
    data,
    environment,
    machine,
    migrations,
    pgadmin,
    runtime,
    server,
    volumes,
    written,
)
from stack.doctor.examination import Check
from stack.doctor.facts import Facts

CHECKS: Final[tuple[Check[Facts], ...]] = (
    *runtime.CHECKS,
    *environment.CHECKS,
    *written.CHECKS,
    *machine.CHECKS,
    *containers.CHECKS,
    *volumes.CHECKS,
    *server.CHECKS,
    *connection.CHECKS,
    *migrations.CHECKS,
    *data.CHECKS,
    *pgadmin.CHECKS,
)
