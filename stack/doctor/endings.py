"""Why a database's container does not run, out of how it ended and what its log says. Pure."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from stack.amounts import size
from stack.findings import Code, Finding, Fix, Severity
from stack.services.compose.model import Service
from stack.services.compose.written import place
from stack.services.control import State
from stack.services.engine.inspection import Inspection
from stack.text import clean, clean_line

_EVIDENCE_LINES: Final = 15

_TELLING: Final = re.compile(r".*\b(?:FATAL|PANIC|ERROR|[Ee]rror)\b.*")
_SCRIPTS: Final = "/docker-entrypoint-initdb.d"
_INIT_ERROR: Final = re.compile(
    rf"^psql:(?P<script>{_SCRIPTS}/[^:\n]+):(?P<line>\d+): (?:ERROR|FATAL).*$", re.MULTILINE
)
_SCRIPT: Final = re.compile(rf"({_SCRIPTS}/[^\s:]+)")
_SHARED_MEMORY: Final = re.compile(r"could not resize shared memory segment .*: No space left on device")
_CLUSTER_MADE: Final = "Success. You can now start the database server using"
_INIT_DONE: Final = "init process complete"

_CAUSES: Final[Mapping[re.Pattern[str], tuple[Code, str, str, str]]] = {
    re.compile(r"exec format error", re.IGNORECASE): (
        Code.IMAGE_ARCHITECTURE,
        "The image of {name} is for another kind of processor",
        "The machine cannot run the programs in {image}.",
        "Take `platform:` out of the Compose file, or pull the image for this machine: `stackdeck up --pull always`",
    ),
    re.compile(r"No space left on device"): (
        Code.ENGINE_DISK_FULL,
        "{name} stopped: there is no space left where its data is",
        "Postgres ends when it cannot write to its volume.",
        "Make room, then start it again; what takes the space says `docker system df`",
    ),
    re.compile(r"database files are incompatible with server"): (
        Code.VOLUME_VERSION,
        "The data directory of {name} is of another version than the image",
        "A server reads only data of its own major version.",
        "Name an image of the version that the log names",
    ),
    re.compile(r"in 18\+, these Docker images"): (
        Code.VOLUME_MISPLACED,
        "The volume of {name} is mounted where version 18 does not look",
        "From 18 on the image keeps its data below /var/lib/postgresql.",
        "Mount the volume at /var/lib/postgresql",
    ),
    re.compile(r"superuser password is not specified"): (
        Code.SUPERUSER_PASSWORD_EMPTY,
        "{name} has no password to begin with",
        "POSTGRES_PASSWORD is empty, and the image makes no new database without one.",
        "Set it in .env",
    ),
}


def failed_script(name: str, log: str, fixes: tuple[Fix, ...], *, is_over: bool) -> Finding | None:
    """Say that the first start, in which the image makes the cluster and runs scripts, did not come to its end.

    What should have followed is missing from the volume then. `is_over` is whether the container has ended since.
    """
    made = log.rfind(_CLUSTER_MADE)
    # The end of a log may not have the beginning of the first start.
    first_start = log[made + 1 :]
    if _INIT_DONE in first_start or any(cause.search(first_start) for cause in _CAUSES):
        return None
    errors = list(_INIT_ERROR.finditer(first_start))
    if errors:
        script, cause = clean_line(errors[-1]["script"]), f"Its line {errors[-1]['line']} ended the first start"
    elif made >= 0 and is_over and (begun := _SCRIPT.findall(first_start)):
        script, cause = clean_line(begun[-1]), "It ended the first start"
    else:
        return None
    return Finding(
        Code.INIT_SCRIPT_FAILED,
        f"{name} is only half initialised: {script.rpartition('/')[2]} failed",
        f"{cause}; a later start finds a database there and does not run {_SCRIPTS} again.",
        evidence=clean("\n".join(_TELLING.findall(first_start)[-3:])) or None,
        fixes=(Fix(f"Correct {script} first"), *fixes),
    )


def ended(service: Service, server: Inspection, log: str, fixes: tuple[Fix, ...]) -> Finding:
    """Say why the container of `service` does not run; `fixes` are what may be done about it in any case."""
    name, evidence = service.name, clean(_tail(f"{log.rstrip()}\n{server.error}".strip())) or None
    if server.out_of_memory:
        return out_of_memory(service, server, fixes)
    # Before the disk, since it complains of its space in the same words.
    if small := shared_memory(service, server, log):
        return replace(small, severity=Severity.ERROR, fixes=(*small.fixes, *fixes))
    for pattern, (code, title, cause, advice) in _CAUSES.items():
        if pattern.search(log) or pattern.search(server.error):
            words = {"name": name, "image": server.image}
            return Finding(
                code, title.format(**words), cause.format(**words), evidence=evidence, fixes=(Fix(advice), *fixes)
            )
    cause = f"{_status(server)} {_said(log)}".strip()
    return Finding(Code.SERVICE_EXITED, _title(name, server), cause, evidence=evidence, fixes=fixes)


def out_of_memory(service: Service, server: Inspection, fixes: tuple[Fix, ...]) -> Finding:
    """Say that the kernel ended a process of the container."""
    limit = f"mem_limit is {size(service.mem_limit)}" if service.mem_limit else "the machine has no more"
    return Finding(
        Code.SERVICE_OUT_OF_MEMORY,
        f"{service.name} needed more memory than it may have",
        f"A process of it was killed, since {limit}.{'' if server.state is State.RUNNING else ' It does not run now.'}",
        fixes=(
            Fix(f"Raise mem_limit in {place(service, 'mem_limit')}, or lower shared_buffers and work_mem"),
            *fixes,
        ),
    )


def shared_memory(service: Service, server: Inspection, log: str) -> Finding | None:
    """Say that a query needed more shared memory than the container has."""
    found = _SHARED_MEMORY.search(log)
    if found is None:
        return None
    megabytes = server.shm_size // (1024 * 1024)
    return Finding(
        Code.SHARED_MEMORY_SMALL,
        f"{service.name} has too little shared memory",
        f"shm_size is {megabytes} MB, and Postgres needed more, for a query or to start. No disk is full.",
        Severity.WARNING,
        evidence=clean(found[0]),
        fixes=(Fix(f"Say `shm_size: 256mb` below {place(service, f'{service.name}:')}, then `stackdeck up`"),),
    )


def _title(name: str, server: Inspection) -> str:
    if server.state is State.RESTARTING or server.restarts:
        return f"{name} keeps exiting"
    return f"{name} is {server.state.value}" if server.state is State.DEAD else f"{name} has exited"


def _status(server: Inspection) -> str:
    again = f" and was restarted {server.restarts} times" if server.restarts else ""
    return f"Its process ended with status {server.exit_code}{again}."


def _said(log: str) -> str:
    """Return the last line of a log that tells of an error."""
    telling = _TELLING.findall(log)
    return f"It said: {clean_line(telling[-1].strip())}" if telling else ""


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-_EVIDENCE_LINES:])
