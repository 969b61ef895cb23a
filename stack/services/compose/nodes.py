"""A Compose file as a tree that still knows where everything stands, and the error that says so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from stack.services.compose.model import Position


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A date without quotes. Compose reads a point in time, and what it then writes differs between its versions."""

    text: str


Value = str | int | float | bool | Timestamp | None


class Overlay(Enum):
    """What a later file's node does to the earlier one's: the tags ``!override`` and ``!reset`` change it."""

    MERGE = auto()
    OVERRIDE = auto()
    RESET = auto()


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """A text, a number, a truth value, a date or nothing."""

    position: Position
    value: Value
    overlay: Overlay = Overlay.MERGE


@dataclass(frozen=True, slots=True)
class SequenceNode:
    """A list."""

    position: Position
    items: tuple["Node", ...]
    overlay: Overlay = Overlay.MERGE


@dataclass(frozen=True, slots=True)
class Entry:
    """A value in a mapping; `key` is where its key stands."""

    key: Position
    node: "Node"


@dataclass(frozen=True, slots=True)
class MappingNode:
    """A mapping; its keys are texts, as Compose demands."""

    position: Position
    entries: Mapping[str, Entry]
    overlay: Overlay = Overlay.MERGE


Node = ScalarNode | SequenceNode | MappingNode


class InvalidNode(ValueError):  # noqa: N818 - it says what is invalid, and becomes a Failure
    """Something in a Compose file that cannot be used: where it stands, and what was expected."""

    def __init__(self, position: Position, message: str) -> None:
        """Take the place, and the sentence that goes behind it."""
        super().__init__(message)
        self.position = position
        self.message = message


class MissingVariable(InvalidNode):
    """A text demands the variable `name`, which nothing sets."""

    def __init__(self, position: Position, message: str, name: str) -> None:
        """Take the place, the sentence and the variable."""
        super().__init__(position, message)
        self.name = name


class InvalidValue(InvalidNode):
    """A value of the right kind that means nothing, such as a duration without a unit.

    Compose looks at it when all files are merged, so a later file may still replace it.
    """


def describe(node: Node) -> str:
    """Say what kind of thing `node` is, for an error; its value may be a secret and stays out."""
    match node:
        case SequenceNode():
            kind = "a list"
        case MappingNode():
            kind = "a mapping"
        case ScalarNode(value=None):
            kind = "nothing"
        case ScalarNode(value=bool()):
            kind = "true or false"
        case ScalarNode(value=int() | float()):
            kind = "a number"
        case ScalarNode(value=Timestamp()):
            kind = "a date without quotes"
        case _:
            kind = "a text"
    return kind


def children(node: Node) -> Iterator[Node]:
    """Yield the nodes right below `node`."""
    match node:
        case SequenceNode():
            yield from node.items
        case MappingNode():
            for entry in node.entries.values():
                yield entry.node
        case ScalarNode():
            pass
