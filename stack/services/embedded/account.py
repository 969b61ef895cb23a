"""Who runs the server: the person themself, or where that is root, an account without privileges.

``initdb`` and ``postgres`` refuse to run as root (PostgreSQL manual, «The PostgreSQL User Account»).
"""

import asyncio
import contextlib
import os
import pwd
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.services.embedded import problems

_UNPRIVILEGED: Final = ("postgres", "_postgres", "nobody")
"""In order of preference: the one made for Postgres, as packages name it, then the one that owns nothing."""

_ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
"""All that the server sees of our environment, so that no secret and no ``PG*`` variable reaches it.

Messages in English, since `stack.services.embedded.cluster` recognises some, and UTC, as in a container.
"""


@dataclass(frozen=True, slots=True)
class Account:
    """A Unix account."""

    name: str
    uid: int
    gid: int

    @property
    def switched_user(self) -> int | None:
        """What `subprocess` takes as `user` to run as this account; None where we are it."""
        return None if self.uid == os.geteuid() else self.uid

    @property
    def switched_group(self) -> int | None:
        """What `subprocess` takes as `group`."""
        return None if self.uid == os.geteuid() else self.gid

    @property
    def switched_groups(self) -> Sequence[int] | None:
        """What `subprocess` takes as `extra_groups`: none of root's own go along."""
        return None if self.uid == os.geteuid() else ()


def current_account() -> Account:
    """Return the account that this program runs as."""
    return _by_uid(os.geteuid())


def server_account(data: Path) -> Account:
    """Return the account for the server of `data`: its owner, where root finds it there already.

    Raises:
        Failure: `data` belongs to another person, or the machine has no account without privileges.
    """
    me, owner = os.geteuid(), _owner(data)
    if me != 0:
        if owner not in {None, me}:
            raise problems.foreign(data)
        return current_account()
    if owner:
        return _by_uid(owner)
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise problems.no_account(_UNPRIVILEGED)


def _owner(path: Path) -> int | None:
    try:
        return path.lstat().st_uid
    except FileNotFoundError:
        return None


def _by_uid(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Account(f"uid {uid}", uid, uid)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended, and what it printed on both its outputs."""

    status: int
    output: str


def run_briefly(account: Account, *command: str | Path) -> Outcome:
    """Run a program that only prints something, such as its version; for threads.

    Raises:
        OSError: it cannot be run by `account`.
        subprocess.TimeoutExpired: it took more than ten seconds.
    """
    done = subprocess.run(
        [str(part) for part in command],
        check=False,
        cwd="/",
        env=_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=10,
        user=account.switched_user,
        group=account.switched_group,
        extra_groups=account.switched_groups,
    )
    return Outcome(done.returncode, done.stdout)


async def run(account: Account, *command: str | Path, told: str = "") -> Outcome:
    """Run a program in a session of its own, out of reach of the terminal's Ctrl-C; a cancelled task kills it.

    It reads `told` from its standard input, which is the way for secrets.

    Raises:
        Failure: it cannot be run by `account`.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *(str(part) for part in command),
            cwd="/",
            env=_ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
            user=account.switched_user,
            group=account.switched_group,
            extra_groups=account.switched_groups,
        )
    except OSError as error:
        raise problems.cannot_run(str(command[0]), account.name, error.strerror or str(error)) from None
    try:
        output, _ = await process.communicate(told.encode())
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with whatever it started: its session is its own
        await process.wait()
        raise
    return Outcome(process.returncode or 0, output.decode(errors="replace"))
