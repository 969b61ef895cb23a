"""What changes the project's services: jobs, whose plan is shown first wherever it costs something."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from stack.findings import Finding, Progress
from stack.services import equivalent
from stack.services.control import Pull, UpResult, Volumes
from stack.services.equivalent import ComposeCall
from tui.widgets.plan_question import PlanPreview

if TYPE_CHECKING:
    from stack.workspace import Workspace
    from tui.screens.base import DeckScreen

UP_TIMEOUT: Final = 300.0
"""Seconds; a first start may pull an image."""


class Changes:
    """Ups, downs, stops and restarts, on behalf of one screen."""

    def __init__(self, screen: "DeckScreen") -> None:
        """Ask on `screen`, whose banner says why there is no plan where there is none."""
        self._screen = screen
        self._preview = screen.request("plan", self._show)

    def up(self, names: Sequence[str]) -> None:
        """Start `names` with what they depend on, all services where it is empty."""
        title = f"Up {' '.join(names) or 'everything'}"
        command = self._command(partial(_up, services=names))
        approve = self._screen.deck.consent.to(f"{title}: go on with this?", command)

        async def work(workspace: "Workspace", progress: Progress) -> tuple[Finding, ...]:
            result = await workspace.up(
                names, pull=Pull.MISSING, timeout=UP_TIMEOUT, progress=progress, approve=approve
            )
            return result.findings

        self._start(title, work, command)

    def preview(self) -> None:
        """Show what `up` of everything would do, and do nothing."""
        if workspace := self._screen.deck.workspace:
            self._preview.poll(partial(_plan, workspace))

    def stop(self, name: str) -> None:
        """Stop a service."""

        async def work(workspace: "Workspace", progress: Progress) -> tuple[Finding, ...]:
            await (await workspace.services()).stop((name,), progress=progress)
            return ()

        self._start(f"Stop {name}", work, self._command(partial(equivalent.stop, services=(name,))))

    def restart(self, name: str) -> None:
        """Stop and start a service's containers as they are."""

        async def work(workspace: "Workspace", progress: Progress) -> tuple[Finding, ...]:
            await (await workspace.services()).restart((name,), progress=progress)
            return ()

        self._start(f"Restart {name}", work, self._command(partial(equivalent.restart, services=(name,))))

    def down(self, volumes: Volumes) -> None:
        """Remove the containers and networks, and with `Volumes.REMOVE` the data."""
        title = "Down" if volumes is Volumes.KEEP else "Down, with all data"
        command = self._command(partial(equivalent.down, volumes=volumes))
        approve = self._screen.deck.consent.to(f"{title}: remove all this?", command)

        async def work(workspace: "Workspace", progress: Progress) -> tuple[Finding, ...]:
            services = await workspace.services()
            await approve(await services.plan_down(volumes=volumes))
            return (await services.down(volumes=volumes, progress=progress)).findings

        self._start(title, work, command)

    def _start(
        self,
        title: str,
        work: Callable[["Workspace", Progress], Awaitable[tuple[Finding, ...]]],
        command: str | None,
    ) -> None:
        """Do `work` as the deck's job; what it found goes into the banner, how things stand then comes by the watch."""
        deck = self._screen.deck
        if deck.workspace is not None:
            deck.start_job(title, partial(work, deck.workspace), partial(self._screen.note, "job"), command=command)

    def _show(self, result: UpResult) -> None:
        command = self._command(partial(_up, services=()))
        self._screen.app.push_screen(PlanPreview("What Up would do", result.plan, command))

    def _command(self, build: Callable[[ComposeCall], str]) -> str | None:
        """Return the `docker compose` command line that `build` makes; None where Compose has no part in it."""
        call = self._screen.deck.vitals.compose
        return build(call) if call else None


def _up(call: ComposeCall, services: Sequence[str]) -> str:
    return equivalent.up(call, services, pull=Pull.MISSING, timeout=UP_TIMEOUT)


async def _plan(workspace: "Workspace") -> UpResult:
    return await (await workspace.services()).plan((), pull=Pull.MISSING)
