"""Changes to `.env`: planned from what the file says, shown as a diff, then written as planned or not at all."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from stack.background import in_thread
from stack.environment.compose_grammar import EnvSyntaxError
from stack.environment.diff import LineChange, line_changes
from stack.environment.files import changed_outside, create_env, describe, exclusive, read_env, replace_env
from stack.environment.model import validate
from stack.environment.rearrange import InseparableError, without
from stack.environment.rewrite import NAME, UnwritableError, with_value
from stack.environment.secrecy import is_secret
from stack.environment.template import missing_file
from stack.findings import Code, Failure, Finding, Fix, Progress
from stack.project import Project


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of the file `path` from the text `was`, None where there is no file yet, to `text`."""

    path: Path
    was: str | None = field(repr=False)
    text: str = field(repr=False)

    @property
    def changes(self) -> tuple[LineChange, ...]:
        """What it does to each line, with secrets hidden."""
        return line_changes(self.was or "", self.text)


def plan_value(project: Project, name: str, value: str) -> Edit:
    """Return the edit that sets `name` to `value`, spelled so that Compose and Python read the same.

    Every other byte stays. Where there is neither a file nor a template to make one from, the file is made.

    Raises:
        Failure: `name` is no variable's name, `value` is none for this setting or cannot be written so that both
            grammars read it, the file is missing or cannot be read, by us or by Compose.
    """
    _require_usable(name, value)
    was = read_env(project.env_file)
    if was is None and project.template is not None:
        raise Failure(missing_file(project))
    return Edit(project.env_file, was, _rewritten(project, was or "", name, value))


def plan_removal(project: Project, name: str) -> Edit:
    """Return the edit that takes away every line that sets `name`.

    Raises:
        Failure: the file cannot be read, or those lines cannot be told from the others.
    """
    return _plan(project, lambda text: without(text, name))


def carry_out(edit: Edit) -> None:
    """Write what `edit` says; the file's mode and owner stay, and so does a symbolic link.

    Raises:
        Failure: the file is not what it was when `edit` was planned, and is left alone; or it cannot be written.
    """
    with exclusive(edit.path):
        _write(edit)


def set_value(project: Project, name: str, value: str) -> Edit:
    """Write ``name=value`` to the project's `.env` now, and return what was done.

    Raises:
        Failure: as `plan_value` and `carry_out` do.
    """
    return _change(project, lambda: plan_value(project, name, value))


def set_fix(project: Project, name: str, value: str, title: str) -> Fix:
    """Return the fix that writes ``name=value``; its command is shown only where the value is no secret."""

    async def apply(progress: Progress) -> None:
        await in_thread(lambda: set_value(project, name, value))
        progress(f"wrote {name} to {project.env_file.name}")

    command = None if is_secret(name, value) else f"stackdeck env set {shlex.quote(f'{name}={value}')}"
    return Fix(title, command=command, apply=apply)


def text_fix(project: Project, code: Code, title: str, rewrite: Callable[[str], str]) -> Fix:
    """Return the fix of a finding of `code` that gives `.env` the text that `rewrite` makes of it."""

    async def apply(progress: Progress) -> None:
        await in_thread(lambda: _change(project, lambda: _plan(project, rewrite)))
        progress(f"wrote {project.env_file.name}")

    return Fix(title, command=f"stackdeck doctor --fix {code.value}", apply=apply)


def _plan(project: Project, rewrite: Callable[[str], str]) -> Edit:
    was = read_env(project.env_file)
    if was is None:
        raise Failure(missing_file(project))
    try:
        return Edit(project.env_file, was, rewrite(was))
    except InseparableError as error:
        raise Failure(
            Finding(
                Code.ENV_GRAMMARS_DIFFER,
                f"{project.env_file.name} cannot be changed there",
                f"{describe(project, project.env_file)}: {error}; nothing was changed",
                fixes=(Fix("Change the lines by hand, beginning with their quotes", command="stackdeck env check"),),
            )
        ) from None


def _change(project: Project, plan: Callable[[], Edit]) -> Edit:
    with exclusive(project.env_file):
        edit = plan()
        _write(edit)
    return edit


def _write(edit: Edit) -> None:
    if edit.was is None:
        try:
            create_env(edit.path, edit.text)
        except FileExistsError:
            raise changed_outside(edit.path) from None
    elif edit.text != edit.was:
        replace_env(edit.path, edit.text, edit.was.encode())


def _require_usable(name: str, value: str) -> None:
    if not NAME.fullmatch(name):
        raise _refused("This is no variable's name", "expected letters, digits and _, not beginning with a digit")
    if "\0" in value:
        raise _refused(f"{name} cannot be that", "expected a text without the NUL character")
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
