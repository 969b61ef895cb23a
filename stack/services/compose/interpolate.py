"""Variables in a tree of nodes: every text value is interpolated, keys never are."""

from dataclasses import dataclass, field, replace
from typing import Final

from stack.environment.interpolation import InterpolationError, Lookup, RequiredVariableError, interpolate
from stack.services.compose.model import Position
from stack.services.compose.nodes import InvalidNode, MappingNode, MissingVariable, Node, ScalarNode, SequenceNode

MAX_CHARACTERS: Final = 8 << 20
"""Of all interpolated texts of a project: each may repeat a long variable."""


@dataclass(frozen=True, slots=True)
class InterpolatedText:
    """A text of a file that refers to `variables`; `path` is where it stands, as in ``services.db.ports[0]``."""

    path: str
    template: str
    variables: tuple[str, ...]


@dataclass(slots=True)
class Interpolator:
    """Interpolates trees.

    `unset` gathers the variables that nothing set, and where each was met first; `texts` every text that has
    variables, with what they are.
    """

    lookup: Lookup
    unset: dict[str, Position] = field(default_factory=dict)
    texts: list[InterpolatedText] = field(default_factory=list)
    _characters: int = 0

    def tree(self, node: Node, path: str = "") -> Node:
        """Return `node` with the variables of its texts replaced.

        Raises:
            InvalidNode: a text's variables cannot be interpolated, or one that it requires is missing.
        """
        match node:
            case ScalarNode(value=str(text)) if "$" in text:
                return replace(node, value=self._text(text, node.position, path))
            case SequenceNode():
                items = tuple(self.tree(item, f"{path}[{index}]") for index, item in enumerate(node.items))
                return replace(node, items=items)
            case MappingNode():
                prefix = f"{path}." if path else ""
                return replace(
                    node,
                    entries={
                        key: replace(entry, node=self.tree(entry.node, prefix + key))
                        for key, entry in node.entries.items()
                    },
                )
            case ScalarNode():
                return node

    def _text(self, text: str, position: Position, path: str) -> str:
        variables: dict[str, None] = {}

        def lookup(name: str) -> str | None:
            variables[name] = None
            return self.lookup(name)

        try:
            interpolated = interpolate(text, lookup)
        except RequiredVariableError as error:
            raise MissingVariable(position, f"{path}: {error}", error.name) from None
        except InterpolationError as error:
            raise InvalidNode(position, f"{path}: {error}") from None
        self._characters += len(interpolated.text)
        if self._characters > MAX_CHARACTERS:
            raise InvalidNode(
                position, f"{path}: expected at most {MAX_CHARACTERS} characters of variables in all files"
            )
        if variables:
            self.texts.append(InterpolatedText(path, text, tuple(variables)))
        for name in interpolated.unset:
            self.unset.setdefault(name, position)
        return interpolated.text
