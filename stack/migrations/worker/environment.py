"""Letting the project's ``env.py`` run steps of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic import context
from alembic.runtime.environment import EnvironmentContext

from .failures import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext, MigrationStep
    from alembic.script import ScriptDirectory


class Environment(EnvironmentContext):
    """Alembic's environment, which has what it was made with whatever ``env.py`` says: how much is one transaction."""

    def configure(self, *arguments: object, **options: object) -> None:
        """Do as ``context.configure`` does."""
        options["transaction_per_migration"] = self.context_opts.get("transaction_per_migration", True)
        if self.context_opts.get("compare_everything"):
            for name in ("compare_type", "compare_server_default"):
                options[name] = options.get(name) or True  # how, may be the project's own function
        if not self.context_opts.get("as_sql"):
            super().configure(*arguments, **options)  # type: ignore[arg-type] # passed through as they came
            return
        options |= {"output_buffer": self.context_opts["output_buffer"], "literal_binds": True}
        super().configure(*arguments, **options)  # type: ignore[arg-type] # as above
        # No driver takes this text for a format, so that a % in it is one.
        self.get_context().dialect.identifier_preparer._double_percents = False  # noqa: SLF001


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
