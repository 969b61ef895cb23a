r"""Sample data that could be real: people, what they book, and their bookings, the same for the same seed.

Rows are lines of COPY's text format, ready to send: a tab between columns, ``\N`` for NULL. Only draws of whole numbers
are used, whose sequence for a seed no version of Python changes.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from random import Random
from typing import Final, TypeVar

from stack.booking.models import ResourceKind
from stack.booking.schedule import FIRST_DAY, LONGEST_LEAD, Batch, Bookable, schedule
from stack.booking.words import FIRST_NAMES, LAST_NAMES, PROFESSIONS, ROOMS, SITES, TABLES

_T = TypeVar("_T")

_STAFF: Final = 12
_MOST_CUSTOMERS: Final = 400_000
_MOST_RESOURCES: Final = 4000
_BOOKINGS_A_RESOURCE: Final = 1500
_KINDS: Final = (
    ResourceKind.ROOM,
    ResourceKind.TABLE,
    ResourceKind.PERSON,
    ResourceKind.TABLE,
    ResourceKind.TABLE,
    ResourceKind.ROOM,
)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything a number of bookings wants."""

    bookings: int
    users: int
    customers: int
    resources: int


@dataclass(frozen=True, slots=True)
class _Resource:
    location: str
    name: str
    bookable: Bookable


def scale_for(bookings: int) -> Scale:
    """Return how many users, customers and resources go with `bookings` bookings."""
    return Scale(
        bookings=bookings,
        users=_STAFF,
        customers=max(20, min(bookings // 6, _MOST_CUSTOMERS)),
        resources=max(12, min(bookings // _BOOKINGS_A_RESOURCE, _MOST_RESOURCES)),
    )


class Sample:
    """All the rows of one scale and one seed; ids begin at 1."""

    def __init__(self, scale: Scale, random_seed: int) -> None:
        """Take how much and which; the same two make the same rows."""
        self.scale = scale
        self._seed = random_seed
        self._resources = _make_resources(scale.resources, self._random("resources"))

    def users(self) -> Iterator[str]:
        """Yield lines of id, email, full_name, is_active, created_at."""
        random = self._random("users")
        opening = f"{FIRST_DAY - timedelta(days=400)} 09:00+00"
        for number in range(1, self.scale.users + 1):
            name, mailbox = _person(random)
            active = "f" if number % 6 == 0 else "t"
            yield f"{number}\t{mailbox}.{number}@staff.example.com\t{name}\t{active}\t{opening}\n"

    def customers(self) -> Iterator[str]:
        """Yield lines of id, full_name, email, phone, created_at."""
        random = self._random("customers")
        joined = [f"{FIRST_DAY - timedelta(days=LONGEST_LEAD + back)} 10:30+00" for back in range(1, 701)]
        for number in range(1, self.scale.customers + 1):
            name, mailbox = _person(random)
            bits = random.getrandbits(32)
            host = ("com", "org", "net")[bits % 3]
            email = r"\N" if bits % 11 == 0 else f"{mailbox}.{number}@example.{host}"
            # Numbers that the North American plan keeps for fiction.
            phone = r"\N" if bits % 7 == 0 else f"+1 202 555 01{bits % 100:02}"
            yield f"{number}\t{name}\t{email}\t{phone}\t{joined[bits % 700]}\n"

    def resources(self) -> Iterator[str]:
        """Yield lines of id, kind, location, name, capacity, hourly_price, is_active, created_at."""
        opening = f"{FIRST_DAY - timedelta(days=365)} 09:00+00"
        for made in self._resources:
            it = made.bookable
            price = 2 * it.price_a_half_hour
            yield f"{it.id}\t{it.kind}\t{made.location}\t{made.name}\t{it.capacity}\t{price}\tt\t{opening}\n"

    def batches(self) -> Iterator[Batch]:
        """Yield the bookings with their events, as `schedule` has them."""
        return schedule(
            [resource.bookable for resource in self._resources],
            bookings=self.scale.bookings,
            customers=self.scale.customers,
            users=self.scale.users,
            random=self._random("schedule"),
        )

    def _random(self, purpose: str) -> Random:
        return Random(f"{self._seed}:{purpose}")  # noqa: S311 - no secret is made of it


def _make_resources(number: int, random: Random) -> list[_Resource]:
    taken: set[tuple[str, str]] = set()
    made: list[_Resource] = []
    for key in range(1, number + 1):
        kind = _KINDS[key % len(_KINDS)]
        location = SITES[key % len(SITES)]
        name, capacity, price = _describe(kind, random)
        again = 2
        unique = name
        while (location, unique) in taken:
            unique = f"{name} {again}"
            again += 1
        taken.add((location, unique))
        made.append(_Resource(location, unique, Bookable(key, kind, capacity, price)))
    return made


def _describe(kind: ResourceKind, random: Random) -> tuple[str, int, int]:
    """Return a name, a capacity and a price for half an hour."""
    match kind:
        case ResourceKind.ROOM:
            return _pick(random, ROOMS), _pick(random, (4, 6, 8, 12, 20, 40)), _pick(random, (10, 15, 20, 30, 45))
        case ResourceKind.TABLE:
            return _pick(random, TABLES), _pick(random, (2, 2, 4, 4, 6, 8)), _pick(random, (4, 5, 6, 8))
        case ResourceKind.PERSON:
            name, _ = _person(random)
            return f"{name}, {_pick(random, PROFESSIONS)}", 1, _pick(random, (18, 25, 32, 40))


def _pick(random: Random, choices: Sequence[_T]) -> _T:
    return choices[random.getrandbits(32) % len(choices)]


def _person(random: Random) -> tuple[str, str]:
    """Return somebody's name, and the same as the part of an address before the @."""
    first, last = _pick(random, FIRST_NAMES), _pick(random, LAST_NAMES)
    return f"{first} {last}", f"{_mailbox(first)}.{_mailbox(last)}"


@cache
def _mailbox(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.lower().replace("ø", "o").replace("ı", "i"))
    return "".join(letter for letter in plain if letter.isascii() and letter.isalpha())
