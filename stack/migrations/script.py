"""A revision's file, read without being run.

Alembic imports every file to learn its place in the history. The four names that say it are literals in nearly every
file, so they are read off the syntax tree: nothing of the project's runs, and a thousand files take a moment. The few
that compute them are left to the worker process, which imports them as Alembic would.
"""

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from stack.migrations.configuration import Configuration, broken, parse
from stack.migrations.protocol import Event

# The files that Alembic takes for revisions (alembic.script.base).
_REVISION_FILE: Final = re.compile(r"(?!\.#|__init__).*\.py")


@dataclass(frozen=True, slots=True)
class Script:
    """What one file says. `line` is where it names the revisions that it comes after."""

    path: Path
    revision: str
    down_revisions: tuple[str, ...]
    depends_on: tuple[str, ...]
    branch_labels: tuple[str, ...]
    message: str
    line: int | None = None


def list_files(configuration: Configuration) -> list[Path]:
    """Return the revisions' files in the order in which Alembic reads them, each once."""
    seen: set[Path] = set()
    paths = [path for top in configuration.versions for path in _files(top, seen, recursive=configuration.recursive)]
    return list(dict.fromkeys(paths))


def _files(top: Path, seen: set[Path], *, recursive: bool) -> Iterator[Path]:
    """Yield the revisions' files in `top`, unless it is one of the directories `seen`, which it then is."""
    if not top.is_dir() or top.name.endswith("__pycache__") or (real := top.resolve()) in seen:
        return
    seen.add(real)
    with os.scandir(real) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        # A thousand files are resolved by their directory; only a link says by itself where it leads, if anywhere.
        path = real / entry.name
        if _REVISION_FILE.fullmatch(entry.name) and path.is_file():
            yield path.resolve() if entry.is_symlink() else path
    if recursive:
        for entry in entries:
            if not entry.is_file(follow_symlinks=False):
                yield from _files(real / entry.name, seen, recursive=True)


def read_script(path: Path) -> Script | None:
    """Read one revision's file; None where it computes what it says.

    Raises:
        Failure: it cannot be read, or is not Python (`Code.MIGRATIONS_BROKEN`).
    """
    try:
        written = path.stat()
        return _read(path, written.st_mtime_ns, written.st_size)
    except SyntaxError as error:
        raise broken(path, error.lineno, error.msg) from None
    except (OSError, ValueError, RecursionError) as error:
        raise broken(path, None, str(error)) from None


@lru_cache(maxsize=8192)  # the deck looks again and again at files that hardly ever change
def _read(path: Path, _changed: int, _size: int) -> Script | None:
    tree = parse(path.read_bytes(), path)
    assigned = dict(_assignments(tree))
    revision = _texts(assigned.get("revision"))
    down = _texts(assigned.get("down_revision"))
    depends = _texts(assigned.get("depends_on", _NONE))
    labels = _texts(assigned.get("branch_labels", _NONE))
    if revision is None or len(revision) != 1 or down is None or depends is None or labels is None:
        return None
    return Script(
        path=path,
        revision=revision[0],
        down_revisions=down,
        depends_on=depends,
        branch_labels=labels,
        message=first_paragraph(ast.get_docstring(tree) or ""),
        line=assigned["down_revision"].lineno,
    )


def script_of(event: Event, directory: Path) -> Script:
    """Return what the worker told of a file, by a path from `directory`."""
    return Script(
        path=directory / (event["path"] or ""),
        revision=event["revision"] or "",
        down_revisions=tuple(event["down_revisions"]),
        depends_on=tuple(event["depends_on"]),
        branch_labels=tuple(event["branch_labels"]),
        message=first_paragraph(event["docstring"]),
    )


def first_paragraph(docstring: str) -> str:
    """Return the message of a revision with this docstring, on one line."""
    return " ".join(docstring.strip().split("\n\n")[0].split())


_NONE: Final = ast.Constant(value=None)


def _assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=targets, value=value):
                yield from ((target.id, value) for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value
            case _:
                pass


def _texts(node: ast.expr | None) -> tuple[str, ...] | None:
    """Return the literal text or texts that `node` is, nothing for a literal None; None where it is no such literal."""
    match node:
        case ast.Constant(value=None):
            return ()
        case ast.Constant(value=str(text)):
            return (text,)
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            texts = [each.value for each in elements if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            return tuple(texts) if len(texts) == len(elements) else None
        case _:
            return None
