"""Is the machine that the engine runs on in order?"""

import shutil
from datetime import timedelta
from typing import Final

from stack.amounts import size, span
from stack.background import in_thread
from stack.doctor.examination import Check, Passed
from stack.doctor.facts import Facts
from stack.doctor.stages import SERVICES
from stack.findings import Code, Failure, Finding, Fix, Severity

_LARGEST_SKEW: Final = timedelta(seconds=5)
_FULL: Final = 64 * 1024 * 1024
"""Bytes below which not even a new cluster and its first log files have room."""


def clock(ahead: timedelta) -> Finding | None:
    """Say that the engine's clock is another one than ours, where it is by more than a network explains."""
    if abs(ahead) <= _LARGEST_SKEW:
        return None
    direction = "ahead of" if ahead > timedelta() else "behind"
    return Finding(
        Code.ENGINE_CLOCK,
        f"The engine's clock is {span(abs(ahead).total_seconds())} {direction} this machine's",
        "now() in the database, certificates and the times in logs go by it. A virtual machine's clock stops while the "
        "computer sleeps.",
        Severity.WARNING,
        fixes=(
            Fix("Restart Docker Desktop, Colima or whatever the engine's virtual machine belongs to"),
            Fix("In a virtual machine of your own, set its clock by the network", "sudo chronyc makestep"),
        ),
    )


def disk(path: str, free: int) -> Finding | None:
    """Say that there is no room left where the engine keeps its data, `free` bytes at `path`."""
    if free >= _FULL:
        return None
    return Finding(
        Code.ENGINE_DISK_FULL,
        "The engine's disk is full",
        f"{size(free)} are left at {path}, where the engine keeps images and volumes: Postgres stops when it "
        "cannot write.",
        fixes=(
            Fix("See what takes the space", "docker system df"),
            Fix("Remove images that nothing uses", "docker image prune", destructive=True),
        ),
    )


async def _clock(facts: Facts) -> Passed:
    machine = await facts.machine()
    if machine is None:
        return Passed("There is no engine in use, and no clock but this machine's")
    if finding := clock(machine.ahead):
        raise Failure(finding)
    return Passed("The engine's clock is this machine's")


async def _disk(facts: Facts) -> Passed:
    machine = await facts.machine()
    if machine is None or machine.data is None:
        return Passed("The engine's disk is not this machine's")
    path = machine.data
    try:
        free = (await in_thread(lambda: shutil.disk_usage(path))).free
    except OSError:
        return Passed("The engine's disk cannot be looked at from here")
    if finding := disk(path, free):
        raise Failure(finding)
    return Passed(f"{size(free)} are free on the engine's disk")


CHECKS: Final[tuple[Check[Facts], ...]] = (
    Check("engine-clock", SERVICES, "The engine's clock", ("compose-file",), _clock),
    Check("engine-disk", SERVICES, "The engine's disk", ("compose-file",), _disk),
)
