"""The panel of the selected service: its details, its health check's output, and what it uses while that is seen."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from stack.background import in_thread
from stack.services.control import Health, ProbeRun, ServicesStatus, ServiceStatus, State, Usage
from tui.outside import line
from tui.requests import Asking, Feed, Request
from tui.usage import UsageHistory
from tui.widgets.probe_runs import ProbeRuns
from tui.widgets.service_detail import ServiceDetail
from tui.widgets.usage_graphs import UsageGraphs

if TYPE_CHECKING:
    from stack.workspace import Workspace


PAUSE: Final = 2.5
"""Seconds between two samples: asking for them and drawing them is most of what an idle deck does."""


@dataclass(frozen=True, slots=True)
class _Looked:
    since: datetime | None = None
    probes: tuple[ProbeRun, ...] = ()


class ServicePanel(Asking, VerticalScroll):
    """Follows one service: it looks closely when the state or the health changes, and samples while it is seen."""

    def __init__(self) -> None:
        """Begin with nothing selected."""
        super().__init__(id="detail", classes="panel", can_focus=True)
        self.detail = ServiceDetail()
        self.graphs = UsageGraphs()
        self.probes = ProbeRuns()
        self._workspace: Workspace | None = None
        self._service: ServiceStatus | None = None
        self._history = UsageHistory()
        self._sampled: tuple[Workspace, str] | None = None
        self._look = Request[_Looked](
            self, "service", receive=self._show_looked, refuse=lambda _findings: self._show_looked(_Looked())
        )
        self._usage = Feed[tuple[Usage, ...]](
            self, "usage", receive=self._take, refuse=lambda _findings: self._no_usage()
        )

    def compose(self) -> ComposeResult:
        """Lay out the details."""
        yield self.detail
        yield self.graphs
        yield self.probes

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
            self.graphs.show(self._history)
            self._show_looked(_Looked())
            self.scroll_home(animate=False)
        if _standing(before) != _standing(service):
            self.look_again()

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
        """Ask what no event tells: since when the service is as it is, and what its health check has printed."""
        if self._workspace is None or self._service is None or self._service.state is State.ABSENT:
            self._look.cancel()
        else:
            self._look.ask(partial(_look, self._workspace, self._service.service))

    def _show_looked(self, looked: "_Looked") -> None:
        self.detail.show_since(looked.since)
        self.probes.runs = looked.probes

    def _take(self, samples: tuple[tuple[Usage, ...], ...], _dropped: int) -> None:
        for sample in samples:
            for usage in sample:
                if self._service is not None and usage.container == self._service.container:
                    self._history.add(usage)
        self.graphs.show(self._history)

    def _no_usage(self) -> None:
        """Show no figures; whatever ails the engine is in the banner already."""
        self._sampled = None
        self._history.clear()
        self.graphs.show(self._history)


def _identity(service: ServiceStatus | None) -> tuple[str, str | None] | None:
    return (service.service, service.container) if service else None


def _standing(service: ServiceStatus | None) -> tuple[str, str | None, State, Health] | None:
    return (service.service, service.container, service.state, service.health) if service else None


async def _look(workspace: "Workspace", service: str) -> _Looked:
    services = await workspace.services()
    since = await services.since(service)
    cover = await in_thread(workspace.veil)
    probes = [replace(run, output=cover(run.output)) for run in await services.probes(service)]
    return _Looked(since, tuple(probes))


async def _usage(workspace: "Workspace", service: str) -> AsyncGenerator[tuple[Usage, ...], None]:
    async for sample in (await workspace.services()).usage((service,)):
        yield sample
        await asyncio.sleep(PAUSE)
