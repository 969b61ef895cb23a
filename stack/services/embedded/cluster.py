"""A database cluster on disk and the server on it: made once, started on loopback, stopped, never started twice.

The functions that change something are for the holder of the area's lock (`stack.services.embedded.area.locked`).
"""

import asyncio
import math
import os
import secrets
import shlex
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from stack.background import in_thread
from stack.environment.template import is_port_free
from stack.services.embedded import problems
from stack.services.embedded.account import Account, run
from stack.services.embedded.area import Area, make_directory, remove_tree
from stack.services.embedded.postmaster import Postmaster, interrupt, is_abandoned, running
from stack.text import SecretStr, hide

HOST: Final = "127.0.0.1"
"""Where every server listens: on this machine only, without a Unix socket, whose path would be too long at times."""

SERVER_SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "listen_addresses": HOST,
        "unix_socket_directories": "",
        "log_line_prefix": "%m [%p] ",
        "log_timezone": "UTC",
        "logging_collector": "off",
    }
)
"""What a server is started with; everything else is the cluster's ``postgresql.conf``."""

STOP_TIMEOUT: Final = 60.0
"""Seconds that a fast shutdown may take: it writes a checkpoint."""

_LOG_LIMIT: Final = 10_000_000
"""Bytes of log after which the next start begins a new file; the one before it is kept."""

_PAUSE: Final = 0.05
_CTYPE: Final = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"


@dataclass(frozen=True, slots=True)
class Cluster:
    """The cluster of `area`, whose server `account` runs from `programs`."""

    area: Area
    programs: Path
    account: Account

    async def initialise(self, user: str, password: SecretStr) -> None:
        """Make it, with `user` as its superuser; it is at its place when it is complete, and not before.

        Text is UTF-8, compared by code point as in the image postgres:alpine; every connection needs the password.

        Raises:
            Failure: ``initdb`` refuses, or there is no space.
        """
        with problems.storage(self.area.directory):
            # A new name each time: where the program is killed, its initdb goes on for a moment.
            for left in self.area.directory.glob("unfinished-*"):
                await in_thread(partial(remove_tree, left))
            unfinished = self.area.directory / f"unfinished-{secrets.token_hex(6)}"
            make_directory(unfinished)
            try:
                await self._initdb(unfinished, user, password)
                (unfinished / "data").rename(self.area.data)
            finally:
                await in_thread(lambda: remove_tree(unfinished))

    async def _initdb(self, unfinished: Path, user: str, password: SecretStr) -> None:
        data, secret = unfinished / "data", unfinished / "password"
        data.mkdir(mode=0o700)
        os.chown(data, self.account.uid, self.account.gid)
        secret.touch(mode=0o600, exist_ok=False)
        secret.write_text(password.get_secret_value(), encoding="utf-8")
        os.chown(secret, self.account.uid, self.account.gid)
        made = await run(
            self.account,
            self.programs / "initdb",
            f"--pgdata={data}",
            f"--username={user}",
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            f"--lc-ctype={_CTYPE}",
            "--text-search-config=english",
        )
        if made.status != 0:
            raise problems.not_made(made.output)

    async def set_password(self, user: str, password: SecretStr) -> None:
        """Make `user` a superuser with `password`, whatever it was before; the server does not run.

        Whoever owns the files may do so without the earlier password, in Postgres's single-user mode.

        Raises:
            Failure: the server's program does not run.
        """
        name, secret = _quoted(user, '"'), _quoted(password.get_secret_value(), "'")
        # One command a line, so the first may fail, where the role exists, without a word to the second.
        commands = f"CREATE ROLE {name}\nALTER ROLE {name} LOGIN SUPERUSER PASSWORD {secret}\n"
        options = ("--single", "-D", self.area.data, "-c", "standard_conforming_strings=on", "template1")
        done = await run(self.account, self.programs / "postgres", *options, told=commands)
        if done.status != 0:
            # What it prints repeats commands that failed.
            raise problems.not_started(self.area.log, hide(done.output, [secret, password.get_secret_value()]))

    async def start(self, port: int, *, timeout: float, settings: Mapping[str, str] = SERVER_SETTINGS) -> Postmaster:
        """Start the server on `port`, or where that is taken on a free one, and wait until it accepts connections.

        The server is nobody's child and has no terminal: it goes on when this program ends, however it ends.

        Raises:
            Failure: it ended at once, or was not ready within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            with problems.storage(self.area.log):
                begin = _prepare_log(self.area.log, self.account)
            said = await self._pg_ctl_start(
                {"port": str(port if is_port_free(port) else free_port())} | dict(settings), deadline - time.monotonic()
            )
            # What pg_ctl made of it does not matter: what counts is a server, and another program may have started it.
            if server := await settled(self.area, deadline - time.monotonic()):
                return server
            words = await in_thread(partial(_tail, self.area.log, begin)) or said
            if time.monotonic() >= deadline or not await _mended(words, self.area.data):
                raise problems.not_started(self.area.log, words)

    async def _pg_ctl_start(self, settings: Mapping[str, str], timeout: float) -> str:
        options = shlex.join(f"--{name}={value}" for name, value in settings.items())
        done = await run(
            self.account,
            self.programs / "pg_ctl",
            "start",
            "--wait",
            f"--timeout={max(1, math.ceil(timeout))}",
            f"--pgdata={self.area.data}",
            f"--log={self.area.log}",
            f"--options={options}",
        )
        return done.output


def _quoted(text: str, mark: str) -> str:
    return f"{mark}{text.replace(mark, mark * 2)}{mark}"


async def _mended(words: str, data: Path) -> bool:
    """Whether it may start at a second attempt: the reason in the log has gone, or is ours to remove."""
    if "could not bind" in words:
        return True  # somebody was quicker: another port will do
    if "is still in use" in words:
        await asyncio.sleep(_PAUSE * 4)
        return True  # sessions of a server that was killed are just noticing it
    if 'lock file "postmaster.pid" already exists' in words and await in_thread(lambda: is_abandoned(data)):
        (data / "postmaster.pid").unlink(missing_ok=True)
        return True  # an unrelated process has the number of a server that was killed
    return False


async def settled(area: Area, timeout: float) -> Postmaster | None:
    """Wait until a server that is starting accepts connections, or one that is stopping has gone; return it or None.

    Raises:
        Failure: it did neither within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while (server := await in_thread(lambda: running(area.data))) and not server.ready:
        if time.monotonic() >= deadline:
            raise problems.not_ready(area.log, await in_thread(lambda: _tail(area.log, 0)))
        await asyncio.sleep(_PAUSE)
    return server


async def stop(data: Path) -> None:
    """Stop the server of `data`, where one runs, by a fast shutdown, and wait for its end.

    Raises:
        Failure: it took longer than `STOP_TIMEOUT`.
    """
    deadline = time.monotonic() + STOP_TIMEOUT
    server = first = await in_thread(lambda: running(data))
    if first is not None:
        interrupt(first)
    while server is not None and first is not None and server.pid == first.pid:
        if time.monotonic() >= deadline:
            raise problems.not_stopped(first.pid, STOP_TIMEOUT)
        await asyncio.sleep(_PAUSE)
        server = await in_thread(lambda: running(data))


def free_port() -> int:
    """Return a port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _prepare_log(log: Path, account: Account) -> int:
    """Make the log for the server's account to append to, and return its size in bytes."""
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        os.fchown(descriptor, account.uid, account.gid)
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)


def _tail(log: Path, begin: int) -> str:
    """Return the last lines that were logged after byte `begin`."""
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(begin, log.stat().st_size - 4000))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-12:])
    return ""
