"""The containers of a project's services one by one, for whoever wants to know what is wrong inside of one."""

import io
import tarfile
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeVar, cast

from docker.errors import APIError, NotFound

from stack.services.compose.model import ComposeProject
from stack.services.engine import labels
from stack.services.engine.connection import Engine
from stack.services.engine.errors import refused
from stack.services.engine.inspection import InspectedImage, Inspection, inspected_image, inspection
from stack.services.engine.reader import Reader, Refusal
from stack.services.engine.sdk import Client
from stack.services.engine.sizes import volume_sizes

if TYPE_CHECKING:
    from stack.services.engine.wire import EngineVersion

T = TypeVar("T")

LONGEST_FILE: Final = 64 * 1024
"""Bytes of a container's file that are read."""


class Containers:
    """What the engine knows of a project's containers. Every method raises `Failure` where the engine cannot say."""

    def __init__(self, engine: Engine, project: ComposeProject) -> None:
        """Look with `engine` at the containers of `project`."""
        self._engine = engine
        self._project = project

    async def find(self, service: str) -> Inspection | None:
        """Return the first container of `service`, running or not; None where there is none."""

        def read(reader: Reader) -> Inspection | None:
            found = reader.list_containers({labels.PROJECT: self._project.name, labels.SERVICE: service})
            ours = [item for item in found if (item["Labels"] or {}).get(labels.ONE_OFF) == "False"]
            ours.sort(key=lambda item: int((item["Labels"] or {}).get(labels.NUMBER, "0")))
            details = reader.find_container(ours[0]["Id"]) if ours else None
            return inspection(details) if details else None

        return await self._look(f"looking at the container of {service}", read)

    async def image(self, reference: str) -> InspectedImage | None:
        """Return an image; None where it is not on this engine."""

        def read(reader: Reader) -> InspectedImage | None:
            details = reader.image(reference)
            return inspected_image(details) if details else None

        return await self._look(f"looking at the image {reference}", read)

    async def last_lines(self, container: str, lines: int) -> str:
        """Return the last `lines` of the log of the container with this id, as it was written: not yet clean."""
        return await self._call(
            "reading a log", lambda client: client.logs(container, stream=False, tail=lines).decode(errors="replace")
        )

    async def read_file(self, container: str, path: str) -> bytes | None:
        """Return the beginning of a file in a container, which need not run; None where there is none.

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
                if len(archive) > LONGEST_FILE:
                    break
            with tarfile.open(fileobj=io.BytesIO(archive), mode="r|") as files:
                for member in files:
                    if member.isfile() and (content := files.extractfile(member)):
                        return content.read(LONGEST_FILE)
            return None

        return await self._call(f"reading {path}", read)

    async def volume_sizes(self) -> Mapping[str, int]:
        """Return the bytes that each of the project's volumes takes; those that the engine does not weigh are left out.

        It is none of the engine's quick answers.
        """
        sizes = await volume_sizes(self._engine)
        ours = {volume.name for volume in self._project.volumes.values()}
        return {name: size for name, size in sizes.items() if name in ours}

    async def api_version(self) -> str:
        """Return the version of the API that the engine speaks."""
        answer = await self._call("asking for its version", lambda client: cast("EngineVersion", client.version()))
        return answer["ApiVersion"]

    async def clock(self) -> datetime:
        """Return the time by the engine's clock."""
        answer = await self._call("asking for its time", lambda client: cast("Mapping[str, str]", client.info()))
        return datetime.fromisoformat(answer["SystemTime"])

    def close(self) -> None:
        """Let go of the connections."""
        self._engine.close()

    async def _call(self, doing: str, operation: Callable[[Client], T]) -> T:
        try:
            return await self._engine.call(operation)
        except APIError as error:
            raise refused(doing, error) from None

    async def _look(self, doing: str, operation: Callable[[Reader], T]) -> T:
        try:
            return await self._engine.look(operation)
        except Refusal as refusal:
            raise refused(doing, refusal) from None
