"""The settings of a project: its `.env` and the shell's variables, valid or refused with the place of each fault."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stack.environment.assignments import Assignment, Fault, Source, assign, place
from stack.environment.edit import set_fix
from stack.environment.files import describe, read_env
from stack.environment.model import SETTINGS, Rejected, Settings, validate
from stack.environment.python_grammar import PythonEnv, parse, statements
from stack.environment.template import generate_password, init_fix, missing_file
from stack.findings import Code, Failure, Finding, Fix
from stack.project import Options, Project, open_project

__all__ = ["Settings", "application_settings", "load_settings"]

_PASSWORD: Final = "APP_DB_PASSWORD"  # noqa: S105 - the name of a variable
_PASSWORD_FILE: Final = "APP_DB_PASSWORD_FILE"  # noqa: S105 - the name of a variable
_FIRST_NAME: Final = re.compile(r"\s*(?:export\s+)?['\"]?([A-Za-z_][A-Za-z0-9_]*)")


def application_settings() -> Settings:
    """Return the settings of the project in the working directory, as an application of this stack sees them.

    Raises:
        Failure: as `load_settings` does.
    """
    return load_settings(open_project(Options(Path.cwd())), os.environ)


def load_settings(project: Project, environ: Mapping[str, str]) -> Settings:
    """Return the settings that the project's `.env` and `environ`, which wins, amount to.

    The file is read in Python's grammar, as an application reads it. Nothing else is read, `os.environ` included.

    Raises:
        Failure: the file cannot be read, or was asked for and is missing; a line that names a setting is none that
            Python reads; values that cannot be used. One finding each, with the variable, the place and what was
            expected, and never the value. A missing password is raised where `Settings.database` is asked for.
    """
    text = read_env(project.env_file)
    if text is None and project.env_file_given:
        raise Failure(missing_file(project))
    outcome = settings_of(project, text, environ)
    if isinstance(outcome, Settings):
        return outcome
    raise Failure(*(fault.finding for fault in outcome))


def settings_of(project: Project, text: str | None, environ: Mapping[str, str]) -> Settings | tuple[Fault, ...]:
    """Return the settings that a `.env` of this `text`, None where there is none, amounts to, or what is wrong."""
    env = parse(text or "", environ.get)
    found = {name: found for name in SETTINGS if (found := assign(env, environ, name)) is not None and found.value}
    values = {name: assignment.value for name, assignment in found.items()}
    faults = _dropped(project, text or "")
    if (reference := found.get(_PASSWORD_FILE)) is not None:
        outcome = _read_password(project, reference)
        if isinstance(outcome, Fault):
            faults.append(outcome)
        elif _PASSWORD in found:
            faults.append(_both_passwords(project, found[_PASSWORD], reference))
        else:
            values[_PASSWORD] = outcome
    settings = validate(values)
    if not isinstance(settings, Settings):
        return (*faults, *(_rejected(project, found[rejected.name], rejected) for rejected in settings))
    if faults:
        return tuple(faults)
    return settings.with_password_missing(_password_missing(project, env, exists=text is not None))


def _rejected(project: Project, assignment: Assignment, rejected: Rejected) -> Fault:
    name, default = rejected.name, SETTINGS[rejected.name].default
    by_hand = Fix(f"Correct {name} in {place(project, assignment)}")
    use_default = (
        (set_fix(project, name, default, f"Set {name} to its default, {default}"),)
        if assignment.source is Source.FILE and default is not None
        else ()
    )
    cause = f"{place(project, assignment)}: expected {rejected.expected}"
    return Fault((name,), Finding(Code.SETTING_INVALID, f"{name} cannot be used", cause, fixes=(*use_default, by_hand)))


def _dropped(project: Project, text: str) -> list[Fault]:
    # A line that python-dotenv cannot read is as if it were not there. That is our business where it is a setting.
    faults: list[Fault] = []
    for statement in statements(text):
        found = _FIRST_NAME.match(statement.text)
        if statement.readable or not found or found[1] not in SETTINGS:
            continue
        finding = Finding(
            Code.ENV_SYNTAX,
            f"{found[1]} is on a line that Python cannot read",
            f"{describe(project, project.env_file)}, line {statement.line}: expected NAME=value, "
            "with nothing behind the closing quote where the value has quotes",
            fixes=(Fix(f"Correct line {statement.line}"),),
        )
        faults.append(Fault((found[1],), finding))
    return faults


def _read_password(project: Project, reference: Assignment) -> str | Fault:
    path = project.root / Path(reference.value).expanduser()
    try:
        # As the Postgres image does with POSTGRES_PASSWORD_FILE: the file without the line end that editors add.
        return path.read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
    finding = Finding(
        Code.SETTING_INVALID,
        f"The file that {_PASSWORD_FILE} names cannot be read",
        f"{place(project, reference)}: expected a file with the password; {reason}",
        fixes=(Fix(f"Correct {_PASSWORD_FILE}, or set {_PASSWORD} instead of it"),),
    )
    return Fault((_PASSWORD_FILE,), finding)


def _both_passwords(project: Project, password: Assignment, reference: Assignment) -> Fault:
    finding = Finding(
        Code.SETTING_INVALID,
        f"{_PASSWORD} and {_PASSWORD_FILE} are both set",
        f"{place(project, password)}, and {place(project, reference)}: expected one of them",
        fixes=(Fix(f"Remove {_PASSWORD} or {_PASSWORD_FILE}"),),
    )
    return Fault((_PASSWORD, _PASSWORD_FILE), finding)


def _password_missing(project: Project, env: PythonEnv, *, exists: bool) -> Finding:
    name = describe(project, project.env_file)
    if not exists:
        cause = f"there is no {name}, and the shell sets no {_PASSWORD} either"
        fixes: tuple[Fix, ...] = (init_fix(project) or Fix(f"Set {_PASSWORD} or APP_DB_URL in the shell or in {name}"),)
    else:
        entry = env.effective.get(_PASSWORD)
        where = f"{name}, line {entry.line}: {_PASSWORD} is empty" if entry else f"{name} has no {_PASSWORD}"
        cause = f"{where}, and there is neither {_PASSWORD_FILE} nor APP_DB_URL"
        fixes = (
            set_fix(project, _PASSWORD, generate_password(), f"Write a generated password to {name}"),
            Fix(f"Set {_PASSWORD} to the database's password", command=f"stackdeck env set {_PASSWORD}"),
        )
    return Finding(Code.SETTING_MISSING, f"{_PASSWORD} is not set", f"{cause}; a password has no default", fixes=fixes)
