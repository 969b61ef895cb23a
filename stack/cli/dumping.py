"""``--dump FILE``: a dump of the database, after a plan was agreed to and before it is carried out."""

from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, Protocol

from stack.amounts import size
from stack.cli.output import Console

if TYPE_CHECKING:
    from stack.services.control import ServiceControl

P = ParamSpec("P")


class Approval(Protocol[P]):
    """Asked before a plan is carried out; raises `Failure` where it may not be."""

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Return where the plan may be carried out."""
        ...


def dumping(services: "ServiceControl", file: Path | None, approve: Approval[P], console: Console) -> Approval[P]:
    """Return an approval that after `approve` writes the database to `file`, where one is named, once."""
    waiting = [file] if file else []

    async def approve_and_dump(*args: P.args, **kwargs: P.kwargs) -> None:
        await approve(*args, **kwargs)
        while waiting:
            target = waiting.pop()
            written = await services.dump(target, progress=console.progress)
            console.progress(f"Dumped the database to {target}: {size(written)}")

    return approve_and_dump
