"""Nodes into values of the kinds that Compose's schema knows; a wrong one is an error that says where and what."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from stack.services.compose.model import Position, UnsupportedKey
from stack.services.compose.nodes import (
    InvalidNode,
    InvalidValue,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    Timestamp,
    describe,
)
from stack.services.compose.scalars import to_text
from stack.services.compose.units import parse_duration, parse_size

T = TypeVar("T")

_TRUE: Final = ("true", "y", "yes", "on")
_FALSE: Final = ("false", "n", "no", "off")
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER: Final = re.compile(r"[-+]?(?:\.[0-9]{1,18}|[0-9]{1,18}(?:\.[0-9]{0,18})?)(?:[eE][-+]?[0-9]{1,2})?")
_MAX_FLOAT32: Final = 3.4e38


@dataclass(frozen=True, slots=True)
class Cursor:
    """A node, the dotted path to it, and where keys are noted that nobody vouches for.

    Where a later file may still replace values that mean nothing, they are read as if they were not there.
    """

    node: Node
    path: str
    unsupported: list[UnsupportedKey]
    may_be_replaced: bool = False

    def invalid(self, message: str) -> InvalidValue:
        """Return the error that says `message` about what this node means."""
        return InvalidValue(self.node.position, f"{self.path}: {message}")

    def malformed(self, message: str) -> InvalidNode:
        """Return the error that says `message` about how this node is written."""
        return InvalidNode(self.node.position, f"{self.path}: {message}")

    def expected(self, what: str) -> InvalidNode:
        """Return the error that says what was expected here and what kind of thing there is; values may be secrets."""
        return self.malformed(f"expected {what}, got {describe(self.node)}")

    def note(self, key: str | None = None, position: Position | None = None) -> None:
        """Note that this node, or the `key` in it, is not supported."""
        path = ".".join(filter(None, (self.path, key)))
        self.unsupported.append(UnsupportedKey(path, position or self.node.position))

    def text(self) -> str:
        """Read a text, and nothing that would have to become one."""
        if isinstance(self.node, ScalarNode) and isinstance(self.node.value, str):
            return self.node.value
        raise self.expected("a text")

    def loose_text(self) -> str:
        """Read a text or a number, as a text."""
        if isinstance(self.node, ScalarNode):
            value = self.node.value
            if isinstance(value, str | int | float) and not isinstance(value, bool):
                return to_text(value)
        raise self.expected("a text or a number")

    def value(self) -> str | None:
        """Read a variable's or a label's value: a text, a number, true or false, or nothing."""
        match self.node:
            case ScalarNode(value=None):
                return None
            case ScalarNode(value=Timestamp(text)):
                self.note()
                return text
            case ScalarNode(value=float(value)) if not math.isfinite(value):
                raise self.malformed("expected a finite number; put it in quotes")
            case ScalarNode(value=str() | int() | float() as value):
                return to_text(value)
        raise self.expected("a text, a number, true or false")

    def boolean(self) -> bool:
        """Read true or false, or a text that Compose takes for it."""
        match self.node:
            case ScalarNode(value=bool(value)):
                return value
            case ScalarNode(value=str(text)) if text.lower() in (*_TRUE, *_FALSE):
                return text.lower() in _TRUE
        raise self.expected("true or false")

    def integer(self) -> int:
        """Read a whole number, or a text with one."""
        match self.node:
            case ScalarNode(value=int(value)) if not isinstance(value, bool):
                return value
            case ScalarNode(value=float(value)) if value.is_integer() and abs(value) < 2**53:
                return int(value)
            case ScalarNode(value=str(text)) if _INTEGER.fullmatch(text):
                return int(text)
        raise self.expected("a whole number")

    def truncated(self) -> int:
        """Read a number, of which Compose keeps the whole part, or a text with a whole number."""
        match self.node:
            case ScalarNode(value=float(value)) if abs(value) < 2**53:
                return int(value)
        return self.integer()

    def natural(self) -> int:
        """Read a whole number that is not negative, or a text with one."""
        return self._not_negative(self.integer())

    def truncated_natural(self) -> int:
        """Read what `truncated` does, where it is not negative."""
        return self._not_negative(self.truncated())

    def _not_negative(self, number: int) -> int:
        if number < 0:
            raise self.invalid("expected a whole number from 0 up")
        return number

    def number(self) -> float:
        """Read a number, or a text with one."""
        match self.node:
            case ScalarNode(value=int() | float() as value) if (
                not isinstance(value, bool) and abs(value) < _MAX_FLOAT32
            ):
                return float(value)
            case ScalarNode(value=str(text)) if _NUMBER.fullmatch(text):
                return float(text)
        raise self.expected("a number")

    def duration(self) -> int:
        """Read a duration such as ``1m30s``, in nanoseconds."""
        nanoseconds = parse_duration(self.text())
        if nanoseconds is None:
            raise self.invalid("expected a duration with its unit, such as 10s or 1m30s")
        return nanoseconds

    def size(self) -> int:
        """Read a size such as ``512m``, or a whole number of bytes."""
        if isinstance(self.node, ScalarNode) and isinstance(self.node.value, float):
            self.note()  # Compose takes it for nothing, without a word
            return 0
        if isinstance(self.node, ScalarNode) and isinstance(self.node.value, int):
            return self.integer()
        return self.size_text()

    def size_text(self) -> int:
        """Read a size such as ``512m`` that may not be a number, in bytes."""
        size = parse_size(self.text())
        if size is None:
            raise self.invalid("expected a size in bytes or with a unit, such as 512m or 1.5gb")
        return size

    def items(self) -> Iterator["Cursor"]:
        """Read a list."""
        if not isinstance(self.node, SequenceNode):
            raise self.expected("a list")
        for index, item in enumerate(self.node.items):
            yield replace(self, node=item, path=f"{self.path}[{index}]")

    def entries(self) -> Mapping[str, "Cursor"]:
        """Read a mapping with any keys; those that begin with ``x-`` are somebody else's and left out."""
        if not isinstance(self.node, MappingNode):
            raise self.expected("a mapping")
        return {
            key: replace(self, node=entry.node, path=f"{self.path}.{key}" if self.path else key)
            for key, entry in self.node.entries.items()
            if not key.startswith("x-")
        }

    def fields(self, known: Iterable[str], others: Iterable[str] = ()) -> "Fields":
        """Read a mapping with the keys that are `known`; the `others` that Compose knows are noted as not supported."""
        entries = self.entries()
        known, others = frozenset(known), frozenset(others)
        if isinstance(self.node, MappingNode):
            for key in entries.keys() - known:
                position = self.node.entries[key].key
                if key not in others:
                    raise InvalidNode(position, self._unknown(key, known | others))
                self.note(key, position)
        return Fields({key: cursor for key, cursor in entries.items() if key in known})

    def _unknown(self, key: str, known: Iterable[str]) -> str:
        import difflib

        prefix = f"{self.path}: " if self.path else ""
        near = difflib.get_close_matches(key[:100], sorted(known), n=1)
        meant = f"did you mean {near[0]}?" if near else "a key of your own begins with x-"
        return f"{prefix}expected a key that Compose knows, {key!r} is none; {meant}"

    def texts(self) -> tuple[str, ...]:
        """Read a list of texts."""
        return tuple(item.text() for item in self.items())

    def text_or_texts(self) -> tuple[str, ...]:
        """Read a list of texts, or a lone text."""
        return self.texts() if isinstance(self.node, SequenceNode) else (self.text(),)

    def keyed_texts(self) -> tuple[str, ...]:
        """Read a list of texts, or a lone text; of those that are equal up to a ``=``, the last one counts."""
        last = {text.partition("=")[0]: text for text in self.text_or_texts()}
        return tuple(last.values())

    def distinct_texts(self) -> tuple[str, ...]:
        """Read a list of texts or numbers, each of which may be there once."""
        texts = tuple(item.loose_text() for item in self.items())
        if len(set(texts)) < len(texts):
            raise self.malformed("expected each entry of the list once")
        return texts

    def pairs(self) -> Mapping[str, str | None]:
        """Read a mapping, or a list of ``KEY=value``; a bare key has nothing. Of equal keys, the last one counts."""
        if isinstance(self.node, SequenceNode):
            split = (item.text().partition("=") for item in self.items())
            return {key: value if separator else None for key, separator, value in split}
        if isinstance(self.node, MappingNode):
            return {key: member.value() for key, member in self._members(self.node)}
        raise self.expected("a mapping or a list of KEY=value")

    def labels(self) -> Mapping[str, str]:
        """Read a mapping, or a list of ``KEY=value``, where nothing is the same as an empty text."""
        return {key: value or "" for key, value in self.pairs().items()}

    def options(self) -> Mapping[str, str]:
        """Read a mapping of texts and numbers to texts."""
        if not isinstance(self.node, MappingNode):
            raise self.expected("a mapping")
        return {key: member.loose_text() for key, member in self._members(self.node)}

    def optional_options(self) -> Mapping[str, str]:
        """Read what `options` does, where nothing is the same as an empty text."""
        if not isinstance(self.node, MappingNode):
            raise self.expected("a mapping")
        return {
            key: "" if isinstance(member.node, ScalarNode) and member.node.value is None else member.loose_text()
            for key, member in self._members(self.node)
        }

    def _members(self, node: MappingNode) -> Iterator[tuple[str, "Cursor"]]:
        for key, entry in node.entries.items():
            if not key:
                raise InvalidNode(entry.key, f"{self.path}: expected a name, got an empty text")
            if key.startswith("x-"):
                # Compose takes it for an extension even here, and writes a garbled value under another key.
                self.note(key, entry.key)
            yield key, replace(self, node=entry.node, path=f"{self.path}.{key}")


@dataclass(frozen=True, slots=True)
class Fields:
    """The known keys of one mapping."""

    cursors: Mapping[str, Cursor]

    def get(self, key: str, read: Callable[[Cursor], T]) -> T | None:
        """Read the value of `key`, or return None where it is not written."""
        return self._read(key, read, None)

    def many(self, key: str, read: Callable[[Cursor], tuple[T, ...]]) -> tuple[T, ...]:
        """Read the list of `key`, empty where it is not written."""
        return self._read(key, read, ())

    def mapping(self, key: str, read: Callable[[Cursor], Mapping[str, T]]) -> Mapping[str, T]:
        """Read the mapping of `key`, empty where it is not written."""
        return self._read(key, read, {})

    def flag(self, key: str) -> bool:
        """Read the truth value of `key`, false where it is not written."""
        return self.get(key, Cursor.boolean) or False

    def _read(self, key: str, read: Callable[[Cursor], T], otherwise: T) -> T:
        cursor = self.cursors.get(key)
        if cursor is None:
            return otherwise
        try:
            return read(cursor)
        except InvalidValue:
            if cursor.may_be_replaced:
                return otherwise
            raise
