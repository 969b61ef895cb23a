"""What is known of one service: its state, its container, its addresses and its engine."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from textual.content import Content
from textual.widget import Widget

from stack.services.control import EngineStatus, ServiceStatus
from tui.outside import line
from tui.widgets.service_signs import sign_of

LABEL: Final = 11
"""Cells before a fact."""


class ServiceDetail(Widget):
    """The selected service; empty where none is."""

    def __init__(self) -> None:
        """Begin with nothing selected."""
        super().__init__()
        self._service: ServiceStatus | None = None
        self._engine: EngineStatus | None = None
        self._addresses: tuple[str, ...] = ()
        self._since: datetime | None = None
        self._height = 0

    def show(self, service: ServiceStatus | None, engine: EngineStatus | None, addresses: Sequence[str]) -> None:
        """Show `service` as the engine now has it; `addresses` open in a browser."""
        self._service, self._engine, self._addresses = service, engine, tuple(addresses)
        self._draw()

    def show_since(self, moment: datetime | None) -> None:
        """Show since when it is as it is."""
        self._since = moment
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
        return lines


def _fact(name: str, value: Content) -> Content:
    return Content.assemble((f"{name:<{LABEL}}", "$muted"), value)


def _several(name: str, values: Sequence[Content]) -> list[Content]:
    return [_fact("" if index else name, value) for index, value in enumerate(values)]


def _since(moment: datetime | None) -> str:
    if moment is None:
        return ""
    # Not how long ago: that would be wrong a second later, and nothing else here changes by itself.
    return f"  since {moment.astimezone():%Y-%m-%d %H:%M:%S}"


def _engine(engine: EngineStatus) -> list[Content]:
    version = f"Docker Engine {engine.version}" if engine.version else ""
    source = ", from ".join(text for text in (version, engine.source or "") if text)
    return _several("engine", [line(engine.endpoint or ""), *([line(source, "$muted")] if source else [])])
