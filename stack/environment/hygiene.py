"""What can be wrong with a `.env` as a file, whatever its variables say: who can read it, git, how it is written."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stack.background import in_thread
from stack.environment.edit import text_fix
from stack.environment.files import BOM, PRIVATE, create_env, describe, exclusive, read_env, replace_env, writing
from stack.environment.git import Tracking, stop_tracking, tracking
from stack.environment.rearrange import with_unix_line_ends, without_mark
from stack.findings import Code, Finding, Fix, Progress, Severity
from stack.project import Project


@dataclass(frozen=True, slots=True)
class FileState:
    """A `.env` as a file; `mode` are its permission bits, `holder` the file itself where `.env` is a link to it."""

    holder: Path
    mode: int
    tracking: Tracking


def look(path: Path) -> FileState | None:
    """Look at the file `path`; None where there is none."""
    try:
        holder = path.resolve(strict=True)
        mode = stat.S_IMODE(holder.stat().st_mode)
    except OSError:
        return None
    return FileState(holder, mode, tracking(holder))


def judge(project: Project, text: str, state: FileState) -> Iterator[Finding]:
    """Say what is wrong with a `.env` of this `text` and `state`. Pure."""
    yield from _readable_by_others(project, state)
    yield from _in_git(project, state)
    yield from _written_elsewhere(project, text)


def _readable_by_others(project: Project, state: FileState) -> Iterator[Finding]:
    others = state.mode & (stat.S_IROTH | stat.S_IWOTH)
    if not others:
        return
    name = describe(project, project.env_file)

    async def apply(progress: Progress) -> None:
        await in_thread(lambda: _close(project.env_file))
        progress(f"{name} is readable by its owner alone")

    may = "change" if others & stat.S_IWOTH else "read"
    yield Finding(
        Code.ENV_READABLE_BY_OTHERS,
        f"Everybody on this machine may {may} {name}",
        f"{name} has the mode {state.mode:04o}, and it holds passwords",
        Severity.WARNING,
        fixes=(Fix("Let its owner alone read it", command=f"chmod 600 {name}", apply=apply),),
    )


def _in_git(project: Project, state: FileState) -> Iterator[Finding]:
    name = describe(project, project.env_file)
    match state.tracking:
        case Tracking.TRACKED:

            async def untrack(progress: Progress) -> None:
                await in_thread(lambda: _untrack(state.holder))
                progress(f"git lets go of {name} with the next commit, and ignores it")

            yield Finding(
                Code.ENV_TRACKED,
                f"git tracks {name}",
                f"{name} is in git's index: whoever gets this repository gets the passwords in it, and those of every "
                "commit so far",
                Severity.WARNING,
                fixes=(
                    Fix(
                        "Take it out of the index and ignore it; the file stays",
                        command=f"git rm --cached {name}",
                        apply=untrack,
                    ),
                    Fix("Set new passwords if anybody else has the repository: earlier commits keep the old ones"),
                ),
            )
        case Tracking.UNTRACKED:

            async def ignore(progress: Progress) -> None:
                await in_thread(lambda: _ignore(state.holder))
                progress(f"{name} is ignored by git")

            yield Finding(
                Code.ENV_NOT_IGNORED,
                f"git does not ignore {name}",
                f"no line of .gitignore names {name}, so the next `git add .` puts its passwords under version control",
                Severity.WARNING,
                fixes=(Fix(f"Add {state.holder.name} to .gitignore", apply=ignore),),
            )


def _written_elsewhere(project: Project, text: str) -> Iterator[Finding]:
    name = describe(project, project.env_file)
    if text.startswith(BOM):
        yield Finding(
            Code.ENV_BYTE_ORDER_MARK,
            f"{name} begins with a byte-order mark",
            f"{name}, line 1: an invisible character before the first name; Compose passes over it, while a shell and "
            "older readers of Python take it for part of the name",
            Severity.WARNING,
            fixes=(text_fix(project, Code.ENV_BYTE_ORDER_MARK, "Remove it", without_mark),),
        )
    if "\r\n" in text:
        line = text.count("\n", 0, text.index("\r\n")) + 1
        yield Finding(
            Code.ENV_LINE_ENDS,
            f"{name} has the line ends of Windows",
            f"{name}, from line {line} on: Compose and Python pass over the carriage return, while a shell or a "
            "container that reads the file takes it for the end of the value",
            Severity.WARNING,
            fixes=(text_fix(project, Code.ENV_LINE_ENDS, "End its lines as everywhere else", with_unix_line_ends),),
        )


def _close(path: Path) -> None:
    with writing(path):
        path.chmod(PRIVATE)


def _untrack(path: Path) -> None:
    stop_tracking(path)
    if tracking(path) is Tracking.UNTRACKED:
        _ignore(path)


def _ignore(path: Path) -> None:
    """Add the file `path` to the ``.gitignore`` beside it."""
    rules = path.parent / ".gitignore"
    with exclusive(rules):
        was = read_env(rules)
        if was is None:
            create_env(rules, f"/{path.name}\n")
            rules.chmod(0o644)
        else:
            start = "" if not was or was.endswith("\n") else "\n"
            replace_env(rules, f"{was}{start}/{path.name}\n", was.encode())
