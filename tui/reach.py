"""How a person gets at a service from the deck: in the browser, in psql, by its names on the clipboard."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from textual.app import SuspendNotSupported

from stack.background import in_thread
from stack.findings import Progress
from stack.services.control import ServiceStatus, State
from stack.services.web import pings
from stack.text import clean_line
from tui.requests import Request
from tui.widgets.choice import Choice, ChoiceMenu

if TYPE_CHECKING:
    from stack.findings import Finding
    from stack.workspace import Workspace
    from tui.screens.base import DeckScreen

ASK_AGAIN: Final = 1.0
"""Seconds between two questions whether pgAdmin answers."""


class Reach:
    """Opens, copies and hands over, on behalf of one screen."""

    def __init__(self, screen: "DeckScreen") -> None:
        """Work for `screen`, whose banner says what went wrong."""
        self._screen = screen
        self._ping = Request[bool](screen, "pgAdmin", receive=self._pinged, refuse=self._refused)
        # Not one of the screen's own: those are cancelled when the project is opened again.
        self._psql = Request[int](screen, "psql", receive=self._left_psql, refuse=self._refused)
        self._pgadmin = ""

    # -- The browser

    def open(self, found: Sequence[str]) -> None:
        """Open the address that was `found` of a service in the browser; of several, after asking which."""
        if len(found) == 1:
            self._browse(found[0])
        elif found:
            self._pick("Open in the browser", [Choice("", address) for address in found], self._browse)

    def open_pgadmin(self, service: ServiceStatus, found: Sequence[str]) -> None:
        """Open pgAdmin, which is `service`, once it answers; where it does not run, say how to start it."""
        if service.state is not State.RUNNING:
            name = clean_line(service.service)
            self._say(f"pgAdmin does not run: select {name} and press s to start it.")
        elif not found:
            self._say("pgAdmin publishes no port on this machine: the Compose file's `ports` would.")
        else:
            self._pgadmin = found[0]
            self._ping.poll(partial(pings, found[0]))

    def _pinged(self, answers: bool) -> None:
        if answers:
            self._browse(self._pgadmin)
        elif self._screen.deck.busy:
            self._say(f"pgAdmin is starting: {self._pgadmin}/misc/ping does not answer yet.")
        else:
            self._screen.deck.start_job("Wait for pgAdmin", self._wait, lambda _none: self._browse(self._pgadmin))

    async def _wait(self, progress: Progress) -> None:
        address = self._pgadmin
        progress(f"until {clean_line(address)}/misc/ping answers; pgAdmin takes half a minute to start")
        while not await pings(address):  # noqa: ASYNC110 - nothing tells when a web page begins to answer
            await asyncio.sleep(ASK_AGAIN)

    def _browse(self, address: str) -> None:
        if has_browser(os.environ, sys.platform):
            # A browser may take seconds to come up, and some commands wait for it.
            opening = in_thread(partial(self._screen.app.open_url, address), name="browser")
            self._screen.run_worker(opening, exit_on_error=False)
            self._say(f"Opened {clean_line(address)}")
        else:
            self._screen.app.copy_to_clipboard(address)
            self._say(f"No browser on this machine's screen: {clean_line(address)} is on the clipboard.")

    # -- The clipboard

    def copy(self, service: ServiceStatus, found: Sequence[str]) -> None:
        """Copy a name of `service`, after asking which."""
        choices = [
            Choice(title, value)
            for title, value in (("container", service.container), ("image", service.image))
            if value
        ]
        choices += [Choice("address", address) for address in found]
        choices += [Choice("port", port.partition("->")[0]) for port in service.ports]
        self._pick("Copy", choices, self._copy)

    def _copy(self, value: str) -> None:
        self._screen.app.copy_to_clipboard(value)
        self._say(f"Copied {clean_line(value)}")

    # -- psql

    def psql(self) -> None:
        """Hand the terminal over to psql, and take it back when that ends."""
        workspace = self._screen.deck.workspace
        if workspace is not None:
            self._screen.note("psql", ())
            self._psql.poll(partial(self._run_psql, workspace))

    async def _run_psql(self, workspace: "Workspace") -> int:
        services = await workspace.services()
        try:
            return await self._screen.deck.lend_terminal(partial(services.psql, ()))
        except SuspendNotSupported:
            self._say("This terminal cannot be handed over; `stackdeck psql` works in another one.")
            return 0

    def _left_psql(self, status: int) -> None:
        if status:
            self._say(f"psql ended with status {status}.")

    # --

    def _pick(self, title: str, choices: list[Choice], then: Callable[[str], None]) -> None:
        def picked(choice: Choice | None) -> None:
            if choice:
                then(choice.value)

        self._screen.app.push_screen(ChoiceMenu(title, choices), picked)

    def _refused(self, findings: "tuple[Finding, ...]") -> None:
        self._screen.note("psql", findings)

    def _say(self, text: str) -> None:
        self._screen.notify(text, markup=False)


def has_browser(environ: Mapping[str, str], platform: str) -> bool:
    """Whether a browser that is opened here would be seen by whoever sits at the terminal."""
    if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"):
        return False
    if platform != "linux":
        return True
    return any(environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"))
