"""How long ``stackdeck up`` takes, beside ``docker compose up -d --wait`` on the same file, by turns in one run.

Three cases: on an empty volume until a query is answered; as a command with nothing to do; and with nothing to do in a
process that has the project open, as the deck has. The image must be on the engine. Prints medians and minima in
milliseconds, and the ratios. ``--rounds N`` and ``--cold N`` say how often.
"""

import argparse
import asyncio
import os

from measuring import STACKDECK, Scratch, milliseconds, scratch_project, show, show_ratio

from stack.database.readiness import answers_now
from stack.findings import silent
from stack.lazy_imports import import_parts
from stack.project import Options
from stack.services.control import Action, Pull
from stack.workspace import Workspace, open_workspace

COMPOSE = ("docker", "compose", "up", "-d", "--wait")


def query(scratch: Scratch) -> None:
    """Have the database answer, which must be ready."""

    async def ask() -> None:
        async with open_workspace(Options(scratch.directory), scratch.environ) as workspace:
            assert await answers_now(workspace.address())

    asyncio.run(ask())


def cold(scratch: Scratch, *argv: str) -> float:
    """Return the milliseconds from nothing to an answer."""

    def until_answered() -> None:
        scratch.run(*argv)
        query(scratch)

    taken = milliseconds(until_answered)
    scratch.run("docker", "compose", "down", "--volumes")
    return taken


async def in_the_deck(workspace: Workspace) -> None:
    """Bring up what is up."""
    result = await workspace.up((), pull=Pull.MISSING, timeout=60, progress=silent)
    assert {outcome.action for outcome in result.services} == {Action.KEPT}


async def nothing_to_do(scratch: Scratch, rounds: int) -> tuple[list[float], list[float], list[float]]:
    """Return the milliseconds of the command, of Compose, and of a workspace that is open already.

    Compose does not ``--wait`` here: it looks only every half second then.
    """
    command, compose, deck = [], [], []
    import_parts()
    async with open_workspace(Options(scratch.directory), scratch.environ) as workspace:
        await in_the_deck(workspace)
        for _ in range(rounds):
            command.append(milliseconds(lambda: scratch.run(STACKDECK, "up")))
            compose.append(milliseconds(lambda: scratch.run("docker", "compose", "up", "-d")))
            began = asyncio.get_running_loop().time()
            await in_the_deck(workspace)
            deck.append((asyncio.get_running_loop().time() - began) * 1000)
    return command, compose, deck


def main() -> None:
    """Measure by turns, so that both meet the same machine."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--cold", type=int, default=5)
    wanted = parser.parse_args()
    os.environ.pop("COMPOSE_PROJECT_NAME", None)
    with scratch_project() as scratch:
        turns = [(cold(scratch, STACKDECK, "up"), cold(scratch, *COMPOSE)) for _ in range(wanted.cold)]
        ours, theirs = [turn[0] for turn in turns], [turn[1] for turn in turns]
        show("stackdeck up, empty volume, to an answer", ours)
        show("docker compose up -d --wait, to an answer", theirs)
        show_ratio("ratio", ours, theirs, 1.0)
        scratch.run(STACKDECK, "up")
        command, compose, deck = asyncio.run(nothing_to_do(scratch, wanted.rounds))
        show("stackdeck up, nothing to do, as a command", command, "(at most 350)")
        show("docker compose up -d, nothing to do", compose)
        show("the same in the open deck", deck)
        show_ratio("ratio to Compose", deck, compose, 1.0)


if __name__ == "__main__":
    main()
