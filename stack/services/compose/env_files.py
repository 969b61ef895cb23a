"""What a container's environment is made of: ``environment:``, the files of ``env_file:`` and the variables around."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.environment.compose_grammar import EnvSyntaxError, parse
from stack.environment.interpolation import Lookup
from stack.services.compose.model import Position
from stack.services.compose.mounts import Directory
from stack.services.compose.nodes import InvalidNode, ScalarNode, SequenceNode
from stack.services.compose.reading import Cursor

Environment = Mapping[str, str | None]

MAX_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class EnvFile:
    """The text of one entry of ``env_file:``."""

    path: Path
    text: str


def read_env_files(cursor: Cursor, directory: Directory) -> tuple[EnvFile, ...]:
    """Read ``env_file:`` and the files that it names; an entry that repeats an earlier one takes its place.

    Raises:
        InvalidNode: a required file cannot be read.
    """
    entries = cursor.items() if isinstance(cursor.node, SequenceNode) else iter((cursor,))
    files: dict[str, EnvFile | None] = {}
    for entry in entries:
        if isinstance(entry.node, ScalarNode):
            name, is_required = entry.text(), True
        else:
            fields = entry.fields(("path", "required"))
            name = fields.get("path", Cursor.text) or ""
            is_required = fields.get("required", Cursor.boolean) is not False
        path = Path(directory.resolve(name))
        text = _read(path, entry)
        if text is None and is_required:
            raise entry.invalid(f"expected the file {path} to exist")
        files[name] = None if text is None else EnvFile(path, text)
    return tuple(file for file in files.values() if file is not None)


def _read(path: Path, cursor: Cursor) -> str | None:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise cursor.invalid(f"expected to read {path}: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise InvalidNode(Position(path, 1, 1), f"expected at most {MAX_BYTES >> 20} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidNode(Position(path, 1, 1), "expected text in UTF-8") from None


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
        return parse(file.text, lookup, known).values
    except EnvSyntaxError as error:
        raise InvalidNode(Position(file.path, error.line, 1), error.message) from None
