"""Add the history of each booking

Revision ID: 0005
Revises: 0004
Create Date: 2026-09-01 09:40:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0005"
down_revision: str | Sequence[str] | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

BOOKING_EVENT_KIND = postgresql.ENUM(name="booking_event_kind", create_type=False)


def upgrade() -> None:
    op.execute(
        "CREATE TYPE booking_event_kind AS ENUM"
        " ('created', 'confirmed', 'rescheduled', 'completed', 'no_show', 'cancelled')"
    )
    op.create_table(
        "booking_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("booking_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", BOOKING_EVENT_KIND, nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("details", postgresql.JSONB(), nullable=True),
        sa.Column("happened_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["bookings.id"], name="fk_booking_events_booking_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_booking_events_user_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_booking_events"),
    )
    op.create_index("ix_booking_events_booking_id_happened_at", "booking_events", ["booking_id", "happened_at"])
    op.create_index("ix_booking_events_user_id", "booking_events", ["user_id"])


def downgrade() -> None:
    op.drop_table("booking_events")
    op.execute("DROP TYPE booking_event_kind")
