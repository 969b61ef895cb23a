"""The grammar of ``env_file:`` entries whose ``format`` is ``raw``: that of ``docker run --env-file``.

Each line is one ``NAME=value``, and the value is what stands there, with quotes, ``$`` and blanks at its end.
"""

from collections.abc import Mapping

from stack.environment.compose_grammar import SPACES, EnvSyntaxError
from stack.environment.interpolation import Lookup


def parse_raw(text: str, lookup: Lookup) -> Mapping[str, str]:
    """Return what the lines of `text` set; a bare name is set to what `lookup` has for it, if anything.

    Raises:
        EnvSyntaxError: a line has no name, or a blank in it.
    """
    values: dict[str, str] = {}
    for number, written in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = written.removesuffix("\r").lstrip(SPACES)
        if not line or line.startswith("#"):
            continue
        column = written.index(line) + 1
        name, assigns, value = line.partition("=")
        if not name:
            raise EnvSyntaxError(number, column, "expected a name before the =")
        blank = min((name.index(it) for it in " \t" if it in name), default=None)
        if blank is not None:
            raise EnvSyntaxError(number, column + blank, "expected a name without blanks before the =")
        inherited = value if assigns else lookup(name)
        if inherited is not None:
            values[name] = inherited
    return values
