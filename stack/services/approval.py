"""Whether a plan that loses data may be carried out: who agrees to what, and how it is asked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stack.amounts import size
from stack.findings import Code, Failure, Finding, Fix, Loss, Severity

if TYPE_CHECKING:
    from stack.services.control import Approval, PlanStep


async def lose_nothing(plan: "Sequence[PlanStep]") -> None:
    """Be an `Approval` of every plan that loses no data.

    Raises:
        Failure: this one does.
    """
    if losses := losses_of(plan):
        raise Failure(up_loses(losses))


async def lose_all(plan: "Sequence[PlanStep]") -> None:
    """Be an `Approval` of every plan, whatever it loses."""


def lose_only(shown: "Sequence[PlanStep]") -> "Approval":
    """Return an `Approval` of the losses that a person was `shown` and agreed to, and of no other."""
    agreed = {loss.what for loss in losses_of(shown)}

    async def approve(plan: "Sequence[PlanStep]") -> None:
        if others := tuple(loss for loss in losses_of(plan) if loss.what not in agreed):
            raise Failure(up_loses(others))

    return approve


def losses_of(plan: "Sequence[PlanStep]") -> tuple[Loss, ...]:
    """Return all that `plan` loses."""
    return tuple(loss for step in plan for loss in step.losses)


def up_loses(losses: Sequence[Loss]) -> Finding:
    """Return the finding of an `up` that would lose data, which nobody has agreed to."""
    return Finding(
        Code.CONFIRMATION_NEEDED,
        "Data would be lost",
        f"{losses_text(losses)} Nothing has been touched.",
        fixes=(
            Fix("See the whole plan", "stackdeck up --dry-run"),
            Fix("Write a dump of the database first, then go on", "stackdeck up --dump FILE --yes", destructive=True),
            Fix("Go on without one", "stackdeck up --yes", destructive=True),
        ),
    )


def down_loses(project: str, losses: Sequence[Loss]) -> Finding:
    """Return the finding of a `down` that would delete the data of `project`, which nobody has agreed to."""
    what = losses_text(losses) or f"{project} has no data now."
    return Finding(
        Code.CONFIRMATION_NEEDED,
        "The data would be deleted",
        f"down --volumes deletes for ever what the services of {project} keep. {what} Nothing has been touched.",
        fixes=(
            Fix("Keep the data", "stackdeck down"),
            Fix(
                "Write a dump of the database first, then delete the data",
                "stackdeck down --volumes --dump FILE --yes",
                destructive=True,
            ),
            Fix("Delete the data", "stackdeck down --volumes --yes", destructive=True),
        ),
    )


def left_behind(losses: Sequence[Loss]) -> Finding:
    """Return the finding of volumes that a `down` has left to nobody; their data is still there."""
    return Finding(
        Code.DATA_LEFT_BEHIND,
        "Data is left that nothing uses any more",
        f"{losses_text(losses)} The next `up` begins with empty ones.",
        Severity.WARNING,
        fixes=(
            Fix("Give each a name under volumes: in the Compose file, so that the data is found again"),
            Fix("See the volumes that nothing uses", "docker volume ls --filter dangling=true"),
        ),
    )


def losses_text(losses: Sequence[Loss]) -> str:
    """Return what is lost and how big it is, a sentence each."""
    return " ".join(f"{loss.what}{'' if loss.size is None else f' ({size(loss.size)})'}." for loss in losses)
