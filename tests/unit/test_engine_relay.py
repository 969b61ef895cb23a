"""Both outputs of a program come out of one stream whole and in order, wherever it is cut."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from stack.services.engine.relay import Frames

PIECES = st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=30)), max_size=8)


@given(PIECES, st.data())
def test_frames_are_taken_apart_wherever_they_are_cut(pieces, data):
    stream = b"".join(struct.pack(">B3xL", output, len(piece)) + piece for output, piece in pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    frames = Frames()
    got = [
        found
        for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for found in frames.feed(stream[begin:end])
    ]
    for output in (1, 2):
        assert b"".join(piece for it, piece in got if it == output) == b"".join(p for it, p in pieces if it == output)
    order = [output for output, piece in pieces for _ in piece]
    assert [output for output, piece in got for _ in piece] == order


def test_a_large_frame_is_passed_on_as_it_comes():
    frames = Frames()
    assert list(frames.feed(struct.pack(">B3xL", 2, 1 << 30) + b"begun")) == [(2, b"begun")]
    assert list(frames.feed(b" and goes on")) == [(2, b" and goes on")]
