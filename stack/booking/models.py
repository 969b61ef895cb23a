"""The booking tables, as SQLAlchemy's typed models; ``migrations/`` builds the same in the database.

Times are ``timestamptz``. A resource is never booked twice at once: the server itself refuses it, by an exclusion
constraint, which Alembic's autogenerate neither writes nor compares.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Enum,
    ForeignKey,
    Identity,
    Index,
    MetaData,
    Numeric,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

TABLES: Final = ("bookings", "customers", "resources", "users", "booking_events")
"""The booking tables, those that people look at first before the others."""

NO_DOUBLE_BOOKING: Final = "ex_bookings_resource_id_period"
"""The exclusion constraint's name."""

Key = Annotated[int, mapped_column(BigInteger, Identity(always=True), primary_key=True)]
CreatedAt = Annotated[datetime, mapped_column(server_default=func.now())]


class ResourceKind(StrEnum):
    """What sort of thing is booked."""

    ROOM = "room"
    TABLE = "table"
    PERSON = "person"


class BookingStatus(StrEnum):
    """Where a booking is in its life. Only `CANCELLED` frees the resource."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    COMPLETED = "completed"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"


class EventKind(StrEnum):
    """What happened to a booking."""

    CREATED = "created"
    CONFIRMED = "confirmed"
    RESCHEDULED = "rescheduled"
    COMPLETED = "completed"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"


def _enum(kind: type[StrEnum], name: str) -> Enum:
    return Enum(kind, name=name, values_callable=lambda members: [member.value for member in members])


class Base(DeclarativeBase):
    """What the models share: one MetaData whose constraints all have names, so that migrations can drop them."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map: ClassVar = {
        str: Text(),
        datetime: DateTime(timezone=True),
        Decimal: Numeric(10, 2),
        ResourceKind: _enum(ResourceKind, "resource_kind"),
        BookingStatus: _enum(BookingStatus, "booking_status"),
        EventKind: _enum(EventKind, "booking_event_kind"),
        dict[str, str]: JSONB(),
    }


class User(Base):
    """Someone of the staff, who makes and changes bookings."""

    __tablename__ = "users"
    __table_args__ = (Index("uq_users_email_lower", func.lower(text("email")), unique=True),)

    id: Mapped[Key]
    email: Mapped[str]
    full_name: Mapped[str]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[CreatedAt]


class Customer(Base):
    """Someone who books."""

    __tablename__ = "customers"

    id: Mapped[Key]
    full_name: Mapped[str]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    created_at: Mapped[CreatedAt]


class Resource(Base):
    """What is booked: a room, a table, a person."""

    __tablename__ = "resources"
    __table_args__ = (
        UniqueConstraint("location", "name"),
        CheckConstraint("capacity > 0", name="capacity_positive"),
        CheckConstraint("hourly_price >= 0", name="hourly_price_not_negative"),
    )

    id: Mapped[Key]
    kind: Mapped[ResourceKind]
    location: Mapped[str]
    name: Mapped[str]
    capacity: Mapped[int] = mapped_column(SmallInteger)
    hourly_price: Mapped[Decimal]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[CreatedAt]


class Booking(Base):
    """A resource taken by a customer from `starts_at` until before `ends_at`."""

    __tablename__ = "bookings"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        CheckConstraint("party_size > 0", name="party_size_positive"),
        CheckConstraint("price >= 0", name="price_not_negative"),
        ExcludeConstraint(
            ("resource_id", "="),
            (func.tstzrange(text("starts_at"), text("ends_at")), "&&"),
            name=NO_DOUBLE_BOOKING,
            using="gist",
            where=text("status <> 'cancelled'"),
        ),
        # Pages in the order of time; and what a customer, or a resource, has booked.
        Index(None, "starts_at", "id"),
        Index(None, "customer_id", "starts_at"),
        Index(None, "resource_id", "starts_at"),
    )

    id: Mapped[Key]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="RESTRICT"))
    resource_id: Mapped[int] = mapped_column(ForeignKey("resources.id", ondelete="RESTRICT"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    status: Mapped[BookingStatus] = mapped_column(server_default=BookingStatus.PENDING.value)
    party_size: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    price: Mapped[Decimal]
    notes: Mapped[str | None]
    created_at: Mapped[CreatedAt]

    # Loading behind one's back is impossible on an asyncio session; queries say what they want.
    customer: Mapped[Customer] = relationship(lazy="raise")
    resource: Mapped[Resource] = relationship(lazy="raise")


class BookingEvent(Base):
    """One line of a booking's history; `details` holds what changed, times in ISO 8601."""

    __tablename__ = "booking_events"
    __table_args__ = (Index(None, "booking_id", "happened_at"), Index(None, "user_id"))

    id: Mapped[Key]
    booking_id: Mapped[int] = mapped_column(ForeignKey("bookings.id", ondelete="CASCADE"))
    kind: Mapped[EventKind]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    details: Mapped[dict[str, str] | None]
    happened_at: Mapped[CreatedAt]
