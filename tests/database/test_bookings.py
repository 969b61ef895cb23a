"""Bookings are made, moved and called off; none is ever made twice; each change is in the history."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from stack.booking import bookings, customers, resources, users
from stack.booking.errors import (
    AlreadyExistsError,
    InvalidBookingError,
    NotFoundError,
    ResourceAlreadyBookedError,
    StatusError,
)
from stack.booking.models import BookingStatus, EventKind, Resource, ResourceKind
from stack.database.sessions import create_engine, create_sessions, session_scope
from stack.environment.pool import PoolSettings

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
async def sessions(booking_database):
    engine = create_engine(booking_database, PoolSettings(size=5, max_overflow=10))
    yield create_sessions(engine)
    await engine.dispose()


@pytest.fixture
async def ids(sessions):
    """A customer, a resource and a user."""
    async with session_scope(sessions) as session:
        customer = await customers.create_customer(session, full_name="Ana Lima", email="ana@example.com")
        room = await resources.create_resource(
            session,
            kind=ResourceKind.ROOM,
            location="Harbour Street",
            name="Cedar Room",
            capacity=8,
            hourly_price=Decimal("30.50"),
        )
        user = await users.create_user(session, email="Desk@example.com", full_name="Front Desk")
    return {"customer_id": customer.id, "resource_id": room.id, "user_id": user.id}


async def book(session, ids, starts_at=NOON, hours=1, **more):
    return await bookings.create_booking(session, **ids, starts_at=starts_at, ends_at=starts_at + hours * HOUR, **more)


async def test_a_booking_from_request_to_the_end(sessions, ids):
    async with session_scope(sessions) as session:
        booking = await book(session, ids, hours=1.5, party_size=4, notes="window")
        assert booking.id
        assert booking.status == BookingStatus.PENDING
        assert booking.price == Decimal("45.75")
        assert (booking.customer.full_name, booking.resource.name) == ("Ana Lima", "Cedar Room")
        assert booking.created_at.tzinfo is not None
    async with session_scope(sessions) as session:
        await bookings.confirm_booking(session, booking.id, user_id=ids["user_id"])
        await bookings.reschedule_booking(session, booking.id, starts_at=NOON + HOUR, ends_at=NOON + 2 * HOUR)
    async with session_scope(sessions) as session:
        await bookings.complete_booking(session, booking.id)
    async with sessions() as session:
        found = await bookings.get_booking(session, booking.id)
        assert (found.status, found.starts_at, found.ends_at) == (BookingStatus.COMPLETED, NOON + HOUR, NOON + 2 * HOUR)
        history = await bookings.booking_history(session, booking.id)
    assert [event.kind for event in history] == [
        EventKind.CREATED,
        EventKind.CONFIRMED,
        EventKind.RESCHEDULED,
        EventKind.COMPLETED,
    ]
    assert history[1].user_id == ids["user_id"]
    assert history[2].details == {
        "from": "2026-06-01T12:00:00+00:00/2026-06-01T13:30:00+00:00",
        "to": "2026-06-01T13:00:00+00:00/2026-06-01T14:00:00+00:00",
    }


async def test_a_double_booking_names_the_booking_in_the_way(sessions, ids):
    async with session_scope(sessions) as session:
        first = await book(session, ids, hours=2)
    async with session_scope(sessions) as session:
        with pytest.raises(ResourceAlreadyBookedError) as caught:
            await book(session, ids, starts_at=NOON + HOUR, hours=2)
        assert caught.value.conflict.id == first.id
        for part in ("Cedar Room", "Harbour Street", "Ana Lima", f"booking {first.id}", "2026-06-01 12:00"):
            assert part in str(caught.value)
        # The transaction goes on; one that begins as the other ends is none.
        later = await book(session, ids, starts_at=NOON + 2 * HOUR)
    async with session_scope(sessions) as session:
        with pytest.raises(ResourceAlreadyBookedError) as caught:
            await bookings.reschedule_booking(session, later.id, starts_at=NOON, ends_at=NOON + HOUR)
        assert caught.value.conflict.id == first.id
    async with sessions() as session:
        assert (await bookings.get_booking(session, later.id)).starts_at == NOON + 2 * HOUR
        assert [event.kind for event in await bookings.booking_history(session, later.id)] == [EventKind.CREATED]


async def test_a_cancelled_booking_frees_its_time(sessions, ids):
    async with session_scope(sessions) as session:
        first = await book(session, ids)
        await bookings.cancel_booking(session, first.id)
        await book(session, ids)


async def test_of_many_at_once_one_gets_the_room(sessions, ids):
    async def attempt() -> int | ResourceAlreadyBookedError:
        try:
            async with session_scope(sessions) as session:
                return (await book(session, ids)).id
        except ResourceAlreadyBookedError as error:
            return error

    outcomes = await asyncio.gather(*(attempt() for _ in range(12)))
    (winner,) = [outcome for outcome in outcomes if isinstance(outcome, int)]
    losers = [outcome for outcome in outcomes if not isinstance(outcome, int)]
    assert {loser.conflict.id for loser in losers} == {winner}


async def test_the_server_refuses_a_double_booking_by_anyone(sessions, ids, booking_database):
    async with session_scope(sessions) as session:
        await book(session, ids)
    with (
        psycopg.connect(booking_database.reveal()) as connection,
        pytest.raises(psycopg.errors.ExclusionViolation) as caught,
    ):
        connection.execute(
            "INSERT INTO bookings (customer_id, resource_id, starts_at, ends_at, price)"
            " SELECT customer_id, resource_id, starts_at, ends_at, price FROM bookings"
        )
    assert caught.value.diag.constraint_name == "ex_bookings_resource_id_period"


@pytest.mark.parametrize(
    "change",
    [
        {"hours": 0},
        {"hours": -1},
        {"party_size": 0},
        {"party_size": 9},
        {"price": Decimal(-1)},
        {"starts_at": datetime(2026, 6, 1, 12)},  # noqa: DTZ001 - without a time zone on purpose
    ],
)
async def test_what_is_no_booking(sessions, ids, change):
    async with session_scope(sessions) as session:
        with pytest.raises(InvalidBookingError):
            await book(session, ids, **change)
        assert await bookings.list_bookings(session) == []


async def test_a_retired_resource_takes_no_more_bookings(sessions, ids):
    async with session_scope(sessions) as session:
        await resources.retire_resource(session, ids["resource_id"])
        with pytest.raises(InvalidBookingError, match="not in use"):
            await book(session, ids)


async def test_a_status_goes_one_way(sessions, ids):
    async with session_scope(sessions) as session:
        booking = await book(session, ids)
        with pytest.raises(StatusError, match="is pending and cannot be completed"):
            await bookings.complete_booking(session, booking.id)
        await bookings.confirm_booking(session, booking.id)
        await bookings.mark_no_show(session, booking.id)
        for move in (bookings.confirm_booking, bookings.cancel_booking, bookings.complete_booking):
            with pytest.raises(StatusError, match="is no show and cannot be"):
                await move(session, booking.id)
        with pytest.raises(StatusError):
            await bookings.reschedule_booking(session, booking.id, starts_at=NOON, ends_at=NOON + HOUR)


async def test_deleting_erases_the_history_too(sessions, ids):
    async with session_scope(sessions) as session:
        booking = await book(session, ids)
        await bookings.delete_booking(session, booking.id)
        assert await session.scalar(text("SELECT count(*) FROM booking_events")) == 0
        with pytest.raises(NotFoundError, match=f"no booking {booking.id}"):
            await bookings.get_booking(session, booking.id)


@pytest.mark.parametrize("name", ["customer_id", "resource_id"])
async def test_who_and_what_must_be_there(sessions, ids, name):
    async with session_scope(sessions) as session:
        with pytest.raises(NotFoundError) as caught:
            await book(session, ids | {name: 999})
    assert (caught.value.kind, caught.value.key) == (name.removesuffix("_id"), 999)


async def test_pages_in_the_order_of_time(sessions, ids):
    async with session_scope(sessions) as session:
        made = [await book(session, ids, starts_at=NOON + hour * HOUR) for hour in (3, 0, 4, 1, 2)]
        await bookings.cancel_booking(session, made[0].id)
    async with sessions() as session:
        first = await bookings.list_bookings(session, limit=3)
        position = bookings.Position(first[-1].starts_at, first[-1].id)
        second = await bookings.list_bookings(session, limit=3, after=position)
        assert [booking.starts_at for booking in (*first, *second)] == [NOON + hour * HOUR for hour in range(5)]
        assert first[0].customer.full_name == "Ana Lima"
        cancelled = await bookings.list_bookings(session, status=BookingStatus.CANCELLED)
        assert [booking.id for booking in cancelled] == [made[0].id]
        some = await bookings.list_bookings(
            session,
            customer_id=ids["customer_id"],
            resource_id=ids["resource_id"],
            starts_from=NOON + HOUR,
            starts_before=NOON + 3 * HOUR,
        )
        assert [booking.starts_at for booking in some] == [NOON + HOUR, NOON + 2 * HOUR]
        assert await bookings.list_bookings(session, resource_id=999) == []


async def test_an_address_is_one_users_in_any_case(sessions, ids):
    async with session_scope(sessions) as session:
        with pytest.raises(AlreadyExistsError, match="desk@EXAMPLE"):
            await users.create_user(session, email="desk@EXAMPLE.com", full_name="Another")
        other = await users.create_user(session, email="other@example.com", full_name="Another")
        assert [user.id for user in await users.list_users(session)] == [ids["user_id"], other.id]
        assert await users.list_users(session, after=other.id) == []
        assert (await users.get_user(session, other.id)).is_active


async def test_a_resource_is_the_only_one_of_its_name_in_a_place(sessions, ids):
    room = {"kind": ResourceKind.ROOM, "name": "Cedar Room", "capacity": 2, "hourly_price": Decimal(1)}
    async with session_scope(sessions) as session:
        with pytest.raises(AlreadyExistsError, match="Cedar Room, Harbour Street"):
            await resources.create_resource(session, **room, location="Harbour Street")
        with pytest.raises(IntegrityError):
            await resources.create_resource(session, **room | {"capacity": 0}, location="Old Mill")
        await resources.create_resource(session, **room, location="Old Mill")
        assert len(await resources.list_resources(session)) == 2
        assert (await customers.list_customers(session))[0].id == ids["customer_id"]


@given(st.decimals(0, 1000, places=2), st.integers(1, 10_000))
def test_a_quote_is_exact_to_the_cent(hourly_price, minutes):
    price = bookings.quote(Resource(hourly_price=hourly_price), NOON, NOON + timedelta(minutes=minutes))
    assert abs(price * 60 - hourly_price * minutes) <= Decimal("0.30")
    assert price.as_tuple().exponent == -2
