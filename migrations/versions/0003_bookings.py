"""Add the bookings

Revision ID: 0003
Revises: 0002
Create Date: 2026-09-01 09:20:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0003"
down_revision: str | Sequence[str] | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

BOOKING_STATUS = postgresql.ENUM(name="booking_status", create_type=False)


def upgrade() -> None:
    op.execute("CREATE TYPE booking_status AS ENUM ('pending', 'confirmed', 'completed', 'no_show', 'cancelled')")
    op.create_table(
        "bookings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("resource_id", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", BOOKING_STATUS, server_default="pending", nullable=False),
        sa.Column("party_size", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("price", sa.Numeric(10, 2), nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_bookings_ends_after_start")),
        sa.CheckConstraint("party_size > 0", name=op.f("ck_bookings_party_size_positive")),
        sa.CheckConstraint("price >= 0", name=op.f("ck_bookings_price_not_negative")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_bookings_customer_id", ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["resource_id"], ["resources.id"], name="fk_bookings_resource_id", ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name="pk_bookings"),
    )
    op.create_index("ix_bookings_starts_at_id", "bookings", ["starts_at", "id"])
    op.create_index("ix_bookings_customer_id_starts_at", "bookings", ["customer_id", "starts_at"])
    op.create_index("ix_bookings_resource_id_starts_at", "bookings", ["resource_id", "starts_at"])


def downgrade() -> None:
    op.drop_table("bookings")
    op.execute("DROP TYPE booking_status")
