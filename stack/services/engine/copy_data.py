"""A data directory copied from one volume into another, so that its server finds it there."""

from typing import Final

from stack.findings import Code, Failure, Finding
from stack.services.compose.hash import volume_hash
from stack.services.compose.model import Volume
from stack.services.engine.containers import Containers
from stack.services.engine.data_volume import VERSION_FILE
from stack.services.engine.helper import Helper, run
from stack.services.engine.payload import volume_body
from stack.services.engine.plan import writing
from stack.text import clean

# The file that makes a directory a cluster comes last: until then whoever begins again finds none, and copies anew.
# An empty directory in the target is what another volume was mounted on.
_COPY: Final = f"""
test ! -e /to/{VERSION_FILE}
rmdir /to/* 2>/dev/null || true
for it in /from/* /from/.[!.]*; do
  case $it in
    /from/{VERSION_FILE}) ;;
    *) if [ -e "$it" ] || [ -L "$it" ]; then cp -a "$it" /to/; fi ;;
  esac
done
cp -a /from/{VERSION_FILE} /to/
sync
"""


async def copy_data(containers: Containers, image: str, source: str, target: Volume) -> None:
    """Copy the cluster at the root of the volume `source` to the root of `target`, with the programs of `image`.

    No server may run on either. `source` stays as it is; `target` is made where it is not there.

    Raises:
        Failure: `target` holds a cluster already, or it could not be copied; then `target` holds none.
    """
    project, observed = containers.project, await containers.snapshot()
    if target.name not in observed.volumes:
        await containers.make_volume(volume_body(project, target, writing(observed).version, volume_hash(target)))
    helper = Helper(
        project.name,
        image,
        {"/from": source, "/to": target.name},
        entrypoint=("sh", "-euc", _COPY),
        read_only=frozenset({"/from"}),
    )
    status, said = await run(containers.engine, helper)
    if status != 0:
        raise Failure(
            Finding(
                Code.ENGINE_ERROR,
                f"The data could not be copied into the volume {target.name}",
                f"It is whole where it was, in the volume {source}.",
                evidence=clean(said.strip()) or None,
            )
        )
