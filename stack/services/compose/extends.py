"""``extends:`` written out: a service that builds on another one, of its own file or of another."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from stack.services.compose.merge import merge
from stack.services.compose.model import Position
from stack.services.compose.mounts import Directory
from stack.services.compose.nodes import Entry, InvalidNode, MappingNode, Node, ScalarNode, children, describe
from stack.services.compose.yaml import MAX_NODES, read_documents

MAX_STEPS: Final = 50
"""Services that build on one another."""

MAX_FILES: Final = 50
"""Other files that services build on."""

Services = Mapping[str, Entry]


@dataclass(slots=True)
class Extender:
    """Writes out the services of a project's files.

    `interpolate` is for the other files that services build on. Those files' paths begin in their own directories, and
    `directory` learns that. `files` are the project's own, whose paths begin in the project's directory.
    """

    interpolate: Callable[[Node], Node]
    directory: Directory
    files: tuple[Path, ...]
    _known: dict[Path, Services] = field(default_factory=dict)
    _nodes: int = 0

    def document(self, node: Node) -> Node:
        """Return `node`, the root of a file, with its services written out.

        Raises:
            InvalidNode: a service builds on one that is not there, on itself, or on too much.
        """
        services = _services(node)
        if not isinstance(node, MappingNode) or not any(map(_reference, services.values())):
            return node
        section = node.entries["services"]
        written = {name: replace(entry, node=self._written(name, services, ())) for name, entry in services.items()}
        whole = replace(section, node=MappingNode(section.node.position, written))
        return replace(node, entries={**node.entries, "services": whole})

    def _written(self, name: str, services: Services, steps: tuple[Position, ...]) -> Node:
        service = services[name].node
        reference = _reference(services[name])
        if reference is None or not isinstance(service, MappingNode):
            return service
        if reference.position in steps:
            raise InvalidNode(reference.position, f"services.{name}.extends: expected no service to build on itself")
        if len(steps) == MAX_STEPS:
            raise InvalidNode(reference.position, f"expected at most {MAX_STEPS} services that build on one another")
        base_name, file = self._base(name, reference)
        if file in self.files and file.parent != self.directory.path:
            return service  # one file in two roles, whose paths would begin in two places: Compose may sort that out
        source = services if file is None else self._services_of(file, reference.position)
        if base_name not in source:
            where = reference.position.file.name if file is None else str(file)
            raise InvalidNode(
                reference.position, f"services.{name}.extends: expected {base_name} to be a service in {where}"
            )
        base = self._written(base_name, source, (*steps, reference.position))
        own = {key: entry for key, entry in service.entries.items() if key != "extends"}
        merged = merge(base, replace(service, entries=own), ("services", name))
        self._count(merged, reference.position)
        return merged

    def _base(self, name: str, reference: Node) -> tuple[str, Path | None]:
        """Return which service `reference` names, and the file that it is in where that is another one."""
        match reference:
            case ScalarNode(value=str(text)):
                return text, None
            case MappingNode(entries=entries):
                service = _text(entries.get("service"))
                file = _text(entries.get("file"))
                if service is not None and (file is not None or "file" not in entries):
                    return service, None if file is None else self._file(file, reference.position.file)
        expected = "expected a service's name, or a mapping with service and file"
        raise InvalidNode(reference.position, f"services.{name}.extends: {expected}, got {describe(reference)}")

    def _file(self, name: str, written_in: Path) -> Path:
        return Path(self.directory.resolve(name, written_in))

    def _services_of(self, file: Path, reference: Position) -> Services:
        if file not in self._known:
            if len(self._known) == MAX_FILES:
                raise InvalidNode(reference, f"expected services to build on at most {MAX_FILES} other files")
            if not os.path.lexists(file):
                raise InvalidNode(reference, f"expected the file {file} to exist")
            merged: Node = MappingNode(Position(file, 1, 1), {})
            for document in read_documents(file):
                merged = merge(merged, self.interpolate(document))
            self._known[file] = _services(merged)
            self.directory.elsewhere[file] = file.parent
        return self._known[file]

    def _count(self, node: Node, reference: Position) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise InvalidNode(reference, f"expected at most {MAX_NODES} values, with every service written out")
        for child in children(node):
            self._count(child, reference)


def _services(node: Node) -> Services:
    section = node.entries.get("services") if isinstance(node, MappingNode) else None
    return section.node.entries if section is not None and isinstance(section.node, MappingNode) else {}


def _reference(service: Entry) -> Node | None:
    found = service.node.entries.get("extends") if isinstance(service.node, MappingNode) else None
    return None if found is None else found.node


def _text(entry: Entry | None) -> str | None:
    return (
        entry.node.value if entry and isinstance(entry.node, ScalarNode) and isinstance(entry.node.value, str) else None
    )
