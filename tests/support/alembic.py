"""Alembic projects for tests: an ``alembic.ini``, an ``env.py`` of either kind, and generated revisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.project import Options, Project, open_project

SYNC_ENV = """
from alembic import context
from sqlalchemy import engine_from_config, pool

config = context.config
engine = engine_from_config(config.get_section("alembic"), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""

ASYNC_ENV = """
import asyncio, os
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

def run(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()

async def main():
    engine = create_async_engine(os.environ["APP_DB_URL"])
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()

asyncio.run(main())
"""


OFFLINE_ENV = SYNC_ENV.replace(
    "engine = ",
    """
if context.is_offline_mode():
    context.configure(url=config.get_main_option("sqlalchemy.url"))
    with context.begin_transaction():
        context.run_migrations()
    raise SystemExit(0)
engine = """,
)
"""Both ways, as Alembic's own templates have them."""


@dataclass(frozen=True)
class Step:
    """A revision to write; `up` and `down` are SQL."""

    revision: str
    down: tuple[str, ...] = ()
    up: str = "SELECT 1"
    undo: str = "SELECT 1"
    depends_on: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


def write_step(directory: Path, step: Step) -> Path:
    def literal(names: tuple[str, ...]) -> str:
        return repr(None if not names else names[0] if len(names) == 1 else names)

    path = directory / "versions" / f"{step.revision}_step.py"
    path.write_text(
        f'"""Step {step.revision}\n\nRevision ID: {step.revision}\n"""\n'
        "from alembic import op\n\n"
        f"revision: str = {step.revision!r}\n"
        f"down_revision = {literal(step.down)}\n"
        f"branch_labels = {literal(step.labels)}\n"
        f"depends_on = {literal(step.depends_on)}\n\n\n"
        f"def upgrade() -> None:\n    op.execute({step.up!r})\n\n\n"
        f"def downgrade() -> None:\n    op.execute({step.undo!r})\n"
    )
    return path


def write_body(root: Path, revision: str, body: str) -> tuple[Path, int]:
    """Give the step `revision` another upgrade(), and return its file and the line that `body` begins at."""
    (path,) = (root / "migrations" / "versions").glob(f"{revision}_*.py")
    head, _, rest = path.read_text().partition("def upgrade() -> None:\n")
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    path.write_text(f"{head}def upgrade() -> None:\n{lines}\n\ndef downgrade(){rest.partition('def downgrade()')[2]}")
    return path, head.count("\n") + 2


def make_project(root: Path, steps: Sequence[Step], env: str = SYNC_ENV) -> Project:
    scripts = root / "migrations"
    (scripts / "versions").mkdir(parents=True)
    (root / "alembic.ini").write_text(
        "[alembic]\nscript_location = migrations\nprepend_sys_path = .\npath_separator = os\n"
    )
    (scripts / "env.py").write_text(env)
    for step in steps:
        write_step(scripts, step)
    return open_project(Options(root))


def chain(count: int) -> list[Step]:
    """A history of `count` revisions; each makes a table and refuses to be applied twice."""
    names = [f"r{n:04}" for n in range(1, count + 1)]
    return [
        Step(name, (before,) if before else (), f"CREATE TABLE {name} (id int)", f"DROP TABLE {name}")
        for name, before in zip(names, ["", *names], strict=False)
    ]
