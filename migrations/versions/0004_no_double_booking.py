"""Refuse to book a resource twice at once

Autogenerate neither writes nor compares an exclusion constraint; this one is written by hand. Comparing a `bigint`
within a GiST index takes the extension btree_gist, which a database's owner may create (PostgreSQL 13 and newer).

Revision ID: 0004
Revises: 0003
Create Date: 2026-09-01 09:30:00
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0004"
down_revision: str | Sequence[str] | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.execute("""
        ALTER TABLE bookings
        ADD CONSTRAINT ex_bookings_resource_id_period
        EXCLUDE USING gist (resource_id WITH =, tstzrange(starts_at, ends_at) WITH &&)
        WHERE (status <> 'cancelled')
    """)


def downgrade() -> None:
    op.drop_constraint("ex_bookings_resource_id_period", "bookings")
    # Something else in this database may have come to rely on it, or it may be another role's.
    op.execute("""
        DO $$
        BEGIN
            DROP EXTENSION IF EXISTS btree_gist;
        EXCEPTION
            WHEN dependent_objects_still_exist OR insufficient_privilege THEN
                RAISE NOTICE 'the extension btree_gist is kept: %', SQLERRM;
        END
        $$
    """)
