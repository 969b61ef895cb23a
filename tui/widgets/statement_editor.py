"""Where a statement is typed: coloured as Postgres reads it, completed by Tab, earlier ones come back by Up."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea
from textual.widgets.text_area import Selection

from stack.tables.console.completion import KEYWORDS, Columns, Completion, Vocabulary, complete
from stack.tables.console.lexing import Kind, Token, tokens
from stack.text import clean

LONGEST: Final = 50_000
"""Characters of a text that is still coloured and completed: reading a longer one would hold up every key."""

_KEYWORDS: Final = frozenset(KEYWORDS)
_NOTHING: Final = Completion(0, ())
_INKS: Final = {Kind.STRING: "string", Kind.NUMBER: "number", Kind.COMMENT: "comment"}


@dataclass(frozen=True, slots=True)
class _Offer:
    """What completes the word under the cursor, and which of it was taken, in the text that this made."""

    text: str
    cursor: tuple[int, int]
    completion: Completion
    taken: int | None = None


class StatementEditor(TextArea):
    """A text area for SQL. Tab takes the first completion, then the next, and leaves where there is none."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "complete", show=False)]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"sql--keyword", *(f"sql--{ink}" for ink in _INKS.values())}

    @dataclass
    class Offered(Message):
        """What the word under the cursor may become now; `taken` is which of it stands there."""

        completion: Completion
        taken: int | None

    @dataclass
    class Recalled(Message):
        """An earlier statement is wanted, or a later one: `by` is -1 or 1."""

        by: int

    def __init__(self, text: str) -> None:
        """Begin with `text`."""
        super().__init__(text, tab_behavior="focus", id="statement", compact=True, highlight_cursor_line=False)
        self._vocabulary = Vocabulary(())
        self._columns: Columns = {}
        self._offer = _Offer("", (0, 0), _NOTHING)
        self._lexed = ""
        self._spans: dict[int, list[tuple[int, int, str]]] = {}

    def know(self, vocabulary: Vocabulary, columns: Columns) -> None:
        """Complete from these names from now on."""
        self._vocabulary, self._columns = vocabulary, columns
        self._look()

    def replace_all(self, text: str) -> None:
        """Put `text` in the place of what is there, the cursor at its end; it can be undone."""
        self.replace(text, self.document.start, self.document.end)
        self.move_cursor(self.document.end)

    def mark(self, position: int) -> None:
        """Select what stands at `position` of the text."""
        end = next((each.end for each in tokens(self.text) if each.start <= position < each.end), position)
        line_end = self.text.find("\n", position)
        end = min(end, line_end) if line_end >= 0 else end
        self.selection = Selection(self._location(position), self._location(end))

    # -- Completion

    def action_complete(self) -> None:
        """Take a completion, or the next one of those that the last Tab took one of; else go on to the result."""
        offer = self._offer
        candidates = offer.completion.candidates
        if not candidates or not self._is_current(offer):
            self.screen.focus_next()
            return
        taken = 0 if offer.taken is None else (offer.taken + 1) % len(candidates)
        word = candidates[taken].text
        self.replace(word, self._location(offer.completion.start), self.cursor_location)
        self._offer = _Offer(self.text, self.cursor_location, offer.completion, taken)
        self.post_message(self.Offered(offer.completion, taken))

    @on(TextArea.SelectionChanged)
    @on(TextArea.Changed)
    def _look(self) -> None:
        if self._is_current(self._offer) and self._offer.taken is not None:
            return
        text, completion = self.text, _NOTHING
        if len(text) <= LONGEST and self.selection.is_empty:
            completion = complete(text, self._place(self.cursor_location), self._vocabulary, self._columns)
        self._offer = _Offer(text, self.cursor_location, completion)
        self.post_message(self.Offered(completion, None))

    def _is_current(self, offer: _Offer) -> bool:
        return offer.text == self.text and offer.cursor == self.cursor_location

    def _place(self, location: tuple[int, int]) -> int:
        row, column = location
        return sum(len(line) + 1 for line in self.document.lines[:row]) + column

    def _location(self, place: int) -> tuple[int, int]:
        before = self.text[:place]
        return before.count("\n"), place - (before.rfind("\n") + 1)

    # -- History

    def action_cursor_up(self, select: bool = False) -> None:
        """Move up, or to an earlier statement."""
        if self.cursor_at_first_line and not select:
            self.post_message(self.Recalled(-1))
        else:
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """Move down, or to a later statement."""
        if self.cursor_at_last_line and not select:
            self.post_message(self.Recalled(1))
        else:
            super().action_cursor_down(select)

    # -- Colours

    def get_line(self, line_index: int) -> Text:
        """Return a line in its colours, with every control character made visible."""
        if self._lexed != self.text:
            self._lexed = self.text
            self._spans = _spans(self._lexed) if len(self._lexed) <= LONGEST else {}
        line = Text(clean(self.document.get_line(line_index)), end="", no_wrap=True)
        for begin, end, ink in self._spans.get(line_index, ()):
            line.stylize(self.get_component_rich_style(f"sql--{ink}", partial=True), begin, end)
        return line


def _spans(text: str) -> dict[int, list[tuple[int, int, str]]]:
    """Return what is coloured in each line of `text`: from where to where, and how."""
    spans: dict[int, list[tuple[int, int, str]]] = {}
    begins = [0, *(place + 1 for place, each in enumerate(text) if each == "\n")]
    for token, ink in _inked(tokens(text)):
        row = bisect_right(begins, token.start) - 1
        column = token.start - begins[row]
        for piece in token.text.split("\n"):
            spans.setdefault(row, []).append((column, column + len(piece), ink))
            row, column = row + 1, 0
    return spans


def _inked(read: Sequence[Token]) -> Iterator[tuple[Token, str]]:
    for token in read:
        if token.kind in _INKS:
            yield token, _INKS[token.kind]
        elif token.kind is Kind.WORD and token.text.upper() in _KEYWORDS:
            yield token, "keyword"
