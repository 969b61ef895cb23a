"""A filter on one column, put together: what to ask, of which values, and the SQL that comes of it at every key."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from stack.findings import Failure, Finding
from stack.text import clean_line
from tui.outside import line
from tui.requests import Asking, Request
from tui.widgets.modal import Modal

if TYPE_CHECKING:
    from stack.tables.description import Column
    from stack.tables.filters import Filter, Operator

LONGEST: Final = 1000
"""Characters of a filter's values that can be changed; of longer ones there is nothing but to type others."""


class FilterBuilder(Asking, Modal["Filter"]):
    """Asks for a filter on `column`; the server judges it while it is typed, and Enter takes none that it refuses."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("space", "mark", show=False),
    ]

    def __init__(
        self,
        column: "Column",
        read_picks: Callable[[], Awaitable[tuple[str, ...]]],
        judge: Callable[["Filter"], Awaitable[str]],
        before: "Filter | None",
    ) -> None:
        """Build a filter on `column`, beginning with what was asked `before`.

        `read_picks` brings the values to pick, `judge` the SQL that a filter is.
        """
        super().__init__()
        self._column = column
        self._read_picks = read_picks
        self._judge = judge
        self._picks: tuple[str, ...] = ()
        self._operators: tuple[Operator, ...] = ()
        self._asked: tuple[Operator | None, str, str] = (None, "", "")
        self._filter: Filter | None = None
        self._good = False
        self._submitted = False
        self._before = before
        self._path = Input(
            str(before.path) if before and before.path else "",
            placeholder="the whole value, or a path into it: ->customer->>name",
            compact=True,
            id="path",
        )
        self._list = OptionList(id="operators", markup=False)
        self._pick_list = OptionList(id="picks", markup=False)
        self._value = Input(_typed(before), compact=True, id="value")
        self._outcome = Static(id="outcome")
        self._picking = Request[tuple[str, ...]](self, "picks", receive=self._offer, refuse=self._refuse)
        self._judging = Request[str](self, "filter", receive=self._accept, refuse=self._refuse)

    def compose(self) -> ComposeResult:
        """Lay out what can be asked, the values to pick, the value to type, and what comes of it."""
        column = self._column
        self._path.display = column.family.value == "json"
        self._pick_list.display = False
        with Vertical(id="box"):
            name = Content.assemble("Rows where ", line(column.name, "bold"), "  ", line(column.type, "$muted"))
            yield Static(name, id="title")
            yield self._path
            with Horizontal(id="offers"):
                yield self._list
                yield self._pick_list
            yield self._value
            yield self._outcome
            keys = (("⏎", "Show them"), ("↑↓", "Choose"), ("Tab", "Next field"), ("Esc", "Leave"))
            yield Static(
                Content("   ").join(Content.assemble((k, "bold $accent"), f" {t}") for k, t in keys), id="keys"
            )

    def on_mount(self) -> None:
        """Offer what is known, and read what there is to pick."""
        self._offer_operators()
        self._value.focus()
        self._picking.ask(self._read_picks)

    def on_unmount(self) -> None:
        """Wait for nothing any more."""
        self._picking.cancel()
        self._judging.cancel()

    # -- What is offered

    def _offer(self, picks: tuple[str, ...]) -> None:
        self._picks = picks
        self._offer_operators()
        if picks:
            self._pick_list.add_options(Option(line(pick)) for pick in picks)
            self._pick_list.display = True
            chosen = [picks.index(value) for value in _values(self._before) if value in picks]
            self._pick_list.highlighted = chosen[0] if chosen else 0
            self._pick_list.focus()

    def _offer_operators(self) -> None:
        """Offer the operators that fit now, and keep the one that was chosen where it is among them."""
        from stack.tables.offers import operators

        fitting = operators(self._column, self._picks, self._path.value.strip())
        if fitting != self._operators:
            chosen = self._operator or (self._before and self._before.operator)
            if chosen not in fitting or not (self._value.value or self._before):
                chosen = fitting[0]
            self._operators = fitting
            self._list.clear_options()
            self._list.add_options(Option(each.value) for each in fitting)
            self._choose(chosen)
        self._tell()

    @property
    def _operator(self) -> "Operator | None":
        place = self._list.highlighted
        return self._operators[place] if place is not None and place < len(self._operators) else None

    def _choose(self, operator: "Operator") -> None:
        self._list.highlighted = self._operators.index(operator)

    # -- What is chosen and typed

    @on(Input.Changed, "#path")
    def _path_typed(self) -> None:
        self._offer_operators()

    @on(Input.Changed, "#value")
    @on(OptionList.OptionHighlighted, "#operators")
    def _changed(self) -> None:
        self._tell()

    def _tell(self) -> None:
        """Say what is asked for now, and let the server judge it."""
        from stack.tables.filters import Takes

        operator = self._operator
        asked = (operator, self._path.value, self._value.value)
        if operator is None or asked == self._asked:
            return
        self._asked = asked
        self._good = self._submitted = False
        self._filter = None
        self._judging.cancel()
        takes = operator.takes
        self._value.disabled = takes is Takes.NOTHING
        self._value.placeholder = {Takes.SOME: "a, b, 'c, d'", Takes.TWO: "a and b"}.get(takes, "")
        if takes is not Takes.NOTHING and not self._value.value.strip():
            self._say(Content.styled("Type a value; '' is the empty text.", "$muted"))
            return
        try:
            self._filter = self._read(operator)
        except Failure as failure:
            self._refuse((failure.finding,))
        else:
            self._judging.ask(partial(self._judge, self._filter))

    def _read(self, operator: "Operator") -> "Filter":
        """Read what is typed by the grammar that the command line has."""
        from stack.tables.filters import Takes, invalid, parse_filter
        from stack.tables.names import Name

        name, path, value = str(Name(self._column.name, quoted=True)), self._path.value.strip(), self._value.value
        arrow = "" if not path or path.startswith("-") else "->>"
        typed = {Takes.NOTHING: "", Takes.SOME: f"({value})"}.get(operator.takes, value)
        read = parse_filter(f"{name}{arrow}{path} {operator} {typed}")
        if read.operator is not operator or bool(path) is not bool(read.path):
            raise invalid(f"{arrow}{path}", "Expected a path: ->key for JSON, ->>key for text, ->0 for an element.")
        return read

    def _accept(self, sql: str) -> None:
        self._good = True
        self._value.remove_class("-wrong")
        self._say(line(f"WHERE {sql}", "$success"))
        if self._submitted:
            self.close(self._filter)

    def _refuse(self, findings: tuple[Finding, ...]) -> None:
        self._submitted = False
        self._value.add_class("-wrong")
        said = findings[0].evidence or findings[0].cause
        self._say(Content.assemble(("✗ ", "bold $error"), line(said)))

    def _say(self, content: Content) -> None:
        self._outcome.update(content)

    # -- Keys

    @on(Input.Submitted)
    @on(OptionList.OptionSelected, "#operators")
    def _submit(self) -> None:
        """Answer with the filter, as soon as the server has accepted it."""
        if self._good:
            self.close(self._filter)
        elif self._judging.pending:
            self._submitted = True
        else:
            self._value.focus()

    @on(OptionList.OptionSelected, "#picks")
    def _picked(self, event: OptionList.OptionSelected) -> None:
        """Take the value under the cursor, unless a list was marked, and answer."""
        from stack.tables.filters import Takes, spell

        operator = self._operator
        if operator and operator.takes is Takes.ONE:
            self._value.value = spell(self._picks[event.option_index])
        elif operator and operator.takes is Takes.SOME and not self._value.value.strip():
            self.action_mark()
        self._tell()
        self._submit()

    def action_mark(self) -> None:
        """Put the value under the cursor into the list of values, or take it out."""
        from stack.tables.filters import Operator, spell

        place = self._pick_list.highlighted
        if not self._pick_list.has_focus or place is None or Operator.ONE_OF not in self._operators:
            return
        marked = [] if self._operator is not Operator.ONE_OF else _values(self._filter)
        pick = self._picks[place]
        marked = [each for each in marked if each != pick] if pick in marked else [*marked, pick]
        self._choose(Operator.ONE_OF)
        self._value.value = ", ".join(map(spell, marked))

    def action_move(self, by: int) -> None:
        """Choose the operator above or below."""
        place = self._list.highlighted
        if place is not None:
            self._list.highlighted = max(0, min(place + by, len(self._operators) - 1))


def _values(each: "Filter | None") -> list[str]:
    return list(each.values) if each else []


def _typed(each: "Filter | None") -> str:
    """Return the values of `each` as a person would type them; nothing where no line has room for them."""
    from stack.tables.filters import Takes, spell

    if each is None or sum(map(len, each.values)) > LONGEST or any(clean_line(value) != value for value in each.values):
        return ""
    return (" and " if each.operator.takes is Takes.TWO else ", ").join(map(spell, each.values))
