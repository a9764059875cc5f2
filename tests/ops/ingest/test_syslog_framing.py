"""Messages on a TCP connection: counted or by lines, in whatever pieces they arrive, and nothing thrown away."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkept.ops.ingest.syslog.framing import Framer

LIMIT = 64


def framed(*pieces: bytes, limit: int = LIMIT) -> list[bytes]:
    framer = Framer(limit)
    return [message for piece in pieces for message in framer.feed(piece)] + framer.end()


def counted(*messages: bytes) -> bytes:
    return b"".join(b"%d %b" % (len(message), message) for message in messages)


@pytest.mark.parametrize(
    ("stream", "messages"),
    [
        (b"<1>a\n<2>b\n", [b"<1>a", b"<2>b"]),
        (b"<1>a\n\n\n<2>b", [b"<1>a", b"<2>b"]),
        (b"5 <1>ab6 <1>abc", [b"<1>ab", b"<1>abc"]),
        (b"9 <1>a\nb\ncd", [b"<1>a\nb\ncd"]),
        (b"5 <1>ab<2>then a line\n", [b"<1>ab", b"<2>then a line"]),
        (b"<1>a\n5 <1>ab", [b"<1>a", b"<1>ab"]),
        (b"5 <1>ab3 any", [b"<1>ab", b"any"]),
        (b"12 monkeys\n<1>a\n", [b"12 monkeys", b"<1>a"]),
        (b"12\n", [b"12"]),
        (b"1234567890 too long a number\n", [b"1234567890 too long a number"]),
        (b"0 <1>a\n", [b"0 <1>a"]),
        (b"9 <1>cut", [b"<1>cut"]),
        (b"garbage without an end", [b"garbage without an end"]),
        (b"", []),
        (b"\n \n", [b" "]),
    ],
)
def test_a_stream_in_one_piece_and_byte_by_byte(stream: bytes, messages: list[bytes]) -> None:
    assert framed(stream) == messages
    assert framed(*(stream[n : n + 1] for n in range(len(stream)))) == messages


def test_what_is_too_long_comes_in_pieces() -> None:
    assert framed(b"<1>345678901234567\n<2>b\n", limit=8) == [b"<1>34567", b"89012345", b"67", b"<2>b"]
    assert framed(counted(b"<1>345678901234567", b"<2>b"), limit=8) == [b"<1>34567", b"89012345", b"67", b"<2>b"]
    assert framed(b"x" * 8 + b"\n", limit=8) == [b"x" * 8]


def test_a_huge_count_holds_nothing_back_for_long() -> None:
    framer = Framer(8)
    assert framer.feed(b"999999999 <1>" + b"x" * 20) == [b"<1>xxxxx", b"x" * 8]
    assert len(framer._buffer) < 8


lines = st.lists(
    st.binary(min_size=1, max_size=30).filter(lambda m: b"\n" not in m).map(lambda m: b"<" + m), max_size=8
)
cuts = st.lists(st.integers(0, 300), max_size=10)


@given(messages=lines, cuts=cuts, is_counted=st.booleans())
@settings(deadline=None)
def test_however_it_is_cut_the_messages_come_out(messages: list[bytes], cuts: list[int], is_counted: bool) -> None:
    stream = counted(*messages) if is_counted else b"".join(message + b"\n" for message in messages)
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})

    pieces = [stream[a:b] for a, b in itertools.pairwise(places)]

    assert framed(*pieces) == messages


@given(stream=st.binary(max_size=200), limit=st.integers(1, 40))
@settings(deadline=None)
def test_no_byte_of_a_message_is_lost(stream: bytes, limit: int) -> None:
    """Whatever comes: what is left out is line ends, counts, blanks around nothing, and nothing else."""
    found = b"".join(framed(stream, limit=limit))
    rest = iter(stream)
    assert all(byte in rest for byte in found)
    assert _telling(stream) == _telling(found)


def _telling(data: bytes) -> int:
    """How many bytes are neither digits nor white space."""
    return sum(not (bytes([byte]).isspace() or bytes([byte]).isdigit()) for byte in data)
