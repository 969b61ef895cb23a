"""Where a project keeps its migrations: ``alembic.ini`` or ``[tool.alembic]``, read without running any of its code."""

import ast
import sys
import threading
import warnings
from collections.abc import Iterator
from configparser import Error as InvalidIniError
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import TYPE_CHECKING, Final

from stack.findings import Code, Failure, Finding, Fix, Severity
from stack.project import Project

if TYPE_CHECKING:
    from alembic.config import Config

_WARNINGS: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class VersionTable:
    """The table that holds where a database is; Alembic finds it by the search path where no `schema` is said."""

    name: str = "alembic_version"
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class Configuration:
    """A project's Alembic configuration.

    `directory` is what relative paths in it start from, and where its code runs. `scripts` holds ``env.py``;
    `versions` are the directories with revisions, searched in depth where `recursive`. `other_sections` of the file
    configure other histories, which ``alembic --name`` would choose. Where ``env.py`` computes the name of its version
    table, that is not known, and `version_table` is Alembic's usual one.
    """

    ini: Path | None
    toml: Path | None
    directory: Path
    scripts: Path
    versions: tuple[Path, ...]
    recursive: bool
    version_table: VersionTable = VersionTable()
    other_sections: tuple[str, ...] = ()
    computes_version_table: bool = False

    @property
    def files(self) -> tuple[Path | None, Path | None]:
        """The ``alembic.ini`` and the ``pyproject.toml`` that it was read from."""
        return self.ini, self.toml

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What of it is not followed here."""
        unread = self.ini if self.other_sections else None
        return (
            *((_unsupported(unread, self.other_sections, Severity.WARNING),) if unread else ()),
            *((_computed(self.scripts / "env.py"),) if self.computes_version_table else ()),
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Python's warnings, on a project's old settings or odd strings, from the terminal that a screen is drawn on.

    The filters are the whole process's, so that one thread at a time may do this.
    """
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def parse(content: bytes, path: Path) -> ast.Module:
    """Return the syntax tree of `content`, which `path` holds; nothing of it is run.

    Raises:
        SyntaxError: it is not Python; so say ValueError and RecursionError too.
    """
    with quiet():
        return ast.parse(content, filename=str(path))


def locate(project: Project) -> Configuration:
    """Read where the migrations of `project` are.

    Raises:
        Failure: there is no configuration (`Code.MIGRATIONS_MISSING`), it cannot be read or names a directory that is
            not there (`Code.MIGRATIONS_BROKEN`), or it is of several databases (`Code.MIGRATIONS_UNSUPPORTED`).
    """
    if project.alembic is None:
        raise missing()
    # Imported here: it takes as long as all else that applying migrations needs of this process.
    from alembic.config import Config
    from alembic.util import CommandError

    path, directory = project.alembic, project.alembic.parent
    ini, toml = project.alembic_files
    try:
        with quiet():
            config = Config(ini, toml)
            others = _other_sections(config)
            if others and not config.file_config.has_section("alembic"):
                raise Failure(_unsupported(path, others, Severity.ERROR))
            location = config.get_alembic_option("script_location")
            versions = config.get_version_locations_list() or []
            search = config.get_prepend_sys_paths_list() or []
            recursive = config.get_alembic_boolean_option("recursive_version_locations")
            sourceless = config.get_alembic_boolean_option("sourceless")
            databases = config.get_main_option("databases")
    except (InvalidIniError, TOMLDecodeError, CommandError, OSError, ValueError, KeyError, TypeError) as error:
        raise broken(path, None, str(error)) from None
    if databases:
        raise Failure(_several_databases(path, databases))
    if location is None:
        raise broken(path, None, "it has no script_location")
    if sourceless:
        raise broken(path, None, "sourceless is set, and compiled revisions cannot be read here")
    found = _resolve(location, directory, search)
    if not found.is_dir():
        raise broken(path, None, f"script_location names {found}, which is no directory")
    version_table = find_version_table(found / "env.py")
    return Configuration(
        ini=ini,
        toml=toml,
        directory=directory,
        scripts=found,
        versions=tuple(_resolve(each, directory, search) for each in versions) or (found / "versions",),
        recursive=recursive,
        version_table=version_table or VersionTable(),
        other_sections=others,
        computes_version_table=version_table is None,
    )


def broken(path: Path, line: int | None, cause: str, evidence: str | None = None) -> Failure:
    """Return the failure of migrations that cannot be read, because of `path`, at its `line` where one is known."""
    where = f"{path}:{line}" if line else str(path)
    return Failure(
        Finding(
            Code.MIGRATIONS_BROKEN,
            "The migrations cannot be read",
            f"{where}: {cause}",
            evidence=evidence,
            fixes=(Fix(f"Correct {path.name}"),),
        )
    )


def _resolve(location: str, directory: Path, search: list[str]) -> Path:
    """Return the directory that `location` means: a path, or ``package:path`` inside a Python package.

    The package is looked for and not imported.
    """
    package, colon, rest = location.partition(":")
    if not colon or Path(location).is_absolute():
        return directory / location
    places = [*(str(directory / each) for each in search), str(directory), *sys.path]
    for name in package.split("."):
        spec = PathFinder.find_spec(name, places)
        if spec is None or spec.submodule_search_locations is None:
            return directory / location
        places = list(spec.submodule_search_locations)
    return Path(places[0], *rest.split(":"))


def _other_sections(config: "Config") -> tuple[str, ...]:
    """Return the sections, beside ``[alembic]``, that name a directory of migrations."""
    file = config.file_config
    return tuple(name for name in file.sections() if name != "alembic" and "script_location" in file[name])


def find_version_table(environment: Path) -> VersionTable | None:
    """Return what ``env.py`` at `environment` says of where the mark is; None where it computes that. It is not run.

    The process that runs it then sees another mark than we do, and refuses to go on.
    """
    try:
        tree = parse(environment.read_bytes(), environment)
    except (OSError, SyntaxError, ValueError):
        return VersionTable()
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    said: dict[str, str | None] = {}
    for name, value in _options(tree):
        match value:
            case ast.Constant(value=str(text)):
                said[name] = text
            case ast.Constant(value=None):
                pass
            case ast.Name(id=constant) if constant in constants:
                said[name] = constants[constant]
            case _:
                said.setdefault(name, None)
    table = said.get("version_table", VersionTable().name)
    # Without its schema it is still found by its name.
    return None if table is None else VersionTable(table, said.get("version_table_schema"))


def _options(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Yield what is given a name as an option is: to a call, as ``configure``, or in a dictionary for one."""
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg=str(name), value=value):
                yield name, value
            case ast.Dict(keys=keys, values=values):
                pairs = zip(keys, values, strict=True)
                for key, value in pairs:
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        yield key.value, value
            case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value=str(name)))], value=value):
                yield name, value
            case _:
                pass


def _several_databases(path: Path, databases: str) -> Finding:
    return Finding(
        Code.MIGRATIONS_UNSUPPORTED,
        "These migrations are of several databases",
        f"{path}: databases = {databases}. One database is migrated here: each of these has its own mark and its own "
        "address, which only its env.py knows.",
        fixes=(Fix("Use Alembic's own command line for them", "alembic upgrade head"),),
    )


def _unsupported(path: Path, sections: tuple[str, ...], severity: Severity) -> Finding:
    first = sections[0]
    return Finding(
        Code.MIGRATIONS_UNSUPPORTED,
        "Only the section [alembic] is read",
        f"{path} configures other histories too: {', '.join(f'[{name}]' for name in sections)}. They are not "
        "shown, and not applied.",
        severity=severity,
        fixes=(Fix("Use Alembic's own command line for them", f"alembic --name {first} upgrade head"),),
    )


def _computed(environment: Path) -> Finding:
    return Finding(
        Code.MIGRATIONS_UNSUPPORTED,
        "Where the database keeps its revision is not known",
        f"{environment} computes the name of its version_table, and what runs there is not run to look at it: "
        f"the revision is looked for in {VersionTable().name}, and may be in another table.",
        severity=Severity.WARNING,
        fixes=(Fix("Write the name there in so many words, or give it to a constant of env.py"),),
    )


def missing() -> Failure:
    """Return the failure of a project that has no migrations."""
    return Failure(
        Finding(
            Code.MIGRATIONS_MISSING,
            "The project has no migrations",
            "There is neither an alembic.ini nor a [tool.alembic] in pyproject.toml at the project's root.",
            fixes=(
                Fix('Name the file: alembic = "path/to/alembic.ini" under [tool.stackdeck] in pyproject.toml'),
                Fix("Begin with migrations", "alembic init --template async migrations"),
            ),
        )
    )
