"""One line that says when a terminal is too small, and how large it would have to be."""

from textual.content import Content
from textual.widget import Widget

WIDTH = 80
HEIGHT = 24


class SizeNotice(Widget):
    """Stands under the head of a screen while the terminal is smaller than the deck is made for."""

    def on_mount(self) -> None:
        """Follow the terminal's size."""
        self._fit()

    def on_resize(self) -> None:
        """Come and go as the size allows."""
        self._fit()

    def _fit(self) -> None:
        size = self.app.size
        self.display = size.width < WIDTH or size.height < HEIGHT

    def render(self) -> Content:
        """Say the size that is, and the size that would do."""
        size = self.app.size
        return Content(f"{size.width}×{size.height} is too small for everything: {WIDTH}×{HEIGHT} shows it all")
