"""``--dump FILE``: a dump of the database, after a plan was agreed to and before it is carried out."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from stack.amounts import size
from stack.cli.output import Console

if TYPE_CHECKING:
    from stack.services.control import ServiceControl

P_contra = TypeVar("P_contra", contravariant=True)


class Approval(Protocol[P_contra]):
    """Asked before a plan is carried out; raises `Failure` where it may not be."""

    async def __call__(self, plan: P_contra) -> None:
        """Return where `plan` may be carried out."""
        ...


def dumping(
    services: "ServiceControl", file: Path | None, approve: Approval[P_contra], console: Console
) -> Approval[P_contra]:
    """Return an approval that after `approve` writes the database to `file`, where one is named, once."""
    waiting = [file] if file else []

    async def approve_and_dump(plan: P_contra) -> None:
        await approve(plan)
        while waiting:
            target = waiting.pop()
            written = await services.dump(target, progress=console.progress)
            console.progress(f"Dumped the database to {target}: {size(written)}")

    return approve_and_dump
