"""The containers of a project's services one by one, for whoever wants to know what is wrong inside of one."""

import io
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar, cast

from docker.errors import APIError, NotFound

from stack.services.compose.model import ComposeProject
from stack.services.engine import labels
from stack.services.engine.connection import Engine
from stack.services.engine.errors import refused
from stack.services.engine.inspection import (
    InspectedImage,
    Inspection,
    Machine,
    Stranger,
    inspected_image,
    inspection,
    machine,
    stranger,
)
from stack.services.engine.observe import Observed
from stack.services.engine.reader import Reader, Refusal
from stack.services.engine.relay import converse
from stack.services.engine.sdk import Client
from stack.services.engine.sizes import volume_sizes
from stack.services.engine.up import take_snapshot

if TYPE_CHECKING:
    from stack.services.engine.json_types import JsonObject
    from stack.services.engine.wire import EngineVersion

T = TypeVar("T")

LONGEST_FILE: Final = 64 * 1024
"""Bytes of a container's file that are read."""

_ARCHIVE_HEAD: Final = 8 * 1024
"""Bytes; what an archive has before its first file's content is far less."""

_LOOK_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program in a container ended: its exit status, and what it wrote to its two outputs."""

    status: int
    output: bytes = field(repr=False)
    said: bytes


class Containers:
    """What the engine knows of a project's containers. Every method raises `Failure` where the engine cannot say."""

    def __init__(self, engine: Engine, project: ComposeProject) -> None:
        """Look with `engine` at the containers of `project`."""
        self.engine = engine
        self.project = project

    async def find(self, service: str) -> Inspection | None:
        """Return the first container of `service`, running or not; None where there is none."""

        def read(reader: Reader) -> Inspection | None:
            found = reader.list_containers({labels.PROJECT: self.project.name, labels.SERVICE: service})
            ours = [item for item in found if (item["Labels"] or {}).get(labels.ONE_OFF) == "False"]
            # The replacement in a recreate that was interrupted has the number of the one that it was to replace.
            ours.sort(key=lambda it: (int((it["Labels"] or {}).get(labels.NUMBER, "0")), it["State"] != "running"))
            details = reader.find_container(ours[0]["Id"]) if ours else None
            return inspection(details) if details else None

        return await self._look(f"looking at the container of {service}", read)

    async def image(self, reference: str) -> InspectedImage | None:
        """Return an image; None where it is not on this engine."""

        def read(reader: Reader) -> InspectedImage | None:
            details = reader.image(reference)
            return inspected_image(details) if details else None

        return await self._look(f"looking at the image {reference}", read)

    async def any_image(self) -> str | None:
        """Return the id of some image of the engine, for a container that is never started; None where it has none."""
        found = await self._call("listing its images", lambda client: cast("list[str]", client.images(quiet=True)))
        return found[0] if found else None

    async def last_lines(self, container: str, lines: int, since: datetime | None = None) -> str:
        """Return the last `lines` of the log of the container with this id, as it was written: not yet clean.

        What was written before `since`, as in an earlier run of it, is left out.
        """
        moment = since.timestamp() if since else None
        return await self._call(
            "reading a log",
            lambda client: client.logs(container, stream=False, tail=lines, since=moment).decode(errors="replace"),
        )

    async def read_file(self, container: str, path: str, longest: int = LONGEST_FILE) -> bytes | None:
        """Return the first `longest` bytes of a file in a container, which need not run; None where there is none.

        A file on a volume is there as soon as the container is created.
        """

        def read(client: Client) -> bytes | None:
            try:
                chunks, _ = client.get_archive(container, path)
            except NotFound:
                return None
            archive = b""
            for chunk in chunks:
                archive += chunk
                if len(archive) > longest + _ARCHIVE_HEAD:
                    break
            with tarfile.open(fileobj=io.BytesIO(archive), mode="r|") as files:
                for member in files:
                    if member.isfile() and (content := files.extractfile(member)):
                        return content.read(longest)
            return None

        return await self._call(f"reading {path}", read)

    async def volume_sizes(self) -> Mapping[str, int]:
        """Return the bytes that each of the project's volumes takes; those that the engine does not weigh are left out.

        It is none of the engine's quick answers.
        """
        sizes = await volume_sizes(self.engine)
        ours = {volume.name for volume in self.project.volumes.values()}
        return {name: size for name, size in sizes.items() if name in ours}

    async def api_version(self) -> str:
        """Return the version of the API that the engine speaks."""
        answer = await self._call("asking for its version", lambda client: cast("EngineVersion", client.version()))
        return answer["ApiVersion"]

    async def run(self, container: str, command: Sequence[str], given: bytes, environment: Mapping[str, str]) -> "Ran":
        """Run `command` in a container with `given` as its input, whose end it must not wait for."""

        def execute(client: Client) -> Ran:
            identity = client.prepare(container, command, environment=environment, tty=False, detach_keys="")
            with client.run_prepared(identity, tty=False) as attached:
                output, said = converse(attached, given)
            while (details := client.execution(identity))["Running"]:
                time.sleep(_LOOK_SECONDS)
            return Ran(details["ExitCode"] or 0, output, said)

        return await self._call("running a program in a container", execute)

    async def machine(self) -> Machine:
        """Return the machine that the engine runs on, and its time."""

        def read(client: Client) -> Machine:
            asked = datetime.now(UTC)
            info = client.engine_info()
            return machine(info, asked, datetime.now(UTC), is_local=self.engine.endpoint.is_local)

        return await self._call("asking about its machine", read)

    async def snapshot(self) -> Observed:
        """Return what the engine holds of the project, and all its networks and volumes."""
        return await take_snapshot(self.engine, self.project)

    async def all(self) -> tuple[Stranger, ...]:
        """Return every container on the engine."""
        listed = await self._look("listing all containers", lambda reader: reader.list_containers({}))
        return tuple(map(stranger, listed))

    async def rename(self, container: str, name: str) -> None:
        """Give the container with this id another name."""
        await self._call(f"renaming a container to {name}", lambda client: client.rename(container, name))

    async def remove(self, container: str) -> None:
        """Remove the container with this id, even if it runs; its volumes stay."""
        await self._call("removing a container", lambda client: client.remove_container(container, force=True))

    async def remove_volume(self, volume: str) -> None:
        """Delete `volume` with all that is in it."""
        await self._call(f"removing volume {volume}", lambda client: client.remove_volume(volume))

    async def make_volume(self, body: "JsonObject") -> None:
        """Create the volume that `body` asks the engine for."""
        await self._call(f"creating volume {body['Name']}", lambda client: client.make_volume(body))

    def close(self) -> None:
        """Let go of the connections."""
        self.engine.close()

    async def _call(self, doing: str, operation: Callable[[Client], T]) -> T:
        try:
            return await self.engine.call(operation)
        except APIError as error:
            raise refused(doing, error) from None

    async def _look(self, doing: str, operation: Callable[[Reader], T]) -> T:
        try:
            return await self.engine.look(operation)
        except Refusal as refusal:
            raise refused(doing, refusal) from None
