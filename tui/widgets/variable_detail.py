"""What is known of one variable: its meaning, its value, what the template says, how each grammar reads it."""

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget

from stack.text import MASK
from tui.outside import block, line

if TYPE_CHECKING:
    from stack.environment.report import Variable
    from stack.text import SecretStr


class VariableDetail(Widget):
    """The variable that is selected; its secret only where the person asked to see it."""

    def __init__(self) -> None:
        """Begin with nothing selected."""
        super().__init__()
        self._variable: Variable | None = None
        self._revealed = False

    def show(self, variable: "Variable | None", *, revealed: bool) -> None:
        """Show `variable`, its values in the clear where it is `revealed` or no secret."""
        self._variable, self._revealed = variable, revealed
        self.refresh(layout=True)

    def render(self) -> Content:
        """Draw it."""
        variable = self._variable
        if variable is None:
            return Content.styled("Nothing is selected.", "$muted")
        lines = [Content.assemble(line(variable.name, "bold"), "  ", line(variable.description, "$muted"))]
        if variable.problem:
            lines.append(Content.assemble(("! ", "bold $warning"), block(variable.problem, "$warning")))
        lines.append(self._value("value", variable.value))
        if variable.template_value is not None:
            lines.append(self._value("template", variable.template_value))
        if plain(variable.as_compose) != plain(variable.as_python):
            lines.append(self._value("Compose", variable.as_compose))
            lines.append(self._value("Python", variable.as_python))
        return Content("\n").join(lines)

    def _value(self, label: str, value: "str | SecretStr | None") -> Content:
        hidden = not isinstance(value, str | None) and not self._revealed
        text = "not set" if value is None else MASK if hidden else plain(value) or "empty"
        return Content.assemble((f"{label:>9}  ", "$muted"), line(text))


def plain(value: "str | SecretStr | None") -> str | None:
    """Return the text of `value`, be it secret or not."""
    return value if isinstance(value, str | None) else value.get_secret_value()
