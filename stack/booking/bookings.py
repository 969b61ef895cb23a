"""Bookings: made, moved, confirmed, called off, each change with a line in the booking's history.

Every function works in the caller's transaction and flushes; whoever opened the session commits. That no resource is
taken twice is decided by the server's exclusion constraint, so it holds for whoever else writes to the tables too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from psycopg.errors import ExclusionViolation
from sqlalchemy import func, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from stack.booking.errors import InvalidBookingError, NotFoundError, ResourceAlreadyBookedError, StatusError
from stack.booking.models import Booking, BookingEvent, BookingStatus, Customer, EventKind, Resource
from stack.booking.records import fetch

_OPEN: Final = frozenset({BookingStatus.PENDING, BookingStatus.CONFIRMED})
_MAY_BECOME: Final = {
    BookingStatus.CONFIRMED: frozenset({BookingStatus.PENDING}),
    BookingStatus.COMPLETED: frozenset({BookingStatus.CONFIRMED}),
    BookingStatus.NO_SHOW: frozenset({BookingStatus.CONFIRMED}),
    BookingStatus.CANCELLED: _OPEN,
}
_WITH_NAMES: Final = (joinedload(Booking.customer), joinedload(Booking.resource))


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of bookings ends: its last one's time and id."""

    starts_at: datetime
    id: int


async def create_booking(
    session: AsyncSession,
    *,
    customer_id: int,
    resource_id: int,
    starts_at: datetime,
    ends_at: datetime,
    party_size: int = 1,
    price: Decimal | None = None,
    notes: str | None = None,
    user_id: int | None = None,
) -> Booking:
    """Book a resource for a customer, at the resource's hourly price unless another is agreed; it is pending then.

    Raises:
        InvalidBookingError: the times, the party, the price or the resource do not make a booking.
        NotFoundError: there is no such customer or resource.
        ResourceAlreadyBookedError: the resource is taken then.
    """
    customer = await fetch(session, Customer, customer_id)
    resource = await _claim(session, resource_id)
    _check_period(starts_at, ends_at)
    if not resource.is_active:
        raise InvalidBookingError(f"{resource.name}, {resource.location}, is not in use any more")
    if not 1 <= party_size <= resource.capacity:
        raise InvalidBookingError(f"{resource.name}, {resource.location}, is for 1 to {resource.capacity} people")
    if price is not None and price < 0:
        raise InvalidBookingError("A price is not negative")
    booking = Booking(
        customer=customer,
        resource=resource,
        starts_at=starts_at,
        ends_at=ends_at,
        status=BookingStatus.PENDING,
        party_size=party_size,
        price=quote(resource, starts_at, ends_at) if price is None else price,
        notes=notes,
    )
    try:
        async with session.begin_nested():
            session.add(booking)
    except IntegrityError as error:
        raise await _explain(session, error, resource, starts_at, ends_at) from None
    return await _record(session, booking, EventKind.CREATED, user_id)


async def reschedule_booking(
    session: AsyncSession, booking_id: int, *, starts_at: datetime, ends_at: datetime, user_id: int | None = None
) -> Booking:
    """Move a booking that is pending or confirmed to another time; its price stays.

    Raises:
        InvalidBookingError: the times do not make a booking.
        NotFoundError: there is no such booking.
        ResourceAlreadyBookedError: the resource is taken then; the booking keeps its time.
        StatusError: it is over or called off.
    """
    booking = await _lock(session, booking_id)
    if booking.status not in _OPEN:
        raise StatusError(booking, "rescheduled")
    _check_period(starts_at, ends_at)
    resource = await _claim(session, booking.resource_id)
    details = {
        "from": f"{booking.starts_at.isoformat()}/{booking.ends_at.isoformat()}",
        "to": f"{starts_at.isoformat()}/{ends_at.isoformat()}",
    }
    try:
        async with session.begin_nested():
            booking.starts_at, booking.ends_at = starts_at, ends_at
    except IntegrityError as error:
        await session.refresh(booking)
        raise await _explain(session, error, resource, starts_at, ends_at) from None
    return await _record(session, booking, EventKind.RESCHEDULED, user_id, details)


async def confirm_booking(session: AsyncSession, booking_id: int, *, user_id: int | None = None) -> Booking:
    """Confirm a pending booking.

    Raises:
        NotFoundError: there is no such booking.
        StatusError: it is not pending.
    """
    return await _move_on(session, booking_id, BookingStatus.CONFIRMED, user_id)


async def cancel_booking(session: AsyncSession, booking_id: int, *, user_id: int | None = None) -> Booking:
    """Call off a booking that is pending or confirmed; its resource is free again.

    Raises:
        NotFoundError: there is no such booking.
        StatusError: it is over or called off already.
    """
    return await _move_on(session, booking_id, BookingStatus.CANCELLED, user_id)


async def complete_booking(session: AsyncSession, booking_id: int, *, user_id: int | None = None) -> Booking:
    """Note that the customer of a confirmed booking was here.

    Raises:
        NotFoundError: there is no such booking.
        StatusError: it is not confirmed.
    """
    return await _move_on(session, booking_id, BookingStatus.COMPLETED, user_id)


async def mark_no_show(session: AsyncSession, booking_id: int, *, user_id: int | None = None) -> Booking:
    """Note that the customer of a confirmed booking did not come.

    Raises:
        NotFoundError: there is no such booking.
        StatusError: it is not confirmed.
    """
    return await _move_on(session, booking_id, BookingStatus.NO_SHOW, user_id)


async def delete_booking(session: AsyncSession, booking_id: int) -> None:
    """Erase a booking with its history, as somebody may demand of their data; to call one off, cancel it.

    Raises:
        NotFoundError: there is no such booking.
    """
    await session.delete(await _lock(session, booking_id))
    await session.flush()


async def get_booking(session: AsyncSession, booking_id: int) -> Booking:
    """Return one booking with its customer and its resource.

    Raises:
        NotFoundError: there is none.
    """
    found = await session.scalar(select(Booking).where(Booking.id == booking_id).options(*_WITH_NAMES))
    if found is None:
        raise NotFoundError("booking", booking_id)
    return found


async def list_bookings(
    session: AsyncSession,
    *,
    customer_id: int | None = None,
    resource_id: int | None = None,
    status: BookingStatus | None = None,
    starts_from: datetime | None = None,
    starts_before: datetime | None = None,
    after: Position | None = None,
    limit: int = 100,
) -> Sequence[Booking]:
    """Return at most `limit` bookings in the order of time, with customers and resources, those after `after`."""
    wanted = select(Booking).options(*_WITH_NAMES).order_by(Booking.starts_at, Booking.id).limit(limit)
    if customer_id is not None:
        wanted = wanted.where(Booking.customer_id == customer_id)
    if resource_id is not None:
        wanted = wanted.where(Booking.resource_id == resource_id)
    if status is not None:
        wanted = wanted.where(Booking.status == status)
    if starts_from is not None:
        wanted = wanted.where(Booking.starts_at >= starts_from)
    if starts_before is not None:
        wanted = wanted.where(Booking.starts_at < starts_before)
    if after is not None:
        wanted = wanted.where(tuple_(Booking.starts_at, Booking.id) > (after.starts_at, after.id))
    return (await session.scalars(wanted)).all()


async def booking_history(session: AsyncSession, booking_id: int) -> Sequence[BookingEvent]:
    """Return what happened to a booking, oldest first; nothing where there is no such booking."""
    history = select(BookingEvent).where(BookingEvent.booking_id == booking_id)
    return (await session.scalars(history.order_by(BookingEvent.happened_at, BookingEvent.id))).all()


def quote(resource: Resource, starts_at: datetime, ends_at: datetime) -> Decimal:
    """Return the price of a resource for that time at its hourly price, to the cent."""
    minutes = Decimal((ends_at - starts_at) // timedelta(minutes=1))
    return (resource.hourly_price * minutes / 60).quantize(Decimal("0.01"))


def _check_period(starts_at: datetime, ends_at: datetime) -> None:
    if starts_at.tzinfo is None or ends_at.tzinfo is None:
        raise InvalidBookingError("A booking's times need a time zone")
    if ends_at <= starts_at:
        raise InvalidBookingError("A booking ends after it starts")


async def _claim(session: AsyncSession, resource_id: int) -> Resource:
    """Lock a resource against other bookings of it until the transaction ends.

    The exclusion constraint alone would do, but of two bookings inserted at the same moment it may let both wait for
    each other until the server breaks the deadlock.
    """
    resource = await session.get(Resource, resource_id, with_for_update={"key_share": True}, populate_existing=True)
    if resource is None:
        raise NotFoundError("resource", resource_id)
    return resource


async def _lock(session: AsyncSession, booking_id: int) -> Booking:
    booking = await session.get(Booking, booking_id, with_for_update=True, populate_existing=True)
    if booking is None:
        raise NotFoundError("booking", booking_id)
    return booking


async def _move_on(session: AsyncSession, booking_id: int, status: BookingStatus, user_id: int | None) -> Booking:
    """Give a booking its next status; the event is called like it."""
    booking = await _lock(session, booking_id)
    if booking.status not in _MAY_BECOME[status]:
        raise StatusError(booking, status.value.replace("_", " "))
    booking.status = status
    return await _record(session, booking, EventKind(status.value), user_id)


async def _record(
    session: AsyncSession,
    booking: Booking,
    kind: EventKind,
    user_id: int | None,
    details: dict[str, str] | None = None,
) -> Booking:
    session.add(BookingEvent(booking_id=booking.id, kind=kind, user_id=user_id, details=details))
    await session.flush()
    return booking


async def _explain(
    session: AsyncSession, error: IntegrityError, resource: Resource, starts_at: datetime, ends_at: datetime
) -> IntegrityError | ResourceAlreadyBookedError:
    """Return the double booking that `error` is, with the booking in the way, or else `error` itself."""
    if not isinstance(error.orig, ExclusionViolation):
        return error
    period = func.tstzrange(Booking.starts_at, Booking.ends_at)
    in_the_way = (
        select(Booking)
        .options(*_WITH_NAMES)
        .where(Booking.resource_id == resource.id, Booking.status != BookingStatus.CANCELLED)
        .where(period.op("&&")(func.tstzrange(starts_at, ends_at)))
        .order_by(Booking.starts_at)
        .limit(1)
    )
    return ResourceAlreadyBookedError(resource, starts_at, ends_at, await session.scalar(in_the_way))
