"""The project's configuration and revisions, read and imported as every Alembic command does."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import load_python_file, to_tuple
from sqlalchemy.exc import ArgumentError

from .failures import Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from stack.migrations.protocol import Event, Job, Preparation


def _configure(preparation: Preparation) -> Config:
    """Read the configuration, as far as this Alembic can."""
    if "toml_file" in inspect.signature(Config).parameters:
        return Config(preparation["ini"], toml_file=preparation["toml"])
    if preparation["ini"] is None:
        text = "an Alembic before 1.16 reads no [tool.alembic]; install a newer one into the project's environment"
        raise Refused("environment", text, preparation["toml"])
    return Config(preparation["ini"])


def load(preparation: Preparation, tell: Callable[[Event], None]) -> tuple[Config, ScriptDirectory]:
    """Read the configuration and import all revisions, as every Alembic command on a database does."""
    config = _configure(preparation)
    script = ScriptDirectory.from_config(config)  # which finds the project's packages
    tell({"event": "located", "path": script.env_py_location})
    if preparation["url"] is not None:
        # Of which Alembic would take the last one.
        warnings.filterwarnings("error", "Revision .* is present more than once", UserWarning)
        _point_at(preparation["url"], config, script)
        script.get_heads()
    return config, script


def _point_at(database: str, config: Config, script: ScriptDirectory) -> None:
    """Let the project's code find the `database`, in all the places that it may look at."""
    scheme = _scheme(config, script)
    url = re.sub(r"^\w+(?=:)", scheme, database)
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    os.environ["APP_DB_URL"] = url
    # Of a database without an encoding, SQL_ASCII, psycopg would give bytes for text.
    os.environ.setdefault("PGCLIENTENCODING", "UTF8")
    # Whoever reads this one made it fit what they do with it.
    as_it_was = re.match(r"postgres(?:ql)?(?:\+\w+)?(?=:)", os.environ.get("DATABASE_URL", ""))
    os.environ["DATABASE_URL"] = re.sub(r"^\w+(?=:)", as_it_was.group() if as_it_was else scheme, database)
    with suppress(ArgumentError, ImportError):
        sqlalchemy.create_engine(url)  # which connects to nothing, and imports the driver that env.py will want


def _scheme(config: Config, script: ScriptDirectory) -> str:
    """Return the scheme of a URL that this SQLAlchemy opens with a driver that is installed here."""
    version = tuple(int(part) for part in sqlalchemy.__version__.split(".")[:2])
    default = "psycopg" if version >= (2, 1) else "psycopg2"
    written = re.match(r"postgres(?:ql)?\+(\w+):", config.get_main_option("sqlalchemy.url") or "")
    asynchronous = "async_engine" in Path(script.env_py_location).read_text(encoding="utf-8", errors="replace")
    wanted = [written.group(1)] if written else []
    wanted += ["psycopg", "asyncpg"] if asynchronous else [default, "psycopg", "psycopg2"]
    for driver in wanted:
        if importlib.util.find_spec(driver) and (driver != "psycopg" or version >= (2, 0)):
            return "postgresql" if driver == default else f"postgresql+{driver}"
    return "postgresql"


def read(job: Job, tell: Callable[[Event], None]) -> None:
    """Import each file as Alembic does, and tell what it says of itself."""
    for name in job["files"]:
        path = Path(name)
        module = load_python_file(path.parent, path.name)
        # Names that only the file has, in Alembic's oldest format.
        legacy = re.fullmatch(r"([a-f0-9]+)\.py", path.name)
        revision = getattr(module, "revision", legacy and legacy.group(1))
        if not isinstance(revision, str) or not hasattr(module, "down_revision"):
            raise Refused("history", "it does not say its revision and down_revision", name)
        tell(said_by(module, name, revision))


def said_by(module: ModuleType, path: str, revision: str) -> Event:
    """Return the event of what `module`, the `revision` in the file at `path`, says of itself."""
    return {
        "event": "read",
        "path": path,
        "revision": revision,
        "down_revisions": [*to_tuple(module.down_revision, default=())],
        "depends_on": [*to_tuple(getattr(module, "depends_on", None), default=())],
        "branch_labels": [*to_tuple(getattr(module, "branch_labels", None), default=())],
        "docstring": module.__doc__ or "",
    }
