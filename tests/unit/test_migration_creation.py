"""The revision that made a table is found without running it, and not where a downgrade makes it."""

import pytest

from stack.migrations.creation import find_creation
from stack.project import Overrides, Project
from tests.support.clone import ROOT

REVISION = '''"""{message}"""
from alembic import op
import sqlalchemy as sa

revision = "{revision}"
down_revision = {down!r}
TABLE = "by_constant"

def upgrade():
    {body}

def downgrade():
    op.create_table("undone")
    op.execute("CREATE TABLE undone_too (id int)")
'''


def project(root, **bodies):
    (root / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
    versions = root / "migrations" / "versions"
    versions.mkdir(parents=True)
    before = None
    for name, body in bodies.items():
        text = REVISION.format(message=f"Make {name}", revision=name, down=before, body=body)
        (versions / f"{name}.py").write_text(text)
        before = name
    (versions / "broken.py").write_text("def upgrade(: by_constant")
    return Project(root, root / ".env", False, None, root / "alembic.ini", Overrides())


@pytest.mark.parametrize(
    ("body", "table"),
    [
        ('op.create_table("plain", sa.Column("id", sa.Integer))', "plain"),
        ("op.create_table(TABLE)", "by_constant"),
        ('op.create_table("there", schema="public")', "there"),
        ('op.rename_table("old", "renamed")', "renamed"),
        ('op.execute("CREATE TABLE IF NOT EXISTS Folded (id int)")', "folded"),
        ('op.execute(sa.text(\'CREATE UNLOGGED TABLE "In ""Quotes""" ()\'))', 'In "Quotes"'),
        ('op.execute("CREATE OR REPLACE VIEW public.seen AS SELECT 1")', "seen"),
        ('op.execute("CREATE MATERIALIZED VIEW kept AS SELECT 1")', "kept"),
        ('op.execute("ALTER TABLE old RENAME TO newer")', "newer"),
        ('op.execute(f"""CREATE TABLE half ({TABLE} int)""")', "half"),
    ],
)
def test_it_is_found_where_it_is_made(tmp_path, body, table):
    found = find_creation(project(tmp_path, first="pass", second=body), "public", table, unqualified=True)
    assert found is not None
    assert (found.revision, found.message, found.path.name, found.line) == ("second", "Make second", "second.py", 10)


@pytest.mark.parametrize("table", ["undone", "undone_too", "absent"])
def test_what_a_downgrade_makes_is_not_what_made_it(tmp_path, table):
    assert find_creation(project(tmp_path, first="pass"), "public", table, unqualified=True) is None


def test_a_table_in_another_schema_is_another(tmp_path):
    made = project(tmp_path, first='op.create_table("t", schema="audit")')
    assert find_creation(made, "public", "t", unqualified=True) is None
    assert find_creation(made, "audit", "t", unqualified=False).revision == "first"


def test_a_table_made_twice_is_the_last_ones(tmp_path):
    made = project(tmp_path, a='op.create_table("t")', b='op.drop_table("t")', c='op.create_table("t")')
    assert find_creation(made, "public", "t", unqualified=True).revision == "c"


def test_a_project_without_migrations_has_none(tmp_path):
    bare = Project(tmp_path, tmp_path / ".env", False, None, None, Overrides())
    assert find_creation(bare, "public", "t", unqualified=True) is None


def test_the_booking_tables_are_found():
    here = Project(ROOT, ROOT / ".env", False, None, ROOT / "alembic.ini", Overrides())
    tables = ("users", "customers", "resources", "bookings", "booking_events", "alembic_version")
    found = [find_creation(here, "public", table, unqualified=True) for table in tables]
    assert [each and each.revision for each in found] == ["0001", "0001", "0002", "0003", "0005", None]
