"""A step is spared from being judged only where its file shows that every row and every value stays."""

import pytest

from stack.migrations.additions import only_adds

HEAD = """
import sqlalchemy as sa
from alembic import op

def helper():
    pass

def downgrade():
    op.drop_table("people")
"""


def adds(tmp_path, body, head=HEAD):
    path = tmp_path / "step.py"
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    path.write_text(f"{head}\ndef upgrade():\n{lines}")
    return only_adds(path)


@pytest.mark.parametrize(
    "body",
    [
        "pass",
        '"""Nothing."""\nop.create_table("a", sa.Column("id", sa.Integer), sa.PrimaryKeyConstraint(name=op.f("a")))',
        'op.add_column("a", sa.Column("b", sa.Text))\nop.create_index("ix", "a", ["b"], where=sa.text("b > 1"))',
        'op.execute("CREATE TABLE a (b int); INSERT INTO a VALUES (1); CREATE EXTENSION btree_gist")',
        'op.execute(sa.text("UPDATE a SET b = 1"))',
        'op.execute("DO $$ BEGIN CREATE TYPE x AS ENUM (1); EXCEPTION WHEN duplicate_object THEN NULL; END $$")',
        "op.execute(\"SELECT setval('s', 3)\")",
        'op.execute("ALTER TABLE a DROP CONSTRAINT b, ALTER b DROP DEFAULT")',
    ],
)
def test_what_evidently_only_adds(tmp_path, body):
    assert adds(tmp_path, body)


@pytest.mark.parametrize(
    "body",
    [
        'sql = "DROP TABLE a"\nop.execute(sql)',
        'op.execute("ALTER TABLE a DROP b")',
        'op.alter_column("a", "b", type_=sa.SmallInteger())',
        'op.execute("ALTER TABLE a ALTER b TYPE smallint")',
        'op.drop_table("a")',
        'op.drop_column("a", "b")',
        'with op.batch_alter_table("a") as batch:\n    batch.drop_column("b")',
        'op.execute(f"TRUNCATE {op}")',
        'op.execute("TRUNCATE a")',
        'op.execute("WITH gone AS (DELETE FROM a RETURNING 1) INSERT INTO b SELECT * FROM gone")',
        'op.execute("MERGE INTO a USING b ON a.i = b.i WHEN MATCHED THEN DELETE")',
        'op.execute("DROP TYPE a CASCADE")',
        'op.execute("DROP OWNED BY a")',
        'op.execute("DROP DATABASE a")',
        'op.execute("DROP SEQUENCE a")',
        'op.execute("ALTER TYPE a DROP ATTRIBUTE b CASCADE")',
        'op.execute("COPY (DELETE FROM a RETURNING 1) TO STDOUT")',
        'op.execute("PREPARE a AS SELECT 1; EXECUTE a")',
        'op.execute("DROP SCHEMA a CASCADE")',
        'op.execute("DO $$ BEGIN EXECUTE x; END $$")',
        'op.execute("SELECT 1 + drop_all()")',
        'op.execute("CALL drop_all()")',
        'op.execute("not SQL")',
        "op.execute(sa.delete(x))",
        'op.get_bind().execute("SELECT 1")',
        'op.create_table("a", op.drop_table("b"))',
        'op.bulk_insert(x, rows=[op.execute("TRUNCATE a")])',
        "helper()",
        "op = helper\nop.create_table()",
        "for x in y:\n    op.create_table(x)",
    ],
)
def test_what_may_do_more(tmp_path, body):
    assert not adds(tmp_path, body)


def test_op_is_alembics_own(tmp_path):
    assert not adds(tmp_path, 'op.create_table("a")', head="from mine import op\n")
    assert not adds(tmp_path, 'op.create_table("a")', head="from alembic import op\ndef op(): pass\n")
    assert not adds(tmp_path, 'op.create_table("a")', head="from alembic import op\nfrom mine import op\n")
    assert not adds(tmp_path, 'op.create_table("a")', head="from alembic import op\nimport mine as op\n")
    assert not only_adds(tmp_path / "gone.py")
