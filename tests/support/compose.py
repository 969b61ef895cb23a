"""Compose projects for tests: files written into a directory, and loaded as the program loads them."""

from collections.abc import Mapping
from pathlib import Path

from stack.project import Overrides, Project
from stack.services.compose.load import load_compose
from stack.services.compose.model import ComposeProject


def project_in(directory: Path, files: Mapping[str, str], env_file: Path | None = None) -> Project:
    """Write `files` into `directory` and return the project there."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Project(directory, env_file or directory / ".env", env_file is not None, None, None, Overrides())


def load(directory: Path, files: Mapping[str, str], environ: Mapping[str, str] | None = None) -> ComposeProject:
    """Write `files` into `directory` and load the Compose project there."""
    return load_compose(project_in(directory, files), environ or {})
