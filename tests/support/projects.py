"""Projects in temporary directories."""

from pathlib import Path

from stack.project import Options, Project, open_project


def make_project(root: Path, env: str | None = None, template: str | None = None) -> Project:
    """Make a project of the given files, byte for byte, and open it."""
    for name, text in ((".env", env), (".env.example", template)):
        if text is not None:
            (root / name).write_bytes(text.encode())
            (root / name).chmod(0o600)
    return open_project(Options(root))


def names(directory: Path) -> list[str]:
    """Return the sorted names of all that is in `directory`."""
    return sorted(path.name for path in directory.iterdir())
