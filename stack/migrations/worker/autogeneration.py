"""New revisions, and Alembic's comparison of the models with the database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic.autogenerate import RevisionContext, compare_metadata
from alembic.util import CommandError

from .environment import run_environment

if TYPE_CHECKING:
    import datetime as dt
    import os
    from collections.abc import Callable, Iterator

    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext, MigrationStep
    from alembic.script import ScriptDirectory

    from stack.migrations.protocol import Event, Job


class Generation:
    """New revisions, written beside where they belong, by the project's own template and through its own hooks."""

    def __init__(self, job: Job, tell: Callable[[Event], None], script: ScriptDirectory) -> None:
        """Take what is to be made, whom to tell, and the revisions."""
        self._job, self._tell, self._script = job, tell, script

    def __call__(self, config: Config) -> None:
        """Make the drafts, and tell of each where it belongs."""
        self._write_beside()
        revisions = RevisionContext(
            config,
            self._script,
            {
                "message": self._job["message"],
                "autogenerate": self._job["command"] == "autogenerate",
                "sql": False,
                "head": tuple(self._job["revisions"]) or "head",
                "splice": False,
                "branch_label": None,
                "version_path": None,
                "rev_id": None,
                "depends_on": None,
            },
        )
        if self._job["command"] == "autogenerate":
            self._run(config, revisions, revisions.run_autogenerate)
            if not any(_does_something(made) for made in revisions.generated_revisions):
                return
        elif (config.get_main_option("revision_environment") or "").lower() in {"true", "1", "yes", "on"}:
            self._run(config, revisions, revisions.run_no_autogenerate)
        for _ in revisions.generate_scripts():
            pass

    def _run(
        self,
        config: Config,
        revisions: RevisionContext,
        fill: Callable[[tuple[str, ...], MigrationContext], None],
    ) -> None:
        def steps(heads: tuple[str, ...], migration_context: MigrationContext) -> Iterator[MigrationStep]:
            fill(heads, migration_context)
            return iter(())

        run_environment(
            config,
            self._script,
            steps,
            template_args=revisions.template_args,
            revision_context=revisions,
            dont_mutate=True,
        )

    def _write_beside(self) -> None:
        """Let the next files of this directory be written into the one for drafts."""
        named = self._script._rev_path  # noqa: SLF001 - where a file's name is made, with no other way to it

        def draft_path(
            path: str | os.PathLike[str], rev_id: str, message: str | None, create_date: dt.datetime
        ) -> Path:
            target = Path(named(path, rev_id, message, create_date))
            draft = Path(self._job["drafts"], target.name)
            self._tell({"event": "draft", "path": str(target), "text": str(draft)})
            return draft

        self._script._rev_path = draft_path  # type: ignore[method-assign] # noqa: SLF001 - as above


class Comparison:
    """What Alembic finds different between the models and the database, with all that it can look at."""

    def __init__(self, job: Job, tell: Callable[[Event], None], script: ScriptDirectory) -> None:
        """Take what is to be done, whom to tell, and the revisions."""
        self._job, self._tell, self._script = job, tell, script

    def __call__(self, config: Config) -> None:
        """Compare, and tell each difference."""
        run_environment(config, self._script, self._steps, dont_mutate=True, compare_everything=True)

    def _steps(self, _heads: tuple[str, ...], migration_context: MigrationContext) -> Iterator[MigrationStep]:
        metadata = migration_context.opts["target_metadata"]
        if metadata is None:
            raise CommandError("it has no target_metadata, so there are no models to compare with")
        for difference in compare_metadata(migration_context, metadata):
            # What changes of one column comes as a list of its own.
            for change in difference if isinstance(difference, list) else [difference]:
                self._tell({"event": "different", "text": sentence(change)})
        return iter(())


def _does_something(made: object) -> bool:
    return not all(operations.is_empty() for operations in getattr(made, "upgrade_ops_list", []))


def sentence(change: tuple[object, ...]) -> str:
    """Return one of Alembic's differences in a sentence; what is to be added is in the models alone."""
    kind = str(change[0])
    action, _, what = kind.partition("_")
    if kind.startswith("modify_"):
        schema, table, column, before, after = (*change[1:4], *change[-2:])
        where = f"{schema}.{table}.{column}" if schema else f"{table}.{column}"
        if what == "nullable":
            here, there = ("NULL allowed" if value else "NOT NULL" for value in (before, after))
            return f"The column {where} is {here} in the database and {there} in the models."
        of = {"default": "server default"}.get(what, what)
        return f"The column {where} has the {of} {_value(before)} in the database and {_value(after)} in the models."
    if kind in {"add_table_comment", "remove_table_comment"}:
        return f"The comment of the table {getattr(change[1], 'fullname', change[1])} differs."
    here, there = ("models", "database") if action == "add" else ("database", "models")
    return f"The {_noun(what, change)} is in the {here} and not in the {there}."


def _noun(what: str, change: tuple[object, ...]) -> str:
    subject = change[-1]
    table = getattr(getattr(subject, "table", None), "fullname", None)
    name = getattr(subject, "name", None)
    nouns = {"fk": "foreign key", "constraint": "constraint", "index": "index", "table": "table"}
    if what == "column":
        schema, of = change[1], change[2]
        return f"column {schema}.{of}.{name}" if schema else f"column {of}.{name}"
    if what == "table":
        return f"table {getattr(subject, 'fullname', name)}"
    noun = nouns.get(what, what.replace("_", " "))
    columns = ", ".join(str(getattr(column, "name", column)) for column in getattr(subject, "columns", ()))
    label = f" {name}" if name else f" on ({columns})" if columns else ""
    return f"{noun}{label}" + (f" of {table}" if table else "")


def _value(value: object) -> str:
    if value is None:
        return "none"
    argument = getattr(value, "arg", value)
    return str(getattr(argument, "text", argument))
