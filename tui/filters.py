"""The second lock against text that a terminal would obey.

What a widget shows went through `tui.outside`. Should any part ever forget, each drawn line passes here too.
"""

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from stack.text import clean_line


class ControlCharacterFilter(LineFilter):
    """Makes control characters visible in every line that is drawn, whatever widget drew it."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - Textual's signature
        """Return `segments` with their texts cleaned; a text that is printable throughout is passed as it is."""
        return [
            segment if segment.text.isprintable() else Segment(clean_line(segment.text), segment.style, segment.control)
            for segment in segments
        ]
