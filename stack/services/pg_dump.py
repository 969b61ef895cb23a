"""pg_dump on this machine, for a server that is in no container: the newest one that is installed.

The password goes through a password file that only its owner may read, never through arguments or variables
(PostgreSQL documentation, «The Password File»).
"""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from stack.background import in_thread
from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure, Finding, Fix, Progress
from stack.services.dump_file import Draft, draft, failed, no_space, told
from stack.services.embedded.account import current_account, run_briefly
from stack.services.embedded.binaries import candidates
from stack.text import clean

_VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?")
_SERVER_VERSION: Final = re.compile(r"server version: (\d+)")
_SECRET_OPTIONS: Final = frozenset({"password", "sslpassword", "passfile"})


def arguments(parameters: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return pg_dump's arguments for a dump in its custom format by libpq's connection `parameters`."""
    connection = " ".join(f"{name}={_quoted(value)}" for name, value in parameters)
    return ("--format=custom", "--no-password", f"--dbname={connection}")


def _quoted(value: str) -> str:
    escaped = value.replace("\\", r"\\").replace("'", r"\'")
    return f"'{escaped}'"


async def dump(url: DatabaseURL, file: Path, progress: Progress) -> int:
    """Write the database of `url` to `file` and return its size in bytes; cancelling leaves nothing.

    Raises:
        Failure: no pg_dump is here, or none as new as the server; it fails, or the file cannot be written.
    """
    program = await in_thread(newest)
    with draft(file) as unfinished, tempfile.TemporaryDirectory(prefix="stackdeck-") as private:
        passfile = _write_passfile(Path(private), url)
        parameters = (
            ("host", url.host),
            ("port", str(url.port)),
            ("user", url.user),
            ("dbname", url.database),
            *((name, value) for name, value in url.options if name not in _SECRET_OPTIONS),
            ("passfile", str(passfile)),
        )
        status, said = await told(_run(program, arguments(parameters), unfinished), unfinished, progress)
        if status != 0:
            raise _failed(program, status, said, unfinished)
        return await in_thread(unfinished.publish)


def newest() -> Path:
    """Return the newest pg_dump of this machine; blocks while each says its version.

    Raises:
        Failure: there is none.
    """
    found = [(version, program) for program in _programs() if (version := _version(program))]
    if not found:
        raise _unavailable("This machine has no pg_dump, which writes dumps.", "postgresql-client")
    # Of equals the first, which is the one on the PATH.
    return max(found, key=lambda entry: entry[0])[1]


def _programs() -> Iterator[Path]:
    if on_path := shutil.which("pg_dump"):
        yield Path(on_path)
    for candidate in candidates():
        program = candidate.directory / "pg_dump"
        if program.is_file():
            yield program


def _version(program: Path) -> tuple[int, int] | None:
    try:
        said = run_briefly(current_account(), program, "--version")
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(said.output)
    return (int(match[1]), int(match[2] or 0)) if match and said.status == 0 else None


def _write_passfile(directory: Path, url: DatabaseURL) -> Path:
    password = url.password.get_secret_value() if url.password else dict(url.options).get("password", "")
    path = directory / "pgpass"
    path.touch(mode=0o600, exist_ok=False)
    escaped = password.replace("\\", r"\\").replace(":", r"\:")
    path.write_text(f"*:*:*:*:{escaped}\n", encoding="utf-8")
    return path


async def _run(program: Path, options: Sequence[str], unfinished: Draft) -> tuple[int, str]:
    """Run pg_dump into `unfinished`; return its exit status and what it said. A cancelled task kills it."""
    process = await asyncio.create_subprocess_exec(
        program,
        *options,
        # Nothing of the PG* variables, which may mean another server.
        env={"PATH": os.defpath, "LC_ALL": "C", "HOME": str(Path.home())},
        stdin=subprocess.DEVNULL,
        stdout=unfinished.descriptor,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    return process.returncode or 0, clean(said.decode(errors="replace").strip())


def _failed(program: Path, status: int, said: str, unfinished: Draft) -> Failure:
    if "server version mismatch" in said and (server := _SERVER_VERSION.search(said)):
        cause = f"The server is PostgreSQL {server[1]}, and the newest pg_dump of this machine, {program}, is older."
        return _unavailable(cause, f"postgresql-client-{server[1]}", said)
    if "No space left on device" in said:
        return no_space(unfinished.target)
    fixes = (Fix("See whether the database answers", "stackdeck db ping"),)
    return failed(f"pg_dump ended with status {status}.", said or None, *fixes)


def _unavailable(cause: str, package: str, evidence: str | None = None) -> Failure:
    return Failure(
        Finding(
            Code.DUMP_UNAVAILABLE,
            "The database cannot be dumped from here",
            f"{cause} Nothing has been touched.",
            evidence=evidence,
            fixes=(
                Fix("On Debian or Ubuntu: install it", f"sudo apt install {package}"),
                Fix("On macOS: install it", "brew install libpq"),
            ),
        )
    )
