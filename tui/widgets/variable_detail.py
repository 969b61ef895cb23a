"""What is known of one variable: its type and meaning, its values here and there, and what is wrong with it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from textual.content import Content
from textual.widget import Widget

from stack.text import MASK
from tui.outside import block, line

if TYPE_CHECKING:
    from stack.environment.report import Variable
    from stack.findings import Finding
    from stack.services.in_use import StaleUse
    from stack.text import SecretStr

_LABEL: Final = 9


class VariableDetail(Widget):
    """The variable that is selected; its secret only where the person asked to see it."""

    def __init__(self) -> None:
        """Begin with nothing selected."""
        super().__init__()
        self._variable: Variable | None = None
        self._stale: tuple[StaleUse, ...] = ()
        self._revealed = False

    def show(self, variable: "Variable | None", stale: "Sequence[StaleUse]", *, revealed: bool) -> None:
        """Show `variable`, its values in the clear where it is `revealed` or no secret, and where it is `stale`."""
        self._variable, self._stale, self._revealed = variable, tuple(stale), revealed
        self.refresh(layout=True)

    def render(self) -> Content:
        """Draw it."""
        if self._variable is None:
            return Content.styled("Nothing is selected.", "$muted")
        return Content("\n").join(self._lines(self._variable))

    def _lines(self, variable: "Variable") -> Iterator[Content]:
        yield Content.assemble(line(variable.name, "bold"), "  ", line(variable.type, "$muted"))
        for finding in variable.findings:
            yield from _wrong(finding)
        yield self._value("value", variable.value)
        if variable.template_value is not None:
            yield self._value("template", variable.template_value)
        if plain(variable.as_compose) != plain(variable.as_python):
            yield self._value("Compose", variable.as_compose)
            yield self._value("Python", variable.as_python)
        for use in self._stale:
            note = "; its volume keeps it" if use.in_volume else "; until it is recreated"
            yield _labelled("in use", line(f"{use.service} has another: {use.key} {use.change}{note}", "$warning"))
        if variable.description:
            yield line(variable.description, "$muted")

    def _value(self, label: str, value: "str | SecretStr | None") -> Content:
        hidden = not isinstance(value, str | None) and not self._revealed
        text = "not set" if value is None else MASK if hidden else plain(value) or "empty"
        return _labelled(label, line(text))


def _labelled(label: str, content: Content) -> Content:
    return Content.assemble((f"{label:>{_LABEL}}  ", "$muted"), content)


def _wrong(finding: "Finding") -> Iterator[Content]:
    yield Content.assemble(("! ", "bold $warning"), block(finding.title, "$warning"))
    yield Content.assemble("  ", block(finding.cause, "$muted"))
    fix = finding.automatic_fix
    if fix:
        yield Content.assemble("  ", ("m", "bold $accent"), " ", line(fix.title))


def plain(value: "str | SecretStr | None") -> str | None:
    """Return the text of `value`, be it secret or not."""
    return value if isinstance(value, str | None) else value.get_secret_value()
