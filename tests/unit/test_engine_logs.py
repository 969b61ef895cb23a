"""However a log is cut into chunks, its lines come out whole, each with its own time."""

import asyncio
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.services.engine.channel import CAPACITY, Channel, ClosedError
from stack.services.engine.log_lines import LONGEST_LINE, Lines

STAMP = "2026-01-02T03:04:05.{:09d}Z"
TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\n\r"), max_size=40)


def read(chunks):
    lines = Lines("id", "db", "p-db-1")
    return [line for chunk in chunks for line in lines.feed(chunk)] + list(lines.finish())


@settings(deadline=None)
@given(st.lists(TEXT, max_size=8), st.data())
def test_cutting_changes_nothing(texts, data):
    log = "".join(f"{STAMP.format(number)} {text}\n" for number, text in enumerate(texts)).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(log)), max_size=6)))
    # A chunk that begins with a time within a line is a continuation, which the engine alone writes.
    chunks = [log[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(log)], strict=True)]
    whole = read([log])
    assert [line.line.text for line in whole] == texts
    assert [line.stamp for line in whole] == [STAMP.format(number) for number in range(len(texts))]
    if not any(chunk.startswith(b"2026-") for chunk in chunks[1:]):
        assert read(chunks) == whole


def test_a_message_that_the_engine_cut_is_one_line():
    first, second = STAMP.format(1), STAMP.format(2)
    (line,) = read([f"{first} abc".encode(), f"{second} def\n".encode()])
    assert (line.stamp, line.line.text) == (first, "abcdef")


def test_nanoseconds_become_microseconds_and_carriage_returns_go():
    (line,) = read([b"2026-01-02T03:04:05.123456789Z hello\r\n"])
    assert line.line.text == "hello"
    assert line.line.time is not None
    assert line.line.time.isoformat() == "2026-01-02T03:04:05.123456+00:00"


def test_a_line_without_an_end_is_cut():
    lines = read([f"{STAMP.format(1)} ".encode(), b"x" * (3 * LONGEST_LINE), b"\n"])
    assert max(len(line.line.text) for line in lines) <= LONGEST_LINE
    assert "".join(line.line.text for line in lines) == "x" * (3 * LONGEST_LINE)


def test_bytes_that_are_no_utf8_are_shown_as_such():
    (line,) = read([b"2026-01-02T03:04:05Z \xff\xfe\n"])
    assert line.line.text == "\ufffd\ufffd"


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
