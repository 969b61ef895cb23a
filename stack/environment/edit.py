"""`env set`, and the fixes that write to `.env`: one variable changed where it stands."""

import shlex

from stack.background import in_thread
from stack.environment.compose_grammar import EnvSyntaxError
from stack.environment.files import create_env, describe, exclusive, read_env, replace_env
from stack.environment.model import validate
from stack.environment.rewrite import NAME, UnwritableError, with_value
from stack.environment.secrecy import is_secret
from stack.environment.template import missing_file
from stack.findings import Code, Failure, Finding, Fix, Progress
from stack.project import Project


def set_value(project: Project, name: str, value: str) -> None:
    """Write ``name=value`` to the project's `.env` so that Compose and Python read the same, or change nothing.

    Every other byte stays, and so do the file's mode and a symbolic link. Where there is neither a file nor a template
    to make one from, the file is made.

    Raises:
        Failure: `name` is no variable's name, `value` is none for this setting or cannot be written so that both
            grammars read it, the file is missing, Compose cannot read it as it is, or it cannot be written.
    """
    _require_usable(name, value)
    path = project.env_file
    with exclusive(path):
        while True:
            was = read_env(path)
            if was is None and project.template is not None:
                raise Failure(missing_file(project))
            text = _rewritten(project, was or "", name, value)
            if was is None:
                try:
                    return create_env(path, text)
                except FileExistsError:
                    continue  # somebody made it meanwhile: change theirs
            if text == was or replace_env(path, text, was):
                return None


def set_fix(project: Project, name: str, value: str, title: str) -> Fix:
    """Return the fix that writes ``name=value``; its command is shown only where the value is no secret."""

    async def apply(progress: Progress) -> None:
        await in_thread(lambda: set_value(project, name, value))
        progress(f"wrote {name} to {project.env_file.name}")

    command = None if is_secret(name, value) else f"stackdeck env set {shlex.quote(f'{name}={value}')}"
    return Fix(title, command=command, apply=apply)


def _require_usable(name: str, value: str) -> None:
    if not NAME.fullmatch(name):
        raise _refused("This is no variable's name", "expected letters, digits and _, not beginning with a digit")
    outcome = validate({name: value})
    if isinstance(outcome, tuple):
        raise _refused(f"{name} cannot be that", f"expected {outcome[0].expected}")


def _rewritten(project: Project, text: str, name: str, value: str) -> str:
    try:
        return with_value(text, name, value)
    except UnwritableError as error:
        raise _refused(f"{name} cannot be that", f"{error}; choose one without $, backslashes and quotes") from None
    except EnvSyntaxError as error:
        raise Failure(
            Finding(
                Code.ENV_SYNTAX,
                f"{project.env_file.name} has a line that Compose cannot read",
                f"{describe(project, project.env_file)}, line {error.line}: {error.message}",
                fixes=(Fix(f"Correct line {error.line} first; nothing was changed"),),
            )
        ) from None


def _refused(title: str, cause: str) -> Failure:
    return Failure(Finding(Code.SETTING_INVALID, title, cause, fixes=(Fix("Choose another value"),)))
