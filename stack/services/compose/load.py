"""A project's Compose files into the model: parse, interpolate, merge, bring into canonical form."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from stack.environment.interpolation import InterpolationError, interpolate
from stack.findings import Code, Failure, Finding, Fix, Severity
from stack.project import Project
from stack.services.compose.assemble import Surroundings, assemble, check
from stack.services.compose.extends import Extender
from stack.services.compose.files import WrittenName, find_files, project_name
from stack.services.compose.interpolate import Interpolator
from stack.services.compose.merge import merge, without_resets
from stack.services.compose.model import ComposeProject, Position, UnsupportedKey
from stack.services.compose.mounts import Directory
from stack.services.compose.nodes import InvalidNode, MappingNode, MissingVariable, Node, ScalarNode, describe
from stack.services.compose.orphans import Orphans, orphans_of
from stack.services.compose.uses import uses
from stack.services.compose.variables import Variables, active_profiles, read_variables, with_variables_beside
from stack.services.compose.yaml import read_documents

# A message names keys, which may be of any length.
_MAX_MESSAGE: Final = 400


def load_compose(project: Project, environ: Mapping[str, str]) -> ComposeProject:
    """Read the Compose files of `project` as Compose would in a shell with the variables `environ`.

    Raises:
        Failure: there is no Compose file, or it, `.env` or an ``env_file`` cannot be used.
    """
    variables = read_variables(project, environ)
    files = find_files(project, variables)
    variables = with_variables_beside(variables, project, files[0].parent)
    try:
        return _load(files, variables)
    except InvalidNode as error:
        raise _invalid(error) from None


def _load(files: tuple[Path, ...], variables: Variables) -> ComposeProject:
    directory = files[0].parent
    documents = [document for file in files for document in _documents(file)]
    name = project_name(_written_name(documents, variables), directory, variables)
    # Compose sets the name that it found as a variable, for the files to use.
    known = Variables({**variables.shell, "COMPOSE_PROJECT_NAME": name}, variables.env_file)
    interpolator = Interpolator(known.lookup)
    home = known.lookup("HOME") or str(Path.home())
    surroundings = Surroundings(name, files, Directory(directory, home), known.lookup, active_profiles(known))
    extender = Extender(interpolator.tree, surroundings.directory, files)
    merged = extender.document(interpolator.tree(documents[0]))
    for document in documents[1:]:
        check(without_resets(merged), surroundings)
        merged = merge(merged, extender.document(interpolator.tree(document)))
    compose, ignored = assemble(without_resets(merged), surroundings)
    findings = (*_unset(interpolator.unset), *_ignored(ignored))
    services = compose.services.keys() | compose.disabled.keys()
    return replace(
        compose,
        env_files=variables.given,
        uses=uses(interpolator.texts, services, known.lookup),
        findings=findings,
        # What else belongs to the project is not known where a file is included.
        orphans=Orphans.IGNORE
        if any(key.key == "include" for key in ignored)
        else orphans_of(variables.shell, variables.env_file),
    )


def _documents(file: Path) -> Iterator[Node]:
    documents = read_documents(file)
    if not documents:
        raise InvalidNode(Position(file, 1, 1), "expected a mapping with services, the file is empty")
    for document in documents:
        if not isinstance(document, MappingNode):
            raise InvalidNode(document.position, f"expected a mapping with services, got {describe(document)}")
        yield document


def _written_name(documents: Iterable[Node], variables: Variables) -> WrittenName | None:
    """Return the last ``name:`` of the files, interpolated."""
    written = None
    for document in documents:
        if isinstance(document, MappingNode) and "name" in document.entries:
            node = document.entries["name"].node
            if not (isinstance(node, ScalarNode) and isinstance(node.value, str)):
                raise InvalidNode(node.position, f"name: expected a text, got {describe(node)}")
            try:
                written = WrittenName(interpolate(node.value, variables.lookup).text, node.position)
            except InterpolationError as error:
                raise InvalidNode(node.position, f"name: {error}") from None
    return written


def _invalid(error: InvalidNode) -> Failure:
    position = error.position
    message = error.message if len(error.message) <= _MAX_MESSAGE else f"{error.message[:_MAX_MESSAGE]}…"
    return Failure(
        Finding(
            Code.COMPOSE_FILE_INVALID,
            f"{position.file.name}, line {position.line}: {message}",
            f"{position.file}, line {position.line}, column {position.column}",
            fixes=(_way_out(error),),
        )
    )


def _way_out(error: InvalidNode) -> Fix:
    if isinstance(error, MissingVariable):
        # Nothing is wrong with the file.
        return Fix(f"Set {error.name} in .env", f"stackdeck env set {error.name}")
    return Fix(f"Correct line {error.position.line} of {error.position.file.name}")


def _unset(variables: Mapping[str, Position]) -> Iterator[Finding]:
    for name, position in variables.items():
        yield Finding(
            Code.ENV_VARIABLE_MISSING,
            f"The variable {name} is not set; a blank text takes its place",
            f"{position.file.name}, line {position.line}, uses it without a default",
            Severity.WARNING,
            fixes=(Fix(f"Set {name} in .env", f"stackdeck env set {name}=VALUE"),),
        )


def _ignored(keys: Iterable[UnsupportedKey]) -> Iterator[Finding]:
    for key in keys:
        yield Finding(
            Code.COMPOSE_KEY_UNSUPPORTED,
            f"{key.key} is ignored",
            f"{_where(key)}: Stackdeck does not know this key, and what it brings in is not shown",
            Severity.WARNING,
            fixes=(Fix("Start what it brings in with Compose", "docker compose up -d"),),
        )


def _where(key: UnsupportedKey) -> str:
    return f"{key.position.file.name}, line {key.position.line}"
