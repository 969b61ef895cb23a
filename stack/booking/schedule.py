r"""A schedule of sample bookings, day after day, with what happened to each.

Every kind of resource has its opening hours and a stock of plans of a day, in which no booking begins before the one
before it has ended. Each resource follows one of them a day, so none is ever booked twice. All that is drawn for a
booking comes out of the bits of one number of 64: this is the innermost loop of a seed of millions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from random import Random
from typing import Final

from stack.booking.models import BookingStatus, ResourceKind
from stack.booking.words import NOTES

FIRST_DAY: Final = date(2026, 1, 5)
"""The Monday on which the schedule opens. It is fixed: a seed is to make the same rows whatever day it is."""

BATCH: Final = 20_000
"""Bookings made, and held in memory, at a time."""

LONGEST_LEAD: Final = 60
"""Days between the making of a booking and its day, at most."""

_CLOSED: Final = 6  # Sundays
_PAST_SHARE: Final = 0.75  # of the schedule lies before its «today»
_PLANS: Final = 128  # a kind; seven bits choose one
_NULL: Final = r"\N"


@dataclass(frozen=True, slots=True)
class Bookable:
    """What the schedule has to know of a resource."""

    id: int
    kind: ResourceKind
    capacity: int
    price_a_half_hour: int


@dataclass(frozen=True, slots=True)
class Batch:
    """So many bookings and what happened to them, each as lines for COPY."""

    bookings: int
    booking_lines: bytes
    events: int
    event_lines: bytes


@dataclass(frozen=True, slots=True)
class _Hours:
    """When a kind of resource opens and closes, and how long its bookings are, all in half hours of the day."""

    opens: int
    closes: int
    lengths: tuple[int, ...]


_HOURS: Final = {
    ResourceKind.ROOM: _Hours(16, 40, (2, 2, 3, 4, 6, 8)),
    ResourceKind.TABLE: _Hours(23, 46, (3, 3, 4, 4, 5)),
    ResourceKind.PERSON: _Hours(18, 37, (1, 1, 2, 2, 3)),
}

# 64 each; six bits choose one. Plain texts: formatting a member of an enum takes as long as the rest of a line.
_PENDING, _CONFIRMED, _COMPLETED, _NO_SHOW, _CANCELLED = (status.value for status in BookingStatus)
_PAST: Final = (*[_COMPLETED] * 54, *[_CANCELLED] * 7, *[_NO_SHOW] * 3)
_FUTURE: Final = (*[_CONFIRMED] * 44, *[_PENDING] * 15, *[_CANCELLED] * 5)
# Most bookings are made a few days ahead, some long before.
_LEADS: Final = tuple(1 + step**3 * (LONGEST_LEAD - 1) // 63**3 for step in range(64))
_NOTES: Final = tuple(NOTES[step] if step < len(NOTES) else _NULL for step in range(128))
_MORNING: Final = tuple(f"{8 + step // 12:02}:{step % 12 * 5:02}+00" for step in range(64))
_AFTERNOON: Final = tuple(f"{14 + step // 12:02}:{step % 12 * 5:02}+00" for step in range(64))
_EVENING: Final = "20:00+00"
_NIGHT: Final = "22:15+00"

_Slot = tuple[str, str, int]
"""When a booking begins and ends, as the text of a time in UTC, and its length in half hours."""

_Event = tuple[str, str, str]
"""An event's kind, details and time."""


def schedule(
    resources: Sequence[Bookable], *, bookings: int, customers: int, users: int, random: Random
) -> Iterator[Batch]:
    """Yield so many `bookings` with their events, `BATCH` of them at a time but for the last; ids begin at 1.

    Lines are of id, customer_id, resource_id, starts_at, ends_at, status, party_size, price, notes, created_at; and of
    id, booking_id, kind, user_id, details, happened_at.
    """
    draw = random.getrandbits
    plans = {kind: [_plan(hours, random) for _ in range(_PLANS)] for kind, hours in _HOURS.items()}
    rows = [(made.id, made.capacity, made.price_a_half_hour, plans[made.kind]) for made in resources]
    a_day = sum(sum(map(len, plans[made.kind])) / _PLANS for made in resources)
    today = round(_PAST_SHARE * bookings / a_day * 7 / 6)
    staff = [str(step + 1) if step < users else _NULL for step in range(16)]
    booking = event = 0
    booking_lines: list[str] = []
    event_lines: list[str] = []
    for day, days in _open_days():
        on = days[-1]
        statuses = _PAST if day < today else _FUTURE
        for resource, capacity, price, its_plans in rows:
            for slot in its_plans[draw(7)]:
                starts, ends, length = slot
                bits = draw(64)
                status = statuses[bits & 63]
                user = staff[bits >> 18 & 15]
                history = _history(status, bits, days, slot)
                made = history[0][2]
                booking += 1
                booking_lines.append(
                    f"{booking}\t{1 + (bits >> 43) % customers}\t{resource}\t{on} {starts}\t{on} {ends}\t{status}"
                    f"\t{1 + (bits >> 32 & 15) % capacity}\t{length * price}\t{_NOTES[bits >> 36 & 127]}\t{made}\n"
                )
                event_lines += [
                    f"{number}\t{booking}\t{kind}\t{user}\t{details}\t{at}\n"
                    for number, (kind, details, at) in enumerate(history, event + 1)
                ]
                event += len(history)
                if len(booking_lines) == BATCH or booking == bookings:
                    yield _batch(booking_lines, event_lines)
                    booking_lines, event_lines = [], []
                    if booking == bookings:
                        return


def _batch(bookings: list[str], events: list[str]) -> Batch:
    return Batch(len(bookings), "".join(bookings).encode(), len(events), "".join(events).encode())


def _history(status: str, bits: int, days: Sequence[str], slot: _Slot) -> list[_Event]:
    """Return what happened to a booking of the last of `days` until it had its `status`, oldest first."""
    starts, ends, _ = slot
    lead = _LEADS[bits >> 6 & 63]
    made_on = days[-1 - lead]
    history = [("created", _NULL, f"{made_on} {_MORNING[bits >> 12 & 63]}")]
    if status == _CANCELLED:
        history.append((status, _NULL, f"{days[-1 - (lead + 1) // 2]} {_NIGHT}"))
    elif status != _PENDING:
        history.append(("confirmed", _NULL, f"{made_on} {_AFTERNOON[bits >> 22 & 63]}"))
        if bits >> 28 & 15 == 0:
            history.append(("rescheduled", _moved(days[-1], starts, ends), f"{made_on} {_EVENING}"))
        if status != _CONFIRMED:
            history.append((status, _NULL, f"{days[-1]} {ends}"))
    return history


def _open_days() -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each open day, with the dates up to it as far back as bookings of it are made."""
    days = [str(FIRST_DAY + timedelta(days=day)) for day in range(-LONGEST_LEAD, 0)]
    for day in count():
        days = [*days[-LONGEST_LEAD:], str(FIRST_DAY + timedelta(days=day))]
        if day % 7 != _CLOSED:
            yield day, days


def _plan(hours: _Hours, random: Random) -> tuple[_Slot, ...]:
    """Return the bookings of a day, one after the other with breaks between them."""
    slots: list[_Slot] = []
    at = hours.opens + random.getrandbits(2)
    while True:
        length = hours.lengths[random.getrandbits(16) % len(hours.lengths)]
        if at + length > hours.closes:
            return tuple(slots)
        slots.append((_clock(at), _clock(at + length), length))
        at += length + random.getrandbits(2)


def _clock(half_hours: int) -> str:
    return f"{half_hours // 2:02}:{half_hours % 2 * 30:02}+00"


def _moved(day: str, starts: str, ends: str) -> str:
    """Return the details of a move from a week later to `day`, as `stack.booking.bookings` writes them."""
    a_week_later = date.fromisoformat(day) + timedelta(days=7)
    old, new = (f"{on}T{starts[:5]}:00+00:00/{on}T{ends[:5]}:00+00:00" for on in (a_week_later, day))
    return f'{{"from": "{old}", "to": "{new}"}}'
