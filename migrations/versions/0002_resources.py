"""Add what is booked: rooms, tables, people

Revision ID: 0002
Revises: 0001
Create Date: 2026-09-01 09:10:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0002"
down_revision: str | Sequence[str] | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

RESOURCE_KIND = postgresql.ENUM(name="resource_kind", create_type=False)


def upgrade() -> None:
    op.execute("CREATE TYPE resource_kind AS ENUM ('room', 'table', 'person')")
    op.create_table(
        "resources",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", RESOURCE_KIND, nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("capacity", sa.SmallInteger(), nullable=False),
        sa.Column("hourly_price", sa.Numeric(10, 2), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("capacity > 0", name=op.f("ck_resources_capacity_positive")),
        sa.CheckConstraint("hourly_price >= 0", name=op.f("ck_resources_hourly_price_not_negative")),
        sa.PrimaryKeyConstraint("id", name="pk_resources"),
        sa.UniqueConstraint("location", "name", name="uq_resources_location_name"),
    )


def downgrade() -> None:
    op.drop_table("resources")
    op.execute("DROP TYPE resource_kind")
