"""Moving a database to the version of another image: restored into a new volume, with the old one kept beside it.

The old server runs on a copy of the volume and the new one on an empty volume, both without a network; the new
version's own pg_dump asks the old server over a socket that they share, as the PostgreSQL documentation recommends
(«Upgrading Data via pg_dumpall»). The project's volume is touched last and in one go, so that whoever stops before
that has what they had.
"""

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Final, TypeVar, cast

from docker.errors import APIError

from stack.findings import Code, Failure, Finding, Fix, Progress, Severity
from stack.services.compose.model import Service
from stack.services.compose.postgres_image import FIRST_NEW, OLD_DIRECTORY, PARENT
from stack.services.engine import labels, wire
from stack.services.engine.connection import Engine
from stack.services.engine.errors import refused, volume_in_use
from stack.services.engine.helper import LABEL, Helper, created, run
from stack.services.engine.pull import pull_images
from stack.services.engine.sdk import Client
from stack.services.engine.steps import PullImage
from stack.text import clean, clean_line

_SOCKETS: Final = "/stackdeck"
_LOOK_SECONDS: Final = 0.2
_STOP_SECONDS: Final = 60
_SAID_LINES: Final = 15
_SAID_BYTES: Final = 4_000

T = TypeVar("T")

_COPY: Final = "cp -a /from/. /to/ && chmod 1777 /stackdeck"
_REPLACE: Final = "find /to -mindepth 1 -delete && cp -a /from/. /to/"

_TRANSFER: Final = """
set -euo pipefail
old=(-h /stackdeck -U "$0")
new=(-h /var/run/postgresql -U "$0")
own=$(psql "${old[@]}" -d postgres -XAtc "SELECT format('CREATE ROLE %I;', current_user)")
pg_dumpall "${old[@]}" --globals-only | { grep -vxF "$own" || true; } |
  psql "${new[@]}" -d postgres -XqAt -v ON_ERROR_STOP=1 -o /dev/null
psql "${old[@]}" -d postgres -XAt0c "SELECT datname FROM pg_database WHERE datallowconn AND datname <> 'template0'" |
while IFS= read -r -d '' name; do
  echo "$name"
  case $name in
    postgres | template1) pg_dump "${old[@]}" -Fc "$name" | pg_restore "${new[@]}" -d "$name" --exit-on-error ;;
    *) pg_dump "${old[@]}" -Fc "$name" | pg_restore "${new[@]}" -d postgres --create --exit-on-error ;;
  esac
done
psql "${new[@]}" -d postgres -XqAtc CHECKPOINT
"""
"""For bash, which the images' own entry point needs too. The superuser is there already, all else is new."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What is to be moved: the `volume` of `service`, with a cluster of version `major` at `path` from its root.

    `old_image` has the server of that version. The new one is that of the service: `target` is where it has the volume
    mounted, `data` where it looks for its data there. `user` is the superuser.
    """

    project: str
    service: Service
    volume: str
    major: int
    path: str
    old_image: str
    new_image: str
    target: str
    data: str
    user: str


async def upgrade(engine: Engine, work: Upgrade, progress: Progress) -> str:
    """Carry out `work` and return the name of the volume that the old data is kept in; no server runs afterwards.

    Raises:
        Failure: it could not be done. The old data is then in the project's volume still, or in the one that it names.
    """
    await _pull(engine, work, progress)
    await _stop_users(engine, work, progress)
    async with _volume(engine, work, "sockets") as sockets, _volume(engine, work, "upgraded") as upgraded:
        kept = await _make_volume(engine, work, str(work.major))
        try:
            progress(clean_line(f"Copying the volume {work.volume} to {kept}"))
            await _copy(engine, work, _COPY, {"/from": work.volume, "/to": kept, _SOCKETS: sockets})
            await _transfer(engine, work, _Volumes(kept, upgraded, sockets), progress)
        except BaseException:
            await _whole(_remove_volume(engine, kept))
            raise
        progress("Putting the new data in the place of the old: this is finished in any case")
        await _whole(_put(engine, work, upgraded, kept))
    return kept


@dataclass(frozen=True, slots=True)
class _Volumes:
    kept: str
    upgraded: str
    sockets: str


async def _pull(engine: Engine, work: Upgrade, progress: Progress) -> None:
    references = (work.old_image, work.new_image)
    missing = await _ask(engine, lambda client: [it for it in references if client.image(it) is None])
    if missing:
        await pull_images(engine, [PullImage(it, work.service.platform, "to upgrade") for it in missing], progress)


async def _stop_users(engine: Engine, work: Upgrade, progress: Progress) -> None:
    """Stop the project's own containers that have the volume; one of somebody else's is in the way."""
    for container in await _running_on(engine, work.volume):
        if (container["Labels"] or {}).get(labels.PROJECT) == work.project:
            progress(clean_line(f"Stopping {_name(container)}"))
            await _stop(engine, container["Id"])
    if others := await _running_on(engine, work.volume):
        raise Failure(volume_in_use(work.volume, map(_name, others), Severity.ERROR))


async def _running_on(engine: Engine, volume: str) -> list[wire.ContainerSummary]:
    filters = {"volume": volume}
    return await _ask(engine, lambda client: cast("list[wire.ContainerSummary]", client.containers(filters=filters)))


def _name(container: wire.ContainerSummary) -> str:
    return container["Names"][0].removeprefix("/")


async def _transfer(engine: Engine, work: Upgrade, volumes: _Volumes, progress: Progress) -> None:
    parent = OLD_DIRECTORY if work.major < FIRST_NEW else PARENT
    old = Helper(
        work.project,
        work.old_image,
        {parent: volumes.kept, _SOCKETS: volumes.sockets},
        command=(*_command(work.service), "-c", f"unix_socket_directories={_SOCKETS}"),
        environment={"PGDATA": str(PurePosixPath(parent) / work.path)},
    )
    new = Helper(
        work.project,
        work.new_image,
        {work.target: volumes.upgraded, _SOCKETS: volumes.sockets},
        command=_command(work.service),
        # As a first start of the service would be, but for the database, which comes with the data.
        environment={
            **_initialising(work.service),
            "PGDATA": work.data,
            "POSTGRES_USER": work.user,
            "POSTGRES_DB": "postgres",
            # The roles' own verifiers come with the data.
            "POSTGRES_PASSWORD": secrets.token_urlsafe(),
        },
    )
    async with created(engine, old) as before, created(engine, new) as after:
        for container, image, host in ((before, work.old_image, _SOCKETS), (after, work.new_image, "127.0.0.1")):
            progress(clean_line(f"Starting {image}"))
            await _start(engine, container)
            # The new one listens on TCP only when it has made its cluster.
            await _until_ready(engine, container, host, image)
        await _pour(engine, after, work.user, progress)
        await _stop(engine, after)


def _initialising(service: Service) -> dict[str, str]:
    wanted = ("POSTGRES_INITDB_ARGS", "POSTGRES_HOST_AUTH_METHOD")
    return {name: value for name in wanted if (value := service.environment.get(name))}


def _command(service: Service) -> tuple[str, ...]:
    """Return the server's command with the options that the service has, which extensions may depend on."""
    given = service.command or ()
    return given if given[:1] == ("postgres",) else ("postgres", *(given if given[:1] and given[0][0] == "-" else ()))


async def _until_ready(engine: Engine, container: str, host: str, image: str) -> None:
    probe = ["pg_isready", "-q", "-h", host]
    while await _ask(engine, lambda client: _run(client, container, probe)) != 0:
        details = await _ask(engine, lambda client: client.container(container))
        if details["State"].get("Status") != "running":
            said = await _ask(engine, lambda client: client.logs(container, stream=False, tail=_SAID_LINES))
            raise _failed(f"The server of {image} did not start.", said.decode(errors="replace"))
        await asyncio.sleep(_LOOK_SECONDS)


def _run(client: Client, container: str, command: list[str]) -> int:
    try:
        return client.run(container, command, lambda *_: None)
    except APIError as error:
        # It has ended meanwhile, which whoever asks looks at next.
        if error.status_code == HTTPStatus.CONFLICT:
            return 1
        raise


async def _pour(engine: Engine, container: str, user: str, progress: Progress) -> None:
    """Let the new server have all that the old one has, telling each database's name."""
    loop, said = asyncio.get_running_loop(), bytearray()

    def hear(output: bytes | None, error: bytes | None) -> None:
        for name in (output or b"").decode(errors="replace").splitlines():
            loop.call_soon_threadsafe(progress, clean_line(f"Moving the database {name}"))
        said.extend(error or b"")
        del said[:-_SAID_BYTES]

    command = ["bash", "-c", _TRANSFER, user]
    status = await _ask(engine, lambda client: client.run(container, command, hear))
    if status != 0:
        raise _failed("The data could not be moved into a server of the new version.", said.decode(errors="replace"))


async def _copy(engine: Engine, work: Upgrade, script: str, volumes: Mapping[str, str]) -> None:
    helper = Helper(
        work.project,
        work.old_image,
        volumes,
        entrypoint=("sh", "-euc", script),
        read_only=frozenset({"/from"}),
    )
    status, said = await run(engine, helper)
    if status != 0:
        raise _failed("A volume could not be copied.", said)


async def _put(engine: Engine, work: Upgrade, upgraded: str, kept: str) -> None:
    try:
        await _copy(engine, work, _REPLACE, {"/from": upgraded, "/to": work.volume})
    except Failure as failure:
        raise Failure(
            replace(
                failure.finding,
                cause=f"The new data could not be put into {work.volume}. The old data is whole in the volume {kept}.",
            )
        ) from None


@asynccontextmanager
async def _volume(engine: Engine, work: Upgrade, purpose: str) -> AsyncIterator[str]:
    name = await _make_volume(engine, work, purpose)
    try:
        yield name
    finally:
        await _whole(_remove_volume(engine, name))


async def _make_volume(engine: Engine, work: Upgrade, purpose: str) -> str:
    """Create a volume beside the one of `work`, under a name that is free, and return it."""

    def make(client: Client) -> str:
        there = {volume["Name"] for volume in client.list_volumes()}
        wanted = f"{work.volume}-{purpose}"
        name = next(it for n in itertools.count(1) if (it := wanted if n == 1 else f"{wanted}-{n}") not in there)
        client.make_volume({"Name": name, "Labels": {LABEL: work.project}})
        return name

    return await _ask(engine, make)


async def _remove_volume(engine: Engine, name: str) -> None:
    await _ask(engine, lambda client: client.remove_volume(name))


async def _start(engine: Engine, container: str) -> None:
    await _ask(engine, lambda client: client.start(container))


async def _stop(engine: Engine, container: str) -> None:
    await _ask(engine, lambda client: client.stop(container, timeout=_STOP_SECONDS))


async def _whole(action: Coroutine[None, None, None]) -> None:
    """Do all of `action`, even if we are cancelled meanwhile."""
    task = asyncio.ensure_future(action)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


async def _ask(engine: Engine, operation: Callable[[Client], T]) -> T:
    try:
        return await engine.call(operation)
    except APIError as error:
        raise refused("upgrading the database", error) from None


def _failed(cause: str, said: str) -> Failure:
    return Failure(
        Finding(
            Code.UPGRADE_FAILED,
            "The database could not be upgraded",
            f"{cause} Its volume is as it was.",
            evidence=clean(said.strip()) or None,
            fixes=(Fix("Go back to the old image; its server can still use the data"),),
        )
    )
