"""What can be wrong with a `.env`, each in a function of its own, pure: readings in, faults out."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from typing import Final

from stack.environment.assignments import Fault, place
from stack.environment.compose_grammar import EnvSyntaxError
from stack.environment.differences import reason
from stack.environment.edit import set_fix, text_fix
from stack.environment.files import describe
from stack.environment.model import SETTINGS, Settings
from stack.environment.readings import Readings
from stack.environment.rearrange import renamed, without_earlier
from stack.environment.rewrite import NAME, spell
from stack.environment.secrecy import is_placeholder, is_secret
from stack.environment.template import missing_file
from stack.environment.url import LOOPBACK
from stack.findings import Code, Failure, Finding, Fix, Severity

# Top-level domains that pgAdmin's e-mail check refuses: the special-use names of RFC 6761 and 6762.
_NOT_PUBLIC: Final = {"arpa", "internal", "invalid", "local", "localhost", "onion", "test"}

_PIECES: Final = ("APP_DB_USER", "APP_DB_PASSWORD", "APP_DB_NAME", "APP_DB_HOST", "APP_DB_PORT")

# `APP_DB_PASS` for `APP_DB_PASSWORD` is a likeness of 0.846, `APP_DB_IMAGE` for `APP_DB_NAME` one of 0.78.
_LIKENESS: Final = 0.84


def missing_env(readings: Readings) -> Iterator[Fault]:
    """There is no file, although it was asked for, or the template has what nothing else says."""
    project = readings.project
    if readings.exists:
        return
    unsaid = [name for name in readings.template if name not in readings.environ]
    if project.env_file_given or (unsaid and not _has_database(readings)):
        yield Fault((), missing_file(project))


def unreadable_lines(readings: Readings) -> Iterator[Fault]:
    """Compose refuses the file, or Python drops a line that Compose skips too."""
    file = describe(readings.project, readings.project.env_file)
    read_by_compose: set[int] = set()
    if isinstance(readings.compose, EnvSyntaxError):
        line = readings.compose.line
        read_by_compose.add(line)
        cause = f"{file}, line {line}: {readings.compose.message}; Compose stops there, and starts nothing"
        fixes = (Fix(f"Correct line {line}"),)
        yield Fault((), Finding(Code.ENV_SYNTAX, f"Compose cannot read {file}", cause, fixes=fixes))
    else:
        read_by_compose.update(entry.line for entry in readings.compose.entries)
    for line in readings.python.unreadable:
        if line not in read_by_compose:
            cause = f"{file}, line {line}: expected NAME=value; Python passes over the line without a word"
            fixes = (Fix(f"Correct line {line}"),)
            yield Fault(
                (), Finding(Code.ENV_SYNTAX, f"Python cannot read {file}", cause, Severity.WARNING, fixes=fixes)
            )


def invalid_settings(readings: Readings) -> Iterator[Fault]:
    """A setting has a value that cannot be used, or there is no password."""
    if not isinstance(readings.settings, Settings):
        yield from readings.settings
    elif readings.exists and readings.uses_settings:
        try:
            _ = readings.settings.database
        except Failure as failure:
            yield Fault(("APP_DB_PASSWORD",), failure.finding)


def missing_variables(readings: Readings) -> Iterator[Fault]:
    """The template has a variable that nothing sets and whose default is another value."""
    if not readings.exists:
        return
    project = readings.project
    file = describe(project, project.env_file)
    written = readings.python.effective.keys() | readings.compose_values.keys() | readings.environ.keys()
    for name, value in readings.template.items():
        default = SETTINGS[name].default if name in SETTINGS else None
        if name in written or f"{name}_FILE" in written or not value or value == default:
            continue
        if name in _PIECES and (name == "APP_DB_PASSWORD" or _has_url(readings)):
            continue  # the URL says it, or `invalid_settings` does
        cause = f"{file} does not have it, and the template does"
        if is_secret(name, value) or is_placeholder(value):
            fix = Fix(f"Add {name} to {file}", command=f"stackdeck env set {name}")
        else:
            fix = set_fix(project, name, value, f"Add {name} with the template's value")
        yield Fault(
            (name,), Finding(Code.ENV_VARIABLE_MISSING, f"{name} is not set", cause, Severity.WARNING, fixes=(fix,))
        )


def placeholders(readings: Readings) -> Iterator[Fault]:
    """A value still is what the template has in its place."""
    for name in readings.names:
        assignment = readings.assignment(name)
        if assignment is None or not is_placeholder(assignment.value):
            continue
        cause = f"{place(readings.project, assignment)}: everybody who has seen the template knows this value"
        note = "; a database that is there already keeps its old password until it is altered"
        title = f"Set {name} to a value of your own" + (note if name == "APP_DB_PASSWORD" else "")
        yield Fault(
            (name,),
            Finding(
                Code.ENV_VARIABLE_PLACEHOLDER,
                f"{name} still is a placeholder",
                cause,
                Severity.WARNING,
                fixes=(Fix(title, command=f"stackdeck env set {name}"),),
            ),
        )


def grammars(readings: Readings) -> Iterator[Fault]:
    """Compose and Python read a variable's line differently, and the shell does not hide it."""
    if isinstance(readings.compose, EnvSyntaxError):
        return
    for name in dict.fromkeys((*readings.python.effective, *readings.compose.values)):
        # A bare name takes nothing from the shell in Python, but then the shell's variable is there by itself.
        python, compose = readings.as_python(name), readings.compose.values.get(name)
        if name not in readings.environ and python != compose:
            yield Fault((name,), _differ(readings, name, python, compose))


def misspellings(readings: Readings) -> Iterator[Fault]:
    """A name that nobody knows is like one that is known and not set."""
    known = readings.template.keys() | readings.examples
    if readings.uses_settings:
        known |= SETTINGS.keys()
    file = set(readings.python.effective) | set(readings.compose_values)
    free = {name.casefold(): name for name in sorted(known - file - readings.environ.keys())}
    for name in sorted(file - known):
        for like in get_close_matches(name.casefold(), free, n=1, cutoff=_LIKENESS):
            where = f"{describe(readings.project, readings.project.env_file)}, line {readings.line(name)}"
            yield Fault(
                (name,),
                Finding(
                    Code.ENV_VARIABLE_MISSPELLED,
                    f"{name} looks like {free[like]}, misspelled",
                    f"{where}: nothing here is called {name}, and {free[like]} is not set",
                    Severity.WARNING,
                    fixes=(_rename_fix(readings, name, free[like]),),
                ),
            )


def duplicates(readings: Readings) -> Iterator[Fault]:
    """A name has several lines with different values; the last one counts."""
    lines: dict[str, list[int]] = {}
    values: dict[str, set[str | None]] = {}
    for entry in readings.python.entries:
        lines.setdefault(entry.name, []).append(entry.line)
        values.setdefault(entry.name, set()).add(entry.value)
    for name, found in lines.items():
        if len(values[name]) > 1:
            *earlier, last = found
            others = ", ".join(str(line) for line in earlier)
            yield Fault(
                (name,),
                Finding(
                    Code.ENV_VARIABLE_DUPLICATE,
                    f"{name} is set more than once",
                    f"{describe(readings.project, readings.project.env_file)}: line {last} counts, not line {others}",
                    Severity.WARNING,
                    fixes=(
                        text_fix(
                            readings.project,
                            Code.ENV_VARIABLE_DUPLICATE,
                            f"Remove what does not count: line {others}",
                            partial(without_earlier, name=name),
                        ),
                    ),
                ),
            )


def hidden_by_shell(readings: Readings) -> Iterator[Fault]:
    """The shell sets a variable to something else than the file does."""
    for name, entry in readings.python.effective.items():
        if entry.value is None or readings.environ.get(name, entry.value) == entry.value:
            continue
        where = f"{describe(readings.project, readings.project.env_file)}, line {entry.line}"
        yield Fault(
            (name,),
            Finding(
                Code.ENV_VARIABLE_HIDDEN,
                f"The shell's {name} hides the one in {readings.project.env_file.name}",
                f"{where}: the shell has another value, and the shell wins, for Compose and for the application",
                Severity.WARNING,
                fixes=(Fix("Remove it from the shell, then start again", command=f"unset {name}"),),
            ),
        )


def contradictions(readings: Readings) -> Iterator[Fault]:
    """``APP_DB_URL`` is of this machine, and the pieces, which make the container, say otherwise."""
    settings, url = readings.settings, readings.assignment("APP_DB_URL")
    # A server elsewhere has no container here, and the pieces nothing to say.
    if not isinstance(settings, Settings) or url is None or settings.db_url is None or not settings.db_url.is_local:
        return
    address, password = settings.db_url, settings.db_password
    same = {
        "APP_DB_USER": settings.db_user == address.user,
        "APP_DB_PASSWORD": password == address.password,
        "APP_DB_NAME": settings.db_name == address.database,
        "APP_DB_HOST": settings.db_host in LOOPBACK,
        "APP_DB_PORT": settings.db_port == address.port,
    }
    said = [name for name in _PIECES if (piece := readings.assignment(name)) is not None and piece.value]
    if others := [name for name in said if not same[name]]:
        yield Fault(
            ("APP_DB_URL", *others),
            Finding(
                Code.ENV_URL_CONTRADICTED,
                f"APP_DB_URL says something else than {', '.join(others)}",
                f"{place(readings.project, url)}: the application uses APP_DB_URL, and the container the others",
                Severity.WARNING,
                fixes=(Fix("Remove APP_DB_URL, so that the pieces count, or make them say the same"),),
            ),
        )


def unusable_email(readings: Readings) -> Iterator[Fault]:
    """PgAdmin would refuse the address, and restart for ever."""
    email = readings.assignment("PGADMIN_EMAIL")
    if email is None or not email.value or not isinstance(readings.settings, Settings):
        return
    domain = email.value.rpartition("@")[2].rstrip(".")
    if "." in domain and domain.rpartition(".")[2].lower() not in _NOT_PUBLIC:
        return
    cause = f"{place(readings.project, email)}: expected an address whose domain could be a public one"
    yield Fault(
        ("PGADMIN_EMAIL",),
        Finding(
            Code.SETTING_INVALID,
            "pgAdmin would refuse PGADMIN_EMAIL",
            cause,
            Severity.WARNING,
            fixes=(set_fix(readings.project, "PGADMIN_EMAIL", "admin@example.com", "Set it to admin@example.com"),),
        ),
    )


CHECKS: Final[tuple[Callable[[Readings], Iterator[Fault]], ...]] = (
    missing_env,
    unreadable_lines,
    invalid_settings,
    missing_variables,
    placeholders,
    grammars,
    misspellings,
    duplicates,
    hidden_by_shell,
    contradictions,
    unusable_email,
)


def _rename_fix(readings: Readings, name: str, other: str) -> Fix:
    if not NAME.fullmatch(other):
        return Fix(f"Rename it to {other}, if that is what it is")
    rename = partial(renamed, name=name, other=other)
    return text_fix(readings.project, Code.ENV_VARIABLE_MISSPELLED, f"Rename it to {other}", rename)


def _has_database(readings: Readings) -> bool:
    if not isinstance(readings.settings, Settings):
        return False
    try:
        _ = readings.settings.database
    except Failure:
        return False
    return True


def _has_url(readings: Readings) -> bool:
    return isinstance(readings.settings, Settings) and readings.settings.db_url is not None


def _differ(readings: Readings, name: str, python: str | None, compose: str | None) -> Finding:
    where = f"{describe(readings.project, readings.project.env_file)}, line {readings.line(name)}"
    why = reason(readings.written(name))
    known = (("Python", python), ("Compose", compose))
    spelled = [(who, value, spelling) for who, value in known if value is not None and (spelling := spell(value))]
    if readings.is_secret(name):
        cause = f"{where}: {why}, so the container has another value than the application"
        fixes = [
            replace(
                set_fix(readings.project, name, value, f"Keep what {who} reads, spelled so that both read it"),
                command=None,
            )
            for who, value, _ in spelled
        ]
    else:
        cause = f"{where}: Compose reads {_quoted(compose)}, Python reads {_quoted(python)}; {why}"
        fixes = [
            set_fix(
                readings.project, name, value, f"Keep what {who} reads, as {name}={spelling}, which both read alike"
            )
            for who, value, spelling in spelled
        ]
    return Finding(
        Code.ENV_GRAMMARS_DIFFER,
        f"Compose and Python read {name} differently",
        cause,
        Severity.WARNING,
        fixes=tuple(fixes) or (Fix(f"Choose a value for {name} without $ and backslashes"),),
    )


def _quoted(value: str | None) -> str:
    return "nothing" if value is None else repr(value)
