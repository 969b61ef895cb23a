"""What is known of one service: its state, container, addresses and engine, and what its health check says."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from textual.content import Content
from textual.widget import Widget

from stack.services.control import EngineStatus, ProbeRun, ServiceStatus
from stack.text import clean
from tui.amounts import span
from tui.outside import line
from tui.vitals import Tone
from tui.widgets.service_signs import sign_of

LABEL: Final = 11
"""Cells before a fact."""

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
        self._since: datetime | None = None
        self._probes: tuple[ProbeRun, ...] = ()
        self._height = 0

    def show(self, service: ServiceStatus | None, engine: EngineStatus | None, addresses: Sequence[str]) -> None:
        """Show `service` as the engine now has it; `addresses` open in a browser."""
        self._service, self._engine, self._addresses = service, engine, tuple(addresses)
        self._draw()

    def show_looked(self, since: datetime | None, probes: tuple[ProbeRun, ...]) -> None:
        """Show since when it is as it is, and the newest runs of its health check, oldest first."""
        self._since, self._probes = since, probes
        self._draw()

    def _draw(self) -> None:
        """Draw anew, and lay out only where the number of lines is another."""
        height = len(self._lines())
        self.refresh(layout=height != self._height)
        self._height = height

    def render(self) -> Content:
        """Draw the facts, one a line."""
        return Content("\n").join(self._lines())

    def _lines(self) -> list[Content]:
        service = self._service
        if service is None:
            return [Content.styled("No service is selected.", "$muted")]
        sign = sign_of(service)
        state = Content.assemble(("● ", sign.tone.value), line(sign.text, "bold"), (_since(self._since), "$muted"))
        lines = [_fact("state", state)]
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
        if self._engine and self._engine.endpoint:
            lines += _engine(self._engine)
        if self._probes:
            lines.append(Content.styled("health check, the newest run first", "$muted"))
            for index, probe in enumerate(reversed(self._probes)):
                lines += _probe(probe, OUTPUT_LINES if index == 0 else 1)
        return lines


def _fact(name: str, value: Content) -> Content:
    return Content.assemble((f"{name:<{LABEL}}", "$muted"), value)


def _several(name: str, values: Sequence[Content]) -> list[Content]:
    return [_fact("" if index else name, value) for index, value in enumerate(values)]


def _since(moment: datetime | None) -> str:
    if moment is None:
        return ""
    here = moment.astimezone()
    return f"  since {here:%Y-%m-%d %H:%M} ({span((datetime.now(UTC) - moment).total_seconds())})"


def _engine(engine: EngineStatus) -> list[Content]:
    version = f"Docker Engine {engine.version}" if engine.version else ""
    source = ", from ".join(text for text in (version, engine.source or "") if text)
    return _several("engine", [line(engine.endpoint or ""), *([line(source, "$muted")] if source else [])])


def _probe(probe: ProbeRun, lines: int) -> list[Content]:
    mark, colour = ("✓", Tone.GOOD) if probe.exit_code == 0 else ("✗", Tone.BAD)
    at = probe.ended_at.astimezone().strftime("%H:%M:%S")
    said = [text for text in clean(probe.output).expandtabs(4).split("\n") if text.strip()]
    # A traceback says in its last line what went wrong.
    shown = said[-lines:] or [""]
    head = Content.assemble((f"{mark} ", f"bold {colour.value}"), (f"{at} ", "$muted"), f"exit {probe.exit_code}  ")
    return [head + line(shown[0], "$muted"), *(Content.assemble(" " * 11, line(text, "$muted")) for text in shown[1:])]
