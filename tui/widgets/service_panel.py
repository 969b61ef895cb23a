"""The panel of the selected service: its details, its health check's output, and what it uses while that is seen."""

from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from stack.services.control import Health, ProbeRun, ServicesStatus, ServiceStatus, State, Usage
from tui.outside import line
from tui.requests import Asking, Feed, Request
from tui.usage import UsageHistory
from tui.widgets.service_detail import ServiceDetail

if TYPE_CHECKING:
    from stack.workspace import Workspace


class ServicePanel(Asking, VerticalScroll):
    """Follows one service: it asks for the probes when the health changes, and for samples while it is `awake`."""

    def __init__(self) -> None:
        """Begin with nothing selected."""
        super().__init__(id="detail", classes="panel", can_focus=True)
        self.detail = ServiceDetail()
        self._workspace: Workspace | None = None
        self._service: ServiceStatus | None = None
        self._history = UsageHistory()
        self._sampled: tuple[Workspace, str] | None = None
        self._probes = Request[tuple[ProbeRun, ...]](
            self,
            "probes",
            receive=self.detail.show_probes,
            refuse=lambda _findings: self.detail.show_probes(()),
        )
        self._usage = Feed[tuple[Usage, ...]](
            self, "usage", receive=self._take, refuse=lambda _findings: self._no_usage()
        )

    def compose(self) -> ComposeResult:
        """Lay out the details."""
        yield self.detail

    def show(
        self,
        workspace: "Workspace",
        service: ServiceStatus | None,
        status: ServicesStatus | None,
        addresses: Sequence[str],
    ) -> None:
        """Show `service` as `status` has it."""
        before, self._service, self._workspace = self._service, service, workspace
        self.border_title = line(service.service if service else "Details")
        self.detail.show(service, status.engine if status else None, addresses)
        if _identity(before) != _identity(service):
            self._history.clear()
            self.detail.show_probes(())
            self.scroll_home(animate=False)
        if _probed(before) != _probed(service):
            self._ask_probes()

    def sample(self, *, awake: bool) -> None:
        """Ask what the selected service uses while it runs and the panel is seen."""
        runs = self._service is not None and self._service.state is State.RUNNING
        wanted = (
            (self._workspace, self._service.service) if awake and runs and self._workspace and self._service else None
        )
        if wanted == self._sampled:
            return
        self._sampled = wanted
        if wanted is None:
            self._usage.cancel()
        else:
            self._usage.follow(partial(_usage, *wanted))

    def look_again(self) -> None:
        """Ask what no event tells: what the health check printed since."""
        self._ask_probes()

    def _ask_probes(self) -> None:
        workspace, service = self._workspace, self._service
        if workspace is None or service is None or service.health is Health.NONE:
            self._probes.cancel()
            self.detail.show_probes(())
        else:
            self._probes.ask(partial(_probes, workspace, service.service))

    def _take(self, samples: tuple[tuple[Usage, ...], ...], _dropped: int) -> None:
        for sample in samples:
            for usage in sample:
                if self._service is not None and usage.container == self._service.container:
                    self._history.add(usage)
        self.detail.show_usage(self._history)

    def _no_usage(self) -> None:
        """Show no figures; whatever ails the engine is in the banner already."""
        self._sampled = None
        self._history.clear()
        self.detail.show_usage(self._history)


def _identity(service: ServiceStatus | None) -> tuple[str, str | None] | None:
    return (service.service, service.container) if service else None


def _probed(service: ServiceStatus | None) -> tuple[str, str | None, State, Health] | None:
    return (service.service, service.container, service.state, service.health) if service else None


async def _probes(workspace: "Workspace", service: str) -> tuple[ProbeRun, ...]:
    return await (await workspace.services()).probes(service)


async def _usage(workspace: "Workspace", service: str) -> AsyncGenerator[tuple[Usage, ...], None]:
    async for sample in (await workspace.services()).usage((service,)):
        yield sample
