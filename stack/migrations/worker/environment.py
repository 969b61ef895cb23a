"""Letting the project's ``env.py`` run steps of ours."""

from __future__ import annotations

import hashlib
from contextlib import closing
from typing import TYPE_CHECKING

from alembic import context
from alembic.runtime.environment import EnvironmentContext
from sqlalchemy.engine import Connection

from .failures import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext, MigrationStep
    from alembic.script import ScriptDirectory

# The key is that of `stack.migrations.lock`.
_KEY = int.from_bytes(hashlib.sha256(b"stackdeck:migrations").digest()[:8], "big", signed=True)
_IS_LOCKED = f"""
SELECT EXISTS (
  SELECT FROM pg_catalog.pg_locks l
  WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
    AND (l.classid::bigint << 32) | l.objid::bigint = {_KEY:d}
)
"""  # noqa: S608 - a number of our own


class Environment(EnvironmentContext):
    """Alembic's environment, which has what it was made with whatever ``env.py`` says: how much is one transaction."""

    def configure(self, *arguments: object, **options: object) -> None:
        """Do as ``context.configure`` does."""
        options["transaction_per_migration"] = self.context_opts.get("transaction_per_migration", True)
        if self.context_opts.get("compare_everything"):
            for name in ("compare_type", "compare_server_default"):
                options[name] = options.get(name) or True  # how, may be the project's own function
        if not self.context_opts.get("as_sql"):
            connection = options.get("connection", arguments[0] if arguments else None)
            if isinstance(connection, Connection) and not self.context_opts.get("dont_mutate"):
                _check_database(connection, self.script.env_py_location)
            super().configure(*arguments, **options)  # type: ignore[arg-type] # passed through as they came
            return
        options |= {"output_buffer": self.context_opts["output_buffer"], "literal_binds": True}
        super().configure(*arguments, **options)  # type: ignore[arg-type] # as above
        # No driver takes this text for a format, so that a % in it is one.
        self.get_context().dialect.identifier_preparer._double_percents = False  # noqa: SLF001


def _check_database(connection: Connection, path: str) -> None:
    """Refuse a database of ``env.py``'s own, which nobody has looked at, and nobody has agreed to change.

    It is told by the lock that whoever started this holds on the right one, whatever names a server goes by. Asked is
    the driver's connection, so that the transaction of `connection` is still ``env.py``'s to begin.
    """
    held = False
    if connection.dialect.name == "postgresql":
        driver = connection.connection
        with closing(driver.cursor()) as cursor:
            cursor.execute(_IS_LOCKED)
            ((held,),) = cursor.fetchall()
        if not connection.in_transaction():
            driver.rollback()
    if not held:
        url = connection.engine.url
        there = f"{url.database} at {url.host}:{url.port or 5432}" if url.host else str(url.database)
        raise Refused("environment", f"it works on the database {there}, and not on the one that it was given", path)


# What `from alembic import context` gives env.py is a face of one class; from here on, of ours.
Environment.create_module_class_proxy(vars(context), vars(context))


def run_environment(
    config: Config,
    script: ScriptDirectory,
    steps: Callable[[tuple[str, ...], MigrationContext], Iterator[MigrationStep]],
    **options: object,
) -> None:
    """Let ``env.py`` run `steps`, which it is given with the heads that the database is at."""
    began = False

    def begin(heads: tuple[str, ...], migration_context: MigrationContext) -> Iterator[MigrationStep]:
        nonlocal began
        began = True
        yield from steps(heads, migration_context)

    with Environment(config, script, fn=begin, **options):
        try:
            script.run_env()
        except SystemExit as error:
            if error.code or not began:
                raise
    if not began:
        raise Refused("environment", "it did not run any migrations", script.env_py_location)
