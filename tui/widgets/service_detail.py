"""All that is known of one service: its container, its addresses, what it uses, what its health check says."""

from collections.abc import Sequence
from typing import Final

from textual.content import Content
from textual.widget import Widget

from stack.services.control import EngineStatus, ProbeRun, ServiceStatus
from stack.text import clean
from tui.amounts import rate, size
from tui.outside import line
from tui.usage import UsageHistory
from tui.vitals import Tone
from tui.widgets.service_signs import sign_of
from tui.widgets.sparkline import sparkline

LABEL: Final = 11
"""Cells before a fact."""

FIGURE: Final = 28
"""Cells of a fact that has a history beside it."""

OUTPUT_LINES: Final = 3
"""Lines of the newest probe's output; of the ones before it the first is shown."""


class ServiceDetail(Widget):
    """The selected service; empty where none is."""

    def __init__(self) -> None:
        """Begin with nothing selected."""
        super().__init__()
        self._service: ServiceStatus | None = None
        self._engine: EngineStatus | None = None
        self._addresses: tuple[str, ...] = ()
        self._probes: tuple[ProbeRun, ...] = ()
        self._usage: UsageHistory | None = None
        self._height = 0

    def show(self, service: ServiceStatus | None, engine: EngineStatus | None, addresses: Sequence[str]) -> None:
        """Show `service` as the engine now has it; `addresses` open in a browser."""
        self._service, self._engine, self._addresses = service, engine, tuple(addresses)
        self._draw()

    def show_probes(self, probes: tuple[ProbeRun, ...]) -> None:
        """Show the newest runs of the health check, oldest first."""
        self._probes = probes
        self._draw()

    def show_usage(self, usage: UsageHistory) -> None:
        """Show what the container uses; `usage` is drawn as it is at each call."""
        self._usage = usage
        self._draw()

    def _draw(self) -> None:
        """Draw anew, and lay out only where the number of lines is another."""
        height = len(self._lines(self._width))
        self.refresh(layout=height != self._height)
        self._height = height

    @property
    def _width(self) -> int:
        return max(30, self.content_size.width)

    def render(self) -> Content:
        """Draw the facts, one a line."""
        return Content("\n").join(self._lines(self._width))

    def _lines(self, width: int) -> list[Content]:
        service = self._service
        if service is None:
            return [Content.styled("No service is selected.", "$muted")]
        sign = sign_of(service)
        lines = [_fact("state", Content.assemble(("● ", sign.tone.value), line(sign.text, "bold")))]
        lines += [
            _fact("outdated" if not index else "", line(cause, "$warning"))
            for index, cause in enumerate(service.causes)
        ]
        lines += [
            _fact("image", line(service.image or "–")),
            _fact("container", line(service.container or "there is none")),
            *_several("open", [line(address, "$primary") for address in self._addresses]),
            *_several("ports", [line(port.replace("->", " → ").removesuffix("/tcp")) for port in service.ports]),
        ]
        if self._usage and self._usage.latest:
            lines += _usage(self._usage, width)
        if self._engine and self._engine.endpoint:
            lines.append(_fact("engine", _engine(self._engine)))
        if self._probes:
            lines.append(Content.styled("health check, the newest run first", "$muted"))
            for index, probe in enumerate(reversed(self._probes)):
                lines += _probe(probe, OUTPUT_LINES if index == 0 else 1)
        return lines


def _fact(name: str, value: Content) -> Content:
    return Content.assemble((f"{name:<{LABEL}}", "$muted"), value)


def _several(name: str, values: Sequence[Content]) -> list[Content]:
    return [_fact("" if index else name, value) for index, value in enumerate(values)]


def _engine(engine: EngineStatus) -> Content:
    version = f", {engine.version}" if engine.version else ""
    source = f" ({engine.source})" if engine.source else ""
    return line(f"{engine.endpoint}{source}{version}")


def _usage(usage: UsageHistory, width: int) -> list[Content]:
    latest = usage.latest
    if latest is None:
        return []
    limit = f" of {size(latest.memory_limit)}" if latest.memory_limit else ""
    figures = (
        ("cpu", f"{latest.cpu * 100:.1f} % of a core", usage.cpu),
        ("memory", f"{size(latest.memory)}{limit}", usage.memory),
        ("network", f"↓ {rate(latest.received)}  ↑ {rate(latest.sent)}", usage.network),
        ("disk", f"r {rate(latest.read)}  w {rate(latest.written)}", usage.disk),
    )
    room = max(0, width - LABEL - FIGURE)
    return [
        _fact(name, Content.assemble(f"{text:<{FIGURE}}", (sparkline(list(history), room), "$primary")))
        for name, text, history in figures
    ]


def _probe(probe: ProbeRun, lines: int) -> list[Content]:
    mark, colour = ("✓", Tone.GOOD) if probe.exit_code == 0 else ("✗", Tone.BAD)
    at = probe.ended_at.astimezone().strftime("%H:%M:%S")
    said = [text for text in clean(probe.output).expandtabs(4).split("\n") if text.strip()]
    # A traceback says in its last line what went wrong.
    shown = said[-lines:] or ["(it printed nothing)"]
    head = Content.assemble((f"{mark} ", f"bold {colour.value}"), (f"{at} ", "$muted"), f"exit {probe.exit_code}  ")
    return [head + line(shown[0], "$muted"), *(Content.assemble(" " * 11, line(text, "$muted")) for text in shown[1:])]
