"""Sample data is the same for the same seed, keeps every rule of the tables, and looks like a calendar of bookings."""

import hashlib
import json
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from stack.booking.sample import Sample, scale_for
from stack.booking.schedule import BATCH, LONGEST_LEAD


def rows(text: bytes) -> list[list[str]]:
    return [line.split("\t") for line in text.decode().splitlines()]


def of(bookings: int, seed: int = 1) -> tuple[list[list[str]], list[list[str]]]:
    batches = list(Sample(scale_for(bookings), seed).batches())
    return (
        [row for batch in batches for row in rows(batch.booking_lines)],
        [row for batch in batches for row in rows(batch.event_lines)],
    )


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_the_same_seed_makes_the_same_rows_on_any_day_and_any_python():
    sample = Sample(scale_for(5000), 7)
    digest = hashlib.sha256()
    for lines in (sample.users(), sample.customers(), sample.resources()):
        digest.update("".join(lines).encode())
    for batch in sample.batches():
        digest.update(batch.booking_lines + batch.event_lines)
    assert digest.hexdigest() == "3b025863407ee01c027e23df45c8f603aaa095aec8c939009adb8f60016d0e60"
    assert of(100, 1) != of(100, 2)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 3000), st.integers())
def test_rows_keep_the_rules_of_the_tables(wanted, seed):
    scale = scale_for(wanted)
    sample = Sample(scale, seed)
    resources = [line.split("\t") for line in sample.resources()]
    assert len({(row[2], row[3]) for row in resources}) == len(resources) == scale.resources
    emails = [line.split("\t")[1] for line in sample.users()]
    assert len(set(emails)) == len(emails) == scale.users
    assert len(list(sample.customers())) == scale.customers
    bookings, events = of(wanted, seed)
    assert [int(row[0]) for row in bookings] == list(range(1, wanted + 1))
    assert [int(row[0]) for row in events] == list(range(1, len(events) + 1))
    taken = defaultdict(list)
    for _, customer, resource, starts, ends, status, party, price, _, created in bookings:
        assert 1 <= int(customer) <= scale.customers
        assert 1 <= int(party) <= int(resources[int(resource) - 1][4])
        assert int(price) > 0
        assert status in {"pending", "confirmed", "completed", "no_show", "cancelled"}
        assert timedelta() < moment(starts) - moment(created) <= timedelta(days=LONGEST_LEAD + 1)
        taken[resource].append((moment(starts), moment(ends)))
    for times in taken.values():
        assert all(start < end for start, end in times)
        assert all(before[1] <= after[0] for before, after in pairwise(sorted(times)))


def test_a_history_tells_how_a_booking_came_to_its_status():
    bookings, events = of(4000)
    histories = defaultdict(list)
    for _, booking, kind, user, details, happened in events:
        assert user == r"\N" or 1 <= int(user) <= 12
        assert (details != r"\N") == (kind == "rescheduled")
        if details != r"\N":
            assert json.loads(details).keys() == {"from", "to"}
        histories[booking].append((moment(happened), kind))
    for row in bookings:
        history = histories[row[0]]
        assert history == sorted(history, key=lambda event: event[0])
        assert history[0] == (moment(row[9]), "created")
        last = history[-1][1]
        assert last in {row[5], "created" if row[5] == "pending" else "rescheduled"}


def test_it_looks_like_a_calendar():
    bookings, _ = of(20_000)
    statuses = Counter(row[5] for row in bookings)
    assert statuses.keys() == {"pending", "confirmed", "completed", "no_show", "cancelled"}
    assert statuses["completed"] > len(bookings) / 2
    assert statuses["confirmed"] > len(bookings) / 10
    assert not [row for row in bookings if moment(row[3]).weekday() == 6]
    assert {moment(row[3]).hour for row in bookings} >= set(range(9, 21))
    assert not [row for row in bookings if moment(row[3]).hour < 8]
    assert 0.1 < sum(row[8] != r"\N" for row in bookings) / len(bookings) < 0.3


def test_memory_is_bounded_by_the_batch():
    batches = Sample(scale_for(10 * BATCH), 1).batches()
    first = next(batches)
    assert first.bookings == BATCH
    assert len(first.booking_lines) + len(first.event_lines) < 10_000_000
