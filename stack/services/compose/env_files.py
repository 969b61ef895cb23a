"""What a container's environment is made of: ``environment:``, the files of ``env_file:`` and the variables around."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from stack.bounded import read_bounded
from stack.environment.compose_grammar import EnvSyntaxError, parse
from stack.environment.interpolation import Lookup
from stack.environment.raw_grammar import parse_raw
from stack.services.compose.model import Position
from stack.services.compose.mounts import Directory
from stack.services.compose.nodes import InvalidNode, ScalarNode
from stack.services.compose.reading import Cursor

Environment = Mapping[str, str | None]

MAX_CHARACTERS: Final = 4 << 20
"""Of all files that the services of a project name, each as often as it is named."""


class Format(StrEnum):
    """In which grammar a file is written."""

    COMPOSE = ""
    RAW = "raw"


@dataclass(frozen=True, slots=True)
class EnvFileEntry:
    """One entry of ``env_file:``."""

    cursor: Cursor
    name: str
    is_required: bool = True
    format: Format = Format.COMPOSE


@dataclass(frozen=True, slots=True)
class EnvFile:
    """The text of one entry of ``env_file:``."""

    path: Path
    text: str
    format: Format


@dataclass(slots=True)
class EnvFileReader:
    """Reads the files that the services of one project name."""

    directory: Directory
    _characters: int = 0

    def read(self, cursor: Cursor) -> tuple[EnvFile, ...]:
        """Read ``env_file:`` and the files that it names; an entry that repeats an earlier one takes its place.

        Raises:
            InvalidNode: a required file cannot be read.
        """
        files = {entry.name: self._file(entry) for entry in read_entries(cursor)}
        return tuple(file for file in files.values() if file is not None)

    def _file(self, entry: EnvFileEntry) -> EnvFile | None:
        path = Path(self.directory.resolve(entry.name, entry.cursor.node.position.file))
        text = _read(path, entry.cursor)
        if text is None:
            if entry.is_required:
                raise entry.cursor.invalid(f"expected the file {path} to exist")
            return None
        self._characters += len(text)
        if self._characters > MAX_CHARACTERS:
            raise entry.cursor.invalid(f"expected at most {MAX_CHARACTERS} characters in the files of all services")
        return EnvFile(path, text, entry.format)


def read_entries(cursor: Cursor) -> Iterator[EnvFileEntry]:
    """Read ``env_file:``, not the files.

    Raises:
        InvalidNode: an entry is no text, and no mapping with a path.
    """
    if isinstance(cursor.node, ScalarNode):
        yield EnvFileEntry(cursor, cursor.text())
        return
    for item in cursor.items():
        if isinstance(item.node, ScalarNode):
            yield EnvFileEntry(item, item.text())
            continue
        fields = item.fields(("path", "required", "format"))
        name = fields.get("path", Cursor.text)
        if name is None:
            raise item.malformed("expected a path")
        is_required = fields.get("required", Cursor.boolean) is not False
        yield EnvFileEntry(item, name, is_required, fields.get("format", _format) or Format.COMPOSE)


def _format(cursor: Cursor) -> Format:
    text = cursor.text()
    if text not in set(Format):
        raise cursor.invalid("expected the format to be raw, or left out for that of Compose")
    return Format(text)


def _read(path: Path, cursor: Cursor) -> str | None:
    try:
        content = read_bounded(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise cursor.invalid(f"expected {path} to be a file that can be read: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidNode(Position(path, line, 1), "expected text in UTF-8") from None


def resolve(environment: Environment, around: Lookup) -> Environment:
    """Return `environment` with its bare names set to what `around` has for them."""
    return {name: around(name) if value is None else value for name, value in environment.items()}


def with_files(environment: Environment, files: tuple[EnvFile, ...], around: Lookup) -> Environment:
    """Return the resolved `environment` on top of what `files` set, as Compose 2.35 and newer reads them.

    A variable in a file is looked up around, then in `environment`, then among what has been read.
    """

    def lookup(name: str) -> str | None:
        value = around(name)
        return environment.get(name) if value is None else value

    values: dict[str, str] = {}
    for file in files:
        values |= _parse(file, lookup, values)
    return {**values, **environment}


def with_files_until_2_34(environment: Environment, files: tuple[EnvFile, ...], around: Lookup) -> Environment:
    """Return what `with_files` does, as Compose up to 2.34 reads them.

    A variable in a file is looked up among earlier files, then around, then in the same file.
    """
    values: dict[str, str] = {}

    def lookup(name: str) -> str | None:
        value = values.get(name)
        return around(name) if value is None else value

    for file in files:
        values |= _parse(file, lookup, {})
    return {**values, **environment}


def _parse(file: EnvFile, lookup: Lookup, known: Mapping[str, str]) -> Mapping[str, str]:
    try:
        return parse_raw(file.text, lookup) if file.format is Format.RAW else parse(file.text, lookup, known).values
    except EnvSyntaxError as error:
        raise InvalidNode(Position(file.path, error.line, error.column), error.message) from None
