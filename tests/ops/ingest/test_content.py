"""Compressed bodies: opened within a limit, and refused with a reason."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.kernel.errors import InputError, TooLargeError
from wellkept.ops.ingest.content import gunzip

WHAT = "OTLP logs request"


@given(st.binary(max_size=2000), st.integers(0, 9))
def test_what_was_compressed_comes_back(content: bytes, level: int) -> None:
    assert gunzip(WHAT, gzip.compress(content, level), 2000) == content


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_several_members_are_one_content(parts: list[bytes]) -> None:
    assert gunzip(WHAT, b"".join(gzip.compress(part) for part in parts), 1000) == b"".join(parts)


def test_nothing_is_nothing() -> None:
    assert gunzip(WHAT, b"", 10) == b""


@pytest.mark.parametrize("members", [1, 3])
def test_the_limit_counts_what_was_unpacked(members: int) -> None:
    body = gzip.compress(b"x" * 100) * members
    assert len(gunzip(WHAT, body, 100 * members)) == 100 * members
    with pytest.raises(TooLargeError, match=rf"must be at most {100 * members - 1} bytes after decompression"):
        gunzip(WHAT, body, 100 * members - 1)


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"\0" * (64 << 20))
    tracemalloc.start()
    with pytest.raises(TooLargeError):
        gunzip(WHAT, bomb, 1 << 20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


def test_a_bomb_of_many_small_members_is_not_unpacked() -> None:
    with pytest.raises(TooLargeError):
        gunzip(WHAT, gzip.compress(b"") * 1000 + gzip.compress(b"\0" * 4096) * 1000, 1 << 20)


def test_cut_off_at_every_byte() -> None:
    body = gzip.compress(b"some content that is long enough to be worth it")
    for end in range(1, len(body)):
        with pytest.raises(InputError, match="OTLP logs request"):
            gunzip(WHAT, body[:end], 1000)


@pytest.mark.parametrize(
    "damage", [b"not gzip at all", b"\x1f\x8b\x08\x00", gzip.compress(b"fine", mtime=0) + b"trailing"]
)
def test_damage_is_named(damage: bytes) -> None:
    with pytest.raises(InputError, match="gzip"):
        gunzip(WHAT, damage, 1000)
