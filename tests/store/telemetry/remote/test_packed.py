"""Requests of remote write 1.0 that the engine unpacks, and groups of them of which not everything is as usual."""

from __future__ import annotations

import random

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.store.telemetry.remote.messages import Labels, Samples, request1
from tests.store.telemetry.remote.test_remote import AT, RECEIVED, UP, many, requests, sent, stored

from wellkept.kernel.errors import InputError, TooLargeError
from wellkept.store.telemetry.failures import BodyError
from wellkept.store.telemetry.remote.packed import LARGEST, Packed, joined
from wellkept.store.telemetry.remote.writer import Version, check_version
from wellkept.store.telemetry.telemetry import Telemetry
from wellkept.store.telemetry.varint import varint

OTHER: Labels = {**UP, "instance": "h2:80"}


def packed(body: bytes) -> Packed:
    return Packed.of("request", bytes(cramjam.snappy.compress_raw(body)), 20 << 20)


def insert(telemetry: Telemetry, *bodies: bytes | Packed) -> list[int]:
    return [one.items for one in telemetry.remote.insert(Version.V1, bodies, RECEIVED)]


@many
@given(groups=st.lists(st.tuples(requests, st.booleans()), min_size=1, max_size=3))
def test_what_is_stored_is_what_was_sent_packed_or_not(
    telemetry: Telemetry, groups: list[tuple[list[tuple[Labels, Samples]], bool]]
) -> None:
    """And again when every series is known."""
    telemetry.engine.command("TRUNCATE TABLE metric_points")
    bodies: list[bytes | Packed] = []
    for number, (group, is_packed) in enumerate(groups):
        for _, points in group:
            points[:] = [(at + number * 20_000, value) for at, value in points]
        bodies.append(packed(request1(*group)) if is_packed else request1(*group))
    for _ in range(2):
        assert insert(telemetry, *bodies) == [sum(len(points) for _, points in group) for group, _ in groups]
        assert stored(telemetry) == sent(*(series for group, _ in groups for series in group))


def test_known_series_of_several_packed_requests_stay_apart(telemetry: Telemetry) -> None:
    two = packed(request1((UP, [(AT, 1.0)]), (OTHER, [(AT, 0.0)])))
    for _ in range(2):
        assert insert(telemetry, two, packed(b""), packed(request1((UP, [(AT + 1, 2.0)])))) == [2, 0, 1]
    assert stored(telemetry) == sent((UP, [(AT, 1.0), (AT + 1, 2.0)]), (OTHER, [(AT, 0.0)]))


def test_a_field_that_is_not_known_is_passed_over(telemetry: Telemetry) -> None:
    source = b"\x10\x05"
    for _ in range(2):
        assert insert(telemetry, packed(request1((UP, [(AT, 1.0)])) + source), request1((OTHER, [(AT, 1.0)]))) == [1, 1]
    assert stored(telemetry) == sent((UP, [(AT, 1.0)]), (OTHER, [(AT, 1.0)]))


def test_a_block_that_the_engine_has_no_room_for_is_unpacked_before(telemetry: Telemetry) -> None:
    series = [({**UP, "instance": f"h{number}", "pod": "p" * 300}, [(AT, float(number))]) for number in range(4000)]
    body = packed(request1(*series))
    assert len(body) > LARGEST
    for _ in range(2):
        assert insert(telemetry, body, packed(request1((OTHER, [(AT, 1.0)])))) == [4000, 1]
    assert stored(telemetry) == sent(*series, (OTHER, [(AT, 1.0)]))


def test_a_request_that_is_cut_off_takes_nothing_from_its_neighbour(telemetry: Telemetry) -> None:
    """One behind the other they would be whole: a series that ends with the neighbour."""
    good = request1((UP, [(AT, 1.0)]))
    insert(telemetry, good)
    cut_off = request1((OTHER, [(AT, 1.0)])) + b"\x0a" + varint(len(good))
    for bodies in ([cut_off, good], [packed(cut_off), packed(good)]):
        with pytest.raises(InputError, match="cannot be decoded"):
            insert(telemetry, *bodies)
    assert stored(telemetry) == sent((UP, [(AT, 1.0)]))


def test_a_damaged_block_is_the_senders_fault(telemetry: Telemetry) -> None:
    good = packed(request1((UP, [(AT, 1.0)])))
    damaged = Packed(good.block[:-3], good.size)
    with pytest.raises(BodyError, match="must be a snappy block"):
        damaged.unpacked()
    with pytest.raises(InputError, match=r"remote write 1\.0 request must be a snappy block|must be a snappy block"):
        insert(telemetry, good, damaged)
    assert stored(telemetry) == []


def test_a_length_that_is_not_true_is_the_senders_fault(telemetry: Telemetry) -> None:
    block = packed(request1((UP, [(AT, 1.0)]))).block
    assert block[0] < 0x7F
    with pytest.raises(InputError, match="must be a snappy block"):
        insert(telemetry, Packed.of("request", bytes([block[0] + 1]) + block[1:], 1000))


def test_what_is_no_block_is_refused_before_it_waits() -> None:
    for block, rule in ((b"", "is empty"), (b"\xff" * 20, "must be a snappy block")):
        with pytest.raises(InputError, match=rule):
            Packed.of("request", block, 1000)
    with pytest.raises(TooLargeError, match="at most 9 bytes after decompression"):
        Packed.of("request", bytes(cramjam.snappy.compress_raw(b"x" * 10)), 9)
    with pytest.raises(InputError, match="does not begin with bytes of its own"):
        check_version(Version.V1, Packed.of("request", b"no snappy", 1000))
    with pytest.raises(InputError, match="does not begin with bytes of its own"):
        check_version(Version.V1, Packed.of("request", b"\x05", 1000))


@given(st.binary(min_size=1, max_size=400))
def test_the_first_byte_is_known_without_unpacking(body: bytes) -> None:
    assert packed(body).first() == body[0]
    assert packed(body).unpacked() == body


def test_the_first_byte_of_long_blocks_is_known_too() -> None:
    for size in (60, 61, 256, 257, 65_536, 65_537, 300_000):
        body = random.Random(size).randbytes(size)
        assert packed(body).first() == body[0]
    assert packed(b"").first() is None


def test_only_what_is_packed_alike_is_read_packed() -> None:
    one, two = packed(b"abc"), packed(b"defg")
    content, packing = joined([one, packed(b""), two])
    assert packing == "snappy"
    assert content == b"".join(
        size.to_bytes(4, "big") + len(each.block).to_bytes(4, "big") + each.block for size, each in ((3, one), (4, two))
    )
    assert joined([one, b"xy"]) == (b"abcxy", "none")
