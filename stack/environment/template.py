"""`env init`: a project's `.env` out of its template, with passwords of its own and ports that are free."""

import secrets
import socket
import string
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.background import in_thread
from stack.environment import python_grammar
from stack.environment.compose_grammar import EnvSyntaxError
from stack.environment.files import create_env, describe, read_env
from stack.environment.rewrite import UnwritableError, with_value
from stack.environment.secrecy import is_own_secret, is_placeholder
from stack.findings import Code, Failure, Finding, Fix, Progress
from stack.project import TEMPLATE_NAMES, Project

PUBLISHED_PORTS: Final = ("APP_DB_PORT", "PGADMIN_PORT")
"""The variables whose port this machine must have free."""

# Passwords that nothing works without: generated even where a template leaves them empty.
_NEEDED: Final = ("APP_DB_PASSWORD", "POSTGRES_PASSWORD")

# Letters and digits mean themselves in both grammars, in a URL, in a shell and in YAML.
_ALPHABET: Final = string.ascii_letters + string.digits
_LENGTH: Final = 32


@dataclass(frozen=True, slots=True)
class PortChoice:
    """A port that is not the template's, because that one was taken."""

    name: str
    taken: int
    chosen: int


@dataclass(frozen=True, slots=True)
class Filled:
    """A template's text made one project's own: which passwords were generated, which ports were chosen."""

    text: str
    generated: tuple[str, ...]
    ports: tuple[PortChoice, ...]


@dataclass(frozen=True, slots=True)
class InitResult:
    """What `init_env` made."""

    path: Path
    generated: tuple[str, ...]
    ports: tuple[PortChoice, ...]


def generate_password() -> str:
    """Return a new password of 190 random bits, which needs no quoting anywhere."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def is_port_free(port: int) -> bool:
    """Return whether a server could listen on this port of the loopback interface now."""
    with socket.socket() as probe:
        # As Postgres does: a port whose last connections are only waiting to be forgotten is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def next_free_port(port: int) -> int | None:
    """Return the first free port of the loopback interface above `port`, if there is one."""
    return _next_free(port, frozenset(), is_port_free)


def fill(text: str, *, password: Callable[[], str], is_free: Callable[[int], bool]) -> Filled:
    """Return the template `text` with generated passwords in place of placeholders, and free ports.

    A URL that repeats a placeholder gets the same password. Comments and order stay.

    Raises:
        EnvSyntaxError: Compose cannot read the template.
        UnwritableError: a line of the template leaves no room for a value.
    """
    template = {
        name: entry.value or "" for name, entry in python_grammar.parse(text, lambda _name: None).effective.items()
    }
    generated = {name: password() for name, value in template.items() if _wants_password(name, value, template)}
    ports = _choose_ports(template, is_free)
    changes = generated | _urls(template, generated) | {choice.name: str(choice.chosen) for choice in ports}
    for name, value in changes.items():
        text = with_value(text, name, value)
    return Filled(text, tuple(generated), ports)


def init_env(project: Project) -> InitResult:
    """Make the project's `.env` from its template, readable by its owner alone.

    Raises:
        Failure: there is a `.env` already, or no template, or one that cannot be read, or the file cannot be written.
    """
    template = project.template
    if project.env_file.is_symlink() or project.env_file.exists():
        raise _exists(project)
    text = read_env(template) if template is not None else None
    if template is None or text is None:
        raise Failure(
            Finding(
                Code.ENV_TEMPLATE_MISSING,
                "There is no template to make .env from",
                f"none of {', '.join(TEMPLATE_NAMES)} is in {project.root}",
                fixes=(Fix("Write .env by hand, with one NAME=value a line"),),
            )
        )
    try:
        filled = fill(text, password=generate_password, is_free=is_port_free)
    except (EnvSyntaxError, UnwritableError) as error:
        raise Failure(
            Finding(
                Code.ENV_SYNTAX,
                f"{template.name} cannot be read",
                f"{describe(project, template)}: {error}",
                fixes=(Fix(f"Correct {template.name}"),),
            )
        ) from None
    try:
        create_env(project.env_file, filled.text)
    except FileExistsError:
        raise _exists(project) from None
    return InitResult(project.env_file, filled.generated, filled.ports)


def missing_file(project: Project) -> Finding:
    """Return the finding that there is no `.env`, with the fix that makes one where there is a template."""
    return Finding(
        Code.ENV_MISSING,
        f"There is no {project.env_file.name}",
        f"{project.env_file} does not exist; the settings and passwords of this project belong there",
        fixes=(init_fix(project) or Fix(f"Write {project.env_file} with one NAME=value a line"),),
    )


def init_fix(project: Project) -> Fix | None:
    """Return the fix that makes `.env` from the project's template, where it has one."""
    template = project.template
    if template is None:
        return None

    async def apply(progress: Progress) -> None:
        result = await in_thread(lambda: init_env(project))
        progress(f"wrote {result.path.name}, with {len(result.generated)} generated passwords")
        for choice in result.ports:
            progress(f"{choice.name} is {choice.chosen}, since port {choice.taken} is taken")

    return Fix(f"Make it from {template.name}, with generated passwords", command="stackdeck env init", apply=apply)


def _wants_password(name: str, value: str, template: dict[str, str]) -> bool:
    if value:
        return is_own_secret(name) and is_placeholder(value)
    return name in _NEEDED and not template.get(f"{name}_FILE")


def _urls(template: dict[str, str], generated: dict[str, str]) -> dict[str, str]:
    urls: dict[str, str] = {}
    # The database's password comes first where pgAdmin's has the same placeholder.
    for name in sorted(generated, key=lambda name: name.startswith("PGADMIN")):
        placeholder = f":{template[name]}@"
        for url, value in template.items():
            if url not in urls and "://" in value and template[name] and placeholder in value:
                urls[url] = value.replace(placeholder, f":{generated[name]}@")
    return urls


def _choose_ports(template: dict[str, str], is_free: Callable[[int], bool]) -> tuple[PortChoice, ...]:
    wanted = {name: int(template[name]) for name in PUBLISHED_PORTS if template.get(name, "").isdecimal()}
    used = set(wanted.values())
    choices: list[PortChoice] = []
    for name, port in wanted.items():
        if not 1 <= port <= 65535 or is_free(port):
            continue
        chosen = _next_free(port, used, is_free)
        if chosen is not None:
            used.add(chosen)
            choices.append(PortChoice(name, port, chosen))
    return tuple(choices)


def _next_free(port: int, used: AbstractSet[int], is_free: Callable[[int], bool]) -> int | None:
    return next((other for other in range(port + 1, 65536) if other not in used and is_free(other)), None)


def _exists(project: Project) -> Failure:
    path = project.env_file
    return Failure(
        Finding(
            Code.ENV_EXISTS,
            f"There is a {path.name} already",
            f"{path} is there, and it is never overwritten: it may hold the only copy of a password",
            fixes=(Fix("See what it holds and what is wrong with it", command="stackdeck env check"),),
        )
    )
