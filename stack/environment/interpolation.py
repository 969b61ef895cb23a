"""Compose's variable interpolation: ``$NAME``, ``${NAME}`` and the operators inside the braces.

The grammar is the Compose specification's, section «Interpolation»; where that is silent, what `docker compose` does
with a text is what happens here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

Lookup = Callable[[str], str | None]
"""Returns a variable's value, or None where it is not set."""

MAX_NESTING: Final = 50
"""Operands inside operands, deeper than any file that a person wrote."""

MAX_LENGTH: Final = 1 << 20
"""Characters of an interpolated text. A few variables, each of them made of the one before twice, can ask for any."""

_NAME: Final = "[_a-zA-Z][_a-zA-Z0-9]*"
_TOKEN: Final = re.compile(
    rf"\$(?:(?P<escaped>\$)|(?P<plain>{_NAME})|\{{(?P<braced>{_NAME})(?:\}}|(?P<operator>:?[-?+]))|(?P<invalid>\{{))"
)
_BRACES: Final = re.compile(r"\{.?|\}")


class InterpolationError(ValueError):
    """A text that cannot be interpolated. The message says what was expected and quotes nothing of the text."""


class RequiredVariableError(InterpolationError):
    """A variable that the text demands, with ``${NAME:?message}``, has no value."""

    def __init__(self, name: str, message: str) -> None:
        """Take the variable's name and the message that the text gives for it, which may be empty."""
        super().__init__(f"required variable {name} is missing a value" + (f": {message}" if message else ""))
        self.name = name


@dataclass(frozen=True, slots=True)
class Interpolated:
    """A text with its variables replaced; `unset` names those that were empty only because nothing sets them."""

    text: str
    unset: tuple[str, ...] = ()


def interpolate(template: str, lookup: Lookup) -> Interpolated:
    """Replace the variables of `template` by what `lookup` returns for them.

    The operand of an operator is interpolated too, and only where it is used. A ``$`` before anything that is neither
    a name, a brace nor another ``$`` stays as it is.

    Raises:
        InterpolationError: a ``${`` is not closed on its line, or holds no name or another operator than the known, or
            the text would grow beyond `MAX_LENGTH`.
        RequiredVariableError: a required variable is missing.
    """
    unset: dict[str, None] = {}
    text = _expand(template, lookup, unset, MAX_NESTING)
    return Interpolated(text, tuple(unset))


def _expand(template: str, lookup: Lookup, unset: dict[str, None], nesting: int) -> str:
    if "$" not in template:
        return template
    if nesting == 0:
        raise InterpolationError(f"expected at most {MAX_NESTING} variables inside one another")
    pieces: list[str] = []
    length = position = 0
    while token := _TOKEN.search(template, position):
        pieces.append(template[position : token.start()])
        position = token.end()
        if token["escaped"]:
            pieces.append("$")
        elif token["invalid"]:
            raise InterpolationError(
                "invalid interpolation format: expected a variable's name and a closing brace after ${, "
                "as in ${NAME} or ${NAME:-default}; write $$ for a plain $"
            )
        elif token["operator"]:
            end = _closing_brace(template, token)
            operand = template[position:end]
            position = end + 1

            def expand(operand: str = operand) -> str:
                return _expand(operand, lookup, unset, nesting - 1)

            pieces.append(_apply(token["operator"], token["braced"], lookup(token["braced"]), expand))
        else:
            name = token["plain"] or token["braced"]
            value = lookup(name)
            if value is None:
                unset[name] = None
            pieces.append(value or "")
        length += len(pieces[-1])
        if length > MAX_LENGTH:
            raise InterpolationError(f"expected at most {MAX_LENGTH} characters after interpolation")
    pieces.append(template[position:])
    return "".join(pieces)


def _apply(operator: str, name: str, value: str | None, operand: Callable[[], str]) -> str:
    """Return what ``${name<operator>operand}`` stands for; with a colon, an empty value counts as unset."""
    present = bool(value) if operator.startswith(":") else value is not None
    match operator[-1]:
        case "-":
            return (value or "") if present else operand()
        case "+":
            return operand() if present else (value or "")
        case _:
            if not present:
                raise RequiredVariableError(name, operand())
            return value or ""


def _closing_brace(template: str, token: re.Match[str]) -> int:
    """Return where the brace that `token` opens is closed on its line.

    Compose counts every opening brace, not only those after a ``$``, and skips the character behind it. Where the
    braces do not match up, the last closing one of the line ends the substitution.
    """
    line_end = template.find("\n", token.end())
    if line_end == -1:
        line_end = len(template)
    depth = 0
    for brace in _BRACES.finditer(template, token.start(), line_end):
        depth += -1 if brace[0] == "}" else 1
        if depth == 0:
            return brace.start()
    last = template.rfind("}", token.end(), line_end)
    if last == -1:
        raise InterpolationError("invalid interpolation format: expected a } on the same line as its ${")
    return last
