"""YAML into nodes: the parser's events, composed by us so that every node keeps its place and nothing grows unbounded.

A file may be hostile: its size, the depth of its nesting and the number of nodes that its aliases expand to are limited
before anything walks over it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

from stack.bounded import read_bounded
from stack.services.compose.model import Position
from stack.services.compose.nodes import (
    Entry,
    InvalidNode,
    MappingNode,
    Node,
    Overlay,
    ScalarNode,
    SequenceNode,
    Value,
    children,
)
from stack.services.compose.scalars import resolve, to_text

MAX_NODES: Final = 30_000
MAX_DEPTH: Final = 50

# libyaml's parser where PyYAML was built with it, as in its wheels: about ten times as fast.
_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_STANDARD: Final = "tag:yaml.org,2002:"
_OVERLAYS: Final = {"!reset": Overlay.RESET, "!override": Overlay.OVERRIDE}


def read_documents(file: Path) -> tuple[Node, ...]:
    """Read the YAML documents of `file`, without the empty ones.

    Raises:
        InvalidNode: it cannot be read, it is no YAML in UTF-8, it has a key twice, or it goes beyond one of the limits.
    """
    try:
        content = read_bounded(file)
    except OSError as error:
        raise InvalidNode(Position(file, 1, 1), f"expected a file that can be read: {error.strerror}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidNode(Position(file, line, 1), "expected YAML in UTF-8, these bytes are no such text") from None
    return parse_documents(text, file)


def parse_documents(text: str, file: Path) -> tuple[Node, ...]:
    """Compose the YAML documents of `text`, which `file` holds, without the empty ones.

    Raises:
        InvalidNode: as `read_documents` does.
    """
    try:
        return tuple(_Composer(text, file).documents())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = Position(file, mark.line + 1, mark.column + 1) if mark else Position(file, 1, 1)
        raise InvalidNode(position, f"expected valid YAML: {error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - (text.rfind("\n", 0, error.position) + 1) + 1
        raise InvalidNode(Position(file, line, column), f"expected YAML, which is text: {error.reason}") from None


class _Composer:
    """Composes the events of one text; `_nodes` is how many nodes a walk over all of them would meet."""

    def __init__(self, text: str, file: Path) -> None:
        self._file = file
        self._events: Iterator[yaml.Event] = iter(yaml.parse(text, Loader=_Loader))
        self._anchors: dict[str, Node] = {}
        self._nodes = 0

    def documents(self) -> Iterator[Node]:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                node = self._node(next(self._events), 1)
                if not (isinstance(node, ScalarNode) and node.value is None):
                    yield node

    def _node(self, event: yaml.Event, depth: int) -> Node:
        position = self._position(event)
        self._spend(position, depth)
        match event:
            case yaml.AliasEvent():
                return self._alias(event, position, depth)
            case yaml.ScalarEvent():
                node: Node = self._scalar(event, position)
            case yaml.SequenceStartEvent():
                node = self._sequence(event, position, depth)
            case yaml.MappingStartEvent():
                node = self._mapping(event, position, depth)
            case _:
                raise InvalidNode(position, "expected valid YAML")
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: yaml.AliasEvent, position: Position, depth: int) -> Node:
        node = self._anchors.get(event.anchor or "")
        if node is None:
            raise InvalidNode(position, f"expected the anchor &{event.anchor} to be complete before this alias of it")
        self._spend_again(node, position, depth)
        return node

    def _scalar(self, event: yaml.ScalarEvent, position: Position) -> ScalarNode:
        tag = event.tag or "!"
        if tag == "!" or tag in _OVERLAYS:
            value = event.value if event.style else resolve(event.value)
            return ScalarNode(position, value, _OVERLAYS.get(tag, Overlay.MERGE))
        return ScalarNode(position, self._tagged(event, tag, position))

    def _tagged(self, event: yaml.ScalarEvent, tag: str, position: Position) -> Value:
        value = resolve(event.value)
        match tag.removeprefix(_STANDARD), value:
            case "str", _:
                return event.value
            case "int", int() if not isinstance(value, bool):
                return value
            case "float", int() | float() if not isinstance(value, bool):
                return float(value)
            case "bool", bool():
                return value
            case "null", None:
                return None
        raise InvalidNode(position, f"expected a tag that fits the value, as in !!str 5; {tag} does not")

    def _sequence(self, event: yaml.SequenceStartEvent, position: Position, depth: int) -> SequenceNode:
        overlay = _overlay(event.tag, position, "seq")
        items: list[Node] = []
        while not isinstance(item := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(item, depth + 1))
        return SequenceNode(position, tuple(items), overlay)

    def _mapping(self, event: yaml.MappingStartEvent, position: Position, depth: int) -> MappingNode:
        overlay = _overlay(event.tag, position, "map")
        entries: dict[str, Entry] = {}
        merged: Node | None = None
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            key_position = self._position(key)
            if _is_merge(key):
                if merged is not None:
                    raise InvalidNode(key_position, "expected << once in a mapping; it takes a list of aliases too")
                merged = self._node(next(self._events), depth + 1)
                continue
            name = self._key(key, depth + 1)
            if name in entries:
                first = entries[name].key.line
                raise InvalidNode(key_position, f"expected each key once, {name!r} is already on line {first}")
            entries[name] = Entry(key_position, self._node(next(self._events), depth + 1))
        if merged is not None:
            for source in merged.items if isinstance(merged, SequenceNode) else (merged,):
                if not isinstance(source, MappingNode):
                    raise InvalidNode(merged.position, "expected << to take a mapping, or a list of mappings")
                for name, entry in source.entries.items():
                    entries.setdefault(name, entry)
        return MappingNode(position, entries, overlay)

    def _key(self, event: yaml.Event, depth: int) -> str:
        node = self._node(event, depth)
        if isinstance(node, ScalarNode) and isinstance(node.value, str):
            return node.value
        shown = to_text(node.value) if isinstance(node, ScalarNode) and isinstance(node.value, int | float) else "this"
        raise InvalidNode(self._position(event), f"expected a text as the key, {shown} is none; put it in quotes")

    def _spend(self, position: Position, depth: int) -> None:
        self._nodes += 1
        if depth > MAX_DEPTH:
            raise InvalidNode(position, f"expected at most {MAX_DEPTH} levels inside one another")
        if self._nodes > MAX_NODES:
            raise InvalidNode(position, f"expected at most {MAX_NODES} values, with every alias written out")

    def _spend_again(self, node: Node, position: Position, depth: int) -> None:
        for child in children(node):
            self._spend(position, depth + 1)
            self._spend_again(child, position, depth + 1)

    def _position(self, event: yaml.Event) -> Position:
        mark = event.start_mark
        return Position(self._file, mark.line + 1, mark.column + 1) if mark else Position(self._file, 1, 1)


def _is_merge(event: yaml.Event) -> bool:
    return isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.style in (None, "") and not event.tag


def _overlay(tag: str | None, position: Position, kind: str) -> Overlay:
    if tag in {None, "!", _STANDARD + kind}:
        return Overlay.MERGE
    if tag in _OVERLAYS:
        return _OVERLAYS[tag]
    raise InvalidNode(position, f"expected no tag but !reset and !override, got {tag}")
