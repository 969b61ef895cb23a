"""However a log is cut into chunks, its lines come out whole, each with its own time, in order, and counted."""

import asyncio
import struct
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.services.control import LogLine, Overflow
from stack.services.engine.channel import CAPACITY, Channel, ClosedError
from stack.services.engine.intake import AT_ONCE, BYTES, LINES, Intake, shares
from stack.services.engine.log_lines import LONGEST_LINE, LineReader, Overlap, Seen, Source, Splitter, StampedLine
from stack.services.engine.reordering import Reordering

STAMP = "2026-01-02T03:04:05.{:09d}Z"
TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\n\r"), max_size=40)
SOURCE = Source("id", "db", 1, "p-db-1")
OTHER = Source("other", "web", 1, "p-web-1")


def framed(message, stream=1):
    data = message if isinstance(message, bytes) else message.encode()
    return struct.pack(">BxxxI", stream, len(data)) + data


def split(chunks, *, framed=True):
    splitter = Splitter(framed)
    return [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.finish()


def read(raws):
    reader = LineReader(SOURCE)
    return [reader.read(raw) for raw in raws]


def cut(data, log):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(log)), max_size=6)))
    return [log[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(log)], strict=True)]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 2), TEXT), max_size=8), st.data())
def test_cutting_changes_nothing(written, data):
    messages = [framed(f"{STAMP.format(n)} {text}\n", stream) for n, (stream, text) in enumerate(written)]
    lines = read(split(cut(data, b"".join(messages))))
    assert [stamped.line.text for stamped in lines] == [text for _, text in written]
    assert [stamped.stamp % 1_000_000_000 for stamped in lines] == list(range(len(written)))


@given(st.lists(TEXT, max_size=8), st.data())
def test_cutting_a_terminals_log_changes_nothing(texts, data):
    chunks = cut(data, "".join(f"{STAMP.format(n)} {text}\r\n" for n, text in enumerate(texts)).encode())
    # A chunk that begins with a time within a line is a continuation, which the engine alone writes.
    if not any(chunk.startswith(b"2026-") for chunk in chunks[1:]):
        assert [stamped.line.text for stamped in read(split(chunks, framed=False))] == texts


def test_a_message_that_the_engine_cut_is_one_line_though_the_other_stream_comes_between():
    first, between, second = STAMP.format(1), STAMP.format(2), STAMP.format(3)
    messages = [framed(f"{first} abc"), framed(f"{between} other\n", 2), framed(f"{second} def\n")]
    assert [stamped.line.text for stamped in read(split(messages))] == ["other", "abcdef"]


def test_nanoseconds_become_microseconds_and_time_zones_universal_time():
    [stamped] = read([b"2026-01-02T05:04:05.123456789+02:00 hello\r"])
    assert stamped.line.text == "hello"
    assert stamped.line.time is not None
    assert stamped.line.time.isoformat() == "2026-01-02T03:04:05.123456+00:00"
    assert stamped.stamp % 1_000_000_000 == 123_456_789


def test_a_line_without_an_end_is_cut():
    messages = [framed(f"{STAMP.format(1)} "), *(framed(b"x" * 16384) for _ in range(12)), framed(b"\n")]
    lines = read(split(messages))
    assert max(len(stamped.line.text) for stamped in lines) <= LONGEST_LINE
    assert "".join(stamped.line.text for stamped in lines) == "x" * (12 * 16384)
    assert len({stamped.stamp for stamped in lines}) == 1


def test_bytes_that_are_no_utf8_are_shown_as_such():
    [stamped] = read([b"2026-01-02T03:04:05Z \xff\xfe"])
    assert stamped.line.text == "\ufffd\ufffd"


@given(st.lists(st.integers(0, 5), max_size=12).map(sorted), st.integers(0, 12), st.data())
def test_a_log_that_is_read_anew_goes_on_after_the_last_line_though_several_have_one_time(times, known, data):
    raws = [f"{STAMP.format(time)} {number}".encode() for number, time in enumerate(times)]
    reader = LineReader(SOURCE)
    for raw in raws[:known]:
        reader.read(raw)
    overlap = Overlap(reader.seen)
    pieces = cut(data, raws)
    assert [line for piece in pieces for line in overlap.rest(piece)] == raws[known:]


def test_seen_is_told_to_the_engine_to_the_nanosecond():
    assert Seen(1_767_323_045_000_000_007, 1).since == "1767323045.000000007"


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50)), max_size=30))
def test_lines_come_out_in_order_and_none_is_lost(arrivals):
    order, out = Reordering(window=5.0), []
    for now, (log, stamp) in enumerate(arrivals):
        order.add(float(now), [StampedLine(stamp, LogLine("db", "c", None, f"{log} {stamp}"))])
        out += order.ready(float(now))
    out += order.flush()
    assert sorted(line.text for line in out) == sorted(f"{log} {stamp}" for log, stamp in arrivals)
    assert order.seconds(0.0) is None


def test_an_older_line_that_comes_within_the_window_is_put_before_a_younger_one():
    order = Reordering(window=0.1)
    young, old = (StampedLine(stamp, LogLine("db", "c", None, str(stamp))) for stamp in (2, 1))
    order.add(0.0, [young])
    assert list(order.ready(0.05)) == []
    order.add(0.05, [old])
    assert order.seconds(0.05) == pytest.approx(0.05)
    assert [line.text for line in order.ready(0.1)] == ["1", "2"]


@given(st.lists(st.integers(0, 300), max_size=8), st.integers(0, 500))
def test_shares_are_fair(wanted, total):
    given_ = shares(wanted, total)
    assert all(0 <= got <= want for got, want in zip(given_, wanted, strict=True))
    assert sum(given_) <= total
    short = [got for got, want in zip(given_, wanted, strict=True) if got < want]
    if short:
        assert max(given_) - min(short) <= 1
        assert sum(given_) >= total - len(wanted)
    else:
        assert given_ == wanted


async def test_of_too_much_the_newest_is_kept_and_the_rest_counted():
    intake = Intake(Overflow.DROP)
    count = LINES + 1234
    intake.put(SOURCE, [str(number).encode() for number in range(count)])
    intake.put(OTHER, [b"quiet"])
    intake.end(SOURCE)
    portions, _ = await intake.take(None)
    first, second = portions
    assert (first.dropped, first.lines[0], first.ended) == (1234, b"1234", False)
    assert (second.dropped, second.lines) == (0, (b"quiet",))
    assert len(first.lines) + len(second.lines) == AT_ONCE
    taken = list(first.lines)
    while not first.ended:
        [first] = (await intake.take(None))[0]
        assert first.dropped == 0
        taken += first.lines
    assert taken == [str(number).encode() for number in range(1234, count)]
    assert await intake.take(0.01) == ((), ())


async def test_long_lines_are_too_much_sooner():
    intake = Intake(Overflow.DROP)
    intake.put(SOURCE, [b"x" * (BYTES // 4)] * 10)
    [portion] = (await intake.take(None))[0]
    assert (portion.dropped, len(portion.lines)) == (6, 4)


async def test_what_was_skipped_comes_after_nothing_that_is_older():
    intake = Intake(Overflow.DROP)
    intake.put(SOURCE, [b"old"])
    intake.skip(SOURCE, 6.5)
    intake.put(SOURCE, [b"new"])
    [portion] = (await intake.take(None))[0]
    assert (portion.dropped, portion.skipped, portion.lines) == (1, 6.5, (b"new",))


async def test_who_may_lose_nothing_waits_and_closing_frees_it():
    intake = Intake(Overflow.WAIT)
    ended = threading.Event()

    def write():
        number = 0
        try:
            while True:
                intake.put(SOURCE, [str(number).encode()])
                number += 1
        except ClosedError:
            ended.set()

    threading.Thread(target=write, daemon=True).start()
    taken = []
    while len(taken) < 3 * LINES:
        for portion in (await asyncio.wait_for(intake.take(None), 10))[0]:
            assert portion.dropped == 0
            taken += portion.lines
    assert taken == [str(number).encode() for number in range(len(taken))]
    intake.close()
    assert ended.wait(10)


async def test_a_writer_waits_for_the_reader_and_nothing_is_lost():
    channel = Channel[int]()
    count = 3 * CAPACITY
    writer = threading.Thread(target=lambda: [channel.put(number) for number in range(count)])
    writer.start()
    taken = []
    while len(taken) < count:
        batch = await asyncio.wait_for(channel.take(), 10)
        assert len(batch) <= CAPACITY
        taken += batch
    writer.join()
    assert taken == list(range(count))


async def test_closing_frees_a_writer_that_waits():
    channel = Channel[int]()
    ended = threading.Event()

    def fill():
        for number in range(CAPACITY + 1):
            channel.put(number)

    def write():
        with pytest.raises(ClosedError):
            fill()
        ended.set()

    threading.Thread(target=write, daemon=True).start()
    channel.close()
    assert ended.wait(10)
