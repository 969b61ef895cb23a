"""psql of this machine, on a server that is reached over the network: the password travels in a file of its own."""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure, Finding, Fix
from stack.services.handover import handling

_SERVICE: Final = "stackdeck"
_OF_PSQL: Final = (signal.SIGINT, signal.SIGQUIT)


def installed_psql() -> Path:
    """Return the psql on the PATH.

    Raises:
        Failure: there is none.
    """
    found = shutil.which("psql")
    if found is None:
        raise Failure(
            Finding(
                Code.PSQL_MISSING,
                "psql is not installed on this machine",
                "The database is not in a container of this project, whose psql could be used, so it takes one that "
                "is on the PATH, and there is none.",
                fixes=(
                    Fix("On Debian or Ubuntu: install it", "sudo apt install postgresql-client"),
                    Fix("On Fedora: install it", "sudo dnf install postgresql"),
                    Fix("On macOS: install it", "brew install libpq && brew link --force libpq"),
                ),
            )
        )
    return Path(found)


async def run_psql(program: Path, url: DatabaseURL, arguments: Sequence[str]) -> int:
    """Run `program` on the database at `url`, on our own standard streams; return its exit status.

    `arguments` win over what `url` says. Ctrl-C is psql's alone, which cancels its query by it.

    Raises:
        Failure: it cannot be run.
    """
    with _connection_files(url) as variables, handling(dict.fromkeys(_OF_PSQL, _leave_to_psql)):
        try:
            process = await asyncio.create_subprocess_exec(program, *arguments, env={**os.environ, **variables})
        except OSError as error:
            raise Failure(
                Finding(
                    Code.PSQL_MISSING,
                    f"{program} cannot be run",
                    error.strerror or str(error),
                    fixes=(Fix("Install PostgreSQL's client programs anew"),),
                )
            ) from None
        try:
            status = await process.wait()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            raise
    # As a shell has it: a program that a signal ended has 128 and the signal's number.
    return status if status >= 0 else 128 - status


@contextlib.contextmanager
def _connection_files(url: DatabaseURL) -> Iterator[Mapping[str, str]]:
    """Write how to reach `url` into a directory for our eyes only; yield the variables that point libpq there.

    A service file takes every parameter of libpq (PostgreSQL manual, «The Connection Service File»), and a password
    file hands the password to this server alone, wherever the arguments lead (same, «The Password File»).
    """
    with tempfile.TemporaryDirectory(prefix="stackdeck-") as name:
        directory = Path(name)
        service, passwords = directory / "service", directory / "passwords"
        password = url.password.get_secret_value() if url.password else ""
        settings = {"host": url.host, "port": str(url.port), "dbname": url.database, "user": url.user}
        settings |= dict(url.options)
        if password and _fits_a_line(password):
            settings["passfile"] = str(passwords)
            fields = (url.host, str(url.port), "*", url.user, password)
            _write(passwords, ":".join(field if field == "*" else _escaped(field) for field in fields))
        lines = (f"{key}={value}" for key, value in settings.items() if _fits_a_line(value))
        _write(service, "\n".join((f"[{_SERVICE}]", *lines)))
        yield {"PGSERVICEFILE": str(service), "PGSERVICE": _SERVICE}


def _fits_a_line(value: str) -> bool:
    return "\n" not in value and "\r" not in value


def _escaped(field: str) -> str:
    return field.replace("\\", "\\\\").replace(":", "\\:")


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def _leave_to_psql() -> None:
    """Take no notice of a signal that the terminal sends to psql as well."""
