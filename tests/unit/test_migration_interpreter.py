"""Another project's migrations run with its own Python, where that has Alembic."""

import base64
import hashlib
import os
import sys
from pathlib import Path

from stack.migrations.interpreter import find_interpreter


def make_environment(path, version="1.13.3"):
    """What is looked at of a virtual environment; without Alembic where there is no version."""
    (path / "bin").mkdir(parents=True)
    (path / "bin" / "python").touch()
    packages = path / "lib" / "python3.12" / "site-packages"
    packages.mkdir(parents=True)
    if version:
        (packages / f"alembic-{version}.dist-info").mkdir()
    return path


def found(directory, **environ):
    interpreter = find_interpreter(directory, environ)
    return interpreter.path.parent.parent, interpreter.version


def test_the_projects_own_comes_first(tmp_path):
    top = tmp_path / "repository"
    (top / ".git").mkdir(parents=True)
    backend = top / "backend"
    backend.mkdir()
    ours = find_interpreter(backend, {})
    assert (ours.path, ours.reason) == (Path(sys.executable), "the project has no virtual environment")
    # Above the repository is somebody else's.
    make_environment(tmp_path / ".venv")
    assert find_interpreter(backend, {}) == ours
    above = make_environment(top / ".venv", "1.12")
    assert found(backend) == (above, "1.12")
    bare = make_environment(backend / "venv", version=None)
    assert found(backend) == (above, "1.12")
    named = make_environment(backend / "envs" / "uv")
    assert found(backend, UV_PROJECT_ENVIRONMENT="envs/uv") == (named, "1.13.3")
    active = make_environment(backend / "active", "1.16.4")
    assert found(backend, VIRTUAL_ENV=str(active)) == (active, "1.16.4")
    elsewhere = make_environment(tmp_path / "elsewhere", "1.0")
    assert found(backend, VIRTUAL_ENV=str(elsewhere)) == (above, "1.12")
    (above / "lib" / "python3.12" / "site-packages" / "alembic-1.12.dist-info").rmdir()
    without = find_interpreter(backend, {})
    assert (without.path, without.reason) == (Path(sys.executable), f"{bare} has no Alembic")


def test_where_poetry_keeps_it(tmp_path):
    project = tmp_path / "shop"
    project.mkdir()
    digest = base64.urlsafe_b64encode(hashlib.sha256(os.fsencode(project)).digest()).decode()[:8]
    kept = make_environment(tmp_path / "cache" / "virtualenvs" / f"shop-{digest}-py3.12")
    assert found(project, POETRY_CACHE_DIR=str(tmp_path / "cache"))[0] != kept
    (project / "poetry.lock").touch()
    assert found(project, POETRY_CACHE_DIR=str(tmp_path / "cache")) == (kept, "1.13.3")


def test_in_our_own_environment_it_is_our_own(tmp_path):
    (tmp_path / ".venv").symlink_to(sys.prefix)
    ours = find_interpreter(tmp_path, {})
    assert (ours.path, ours.reason) == (Path(sys.executable), "it is the project's own environment")
