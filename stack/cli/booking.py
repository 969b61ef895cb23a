"""``seed``: believable bookings to look at."""

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stack.cli.command import add_command
from stack.cli.output import Console, Outcome

if TYPE_CHECKING:
    from stack.cli.command import Commands
    from stack.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Seed:
    """Fill the booking tables; the same `random_seed` gives the same rows."""

    bookings: int
    random_seed: int

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Write the rows in one transaction."""
        result = await workspace.seed(self.bookings, self.random_seed, console.progress)
        rate = result.bookings / result.seconds if result.seconds else 0.0
        return Outcome(
            {
                "users": result.users,
                "customers": result.customers,
                "resources": result.resources,
                "bookings": result.bookings,
                "booking_events": result.booking_events,
                "seconds": round(result.seconds, 3),
            },
            f"{result.bookings:,} bookings of {result.customers:,} customers on {result.resources:,} resources "
            f"in {result.seconds:.1f} s ({rate:,.0f} bookings a second)",
        )


def _at_least_one(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return count


def add_commands(commands: "Commands") -> None:
    """Add the commands of this noun."""
    seed = add_command(
        commands,
        "seed",
        "fill the booking tables with believable rows",
        lambda a: Seed(a.bookings, a.random_seed),
    )
    seed.add_argument("--bookings", type=_at_least_one, default=1000, metavar="N", help="how many (default: 1000)")
    seed.add_argument("--random-seed", type=int, default=1, metavar="N", help="the same number gives the same rows")
