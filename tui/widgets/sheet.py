"""A sheet over a screen: something long that is read, drawn in a thread, and picked from where it offers something."""

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from stack.background import in_thread
from stack.findings import Finding
from stack.text import clean_line
from tui.outside import line
from tui.requests import Asking, Request
from tui.sheet_lines import Ink, Line, Lines, plain
from tui.widgets.modal import Modal
from tui.widgets.sheet_view import SheetView
from tui.wrapping import wrap

T = TypeVar("T")

Draw = Callable[[T, int], Lines]
"""Makes the lines of something, at most so many cells wide; it is called in a thread."""

_SIGN = 2
"""Cells before each line."""


class Sheet(Asking, Modal[tuple[T, int]], Generic[T]):
    """Shows what `read` brings; its answer is that, with the target of the line that was picked. Esc stops reading."""

    def __init__(self, title: str, read: Callable[[], Awaitable[T]], draw: Draw[T], keys: str) -> None:
        """Read and draw once it is on the screen; `keys` say what Enter does."""
        super().__init__()
        self._title = title
        self._read = read
        self._draw = draw
        self._keys = keys
        self._findings: tuple[Finding, ...] = ()
        self._content: T | None = None
        self._view = SheetView()
        self._width = 0
        self._reading = Request[T](self, "sheet", receive=self._take, refuse=self._refuse)
        self._drawing = Request[Lines](self, "lines", receive=self._view.show, refuse=self._refuse)

    def compose(self) -> ComposeResult:
        """Lay out the title, the lines, and what the keys do."""
        with Vertical(id="box"):
            yield Static(line(self._title, "bold"), id="title")
            yield self._view
            yield Static(Content.styled(f"{self._keys}   Esc close", "$muted"), id="keys")

    def on_mount(self) -> None:
        """Begin to read."""
        self._view.show(Lines([plain("Reading …", Ink.MUTED)]))
        self._reading.ask(self._read)

    def on_unmount(self) -> None:
        """Wait for nothing any more."""
        self._reading.cancel()
        self._drawing.cancel()

    def on_resize(self) -> None:
        """Break the lines at the new width."""
        self.call_after_refresh(self._redraw)

    def _take(self, content: T) -> None:
        self._content = content
        self._width = 0
        self._redraw()

    def _redraw(self) -> None:
        width = self._view.scrollable_content_region.width - _SIGN
        if self._content is not None and width > 0 and width != self._width:
            self._width = width
            call = partial(self._draw, self._content, width)
            self._drawing.ask(lambda: in_thread(call))

    def _refuse(self, findings: tuple[Finding, ...]) -> None:
        width = max(20, self._view.scrollable_content_region.width - _SIGN)
        self._view.show(Lines(each for finding in findings for each in _finding_lines(finding, width)))

    @on(SheetView.Picked)
    def _picked(self, event: SheetView.Picked) -> None:
        if self._content is not None:
            self.close((self._content, event.target))


def _finding_lines(finding: Finding, width: int) -> Iterator[Line]:
    yield plain(clean_line(finding.title), Ink.WRONG)
    yield from (plain(text) for text in wrap(finding.cause, width))
    yield from (plain(text, Ink.MUTED) for text in wrap(finding.evidence or "", width) if text)
    yield from (plain(f"→ {clean_line(fix.title)}", Ink.NAME) for fix in finding.fixes)
