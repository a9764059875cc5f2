"""Moments of RFC 3339, exact to the nanosecond, and what they may not be."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkept.kernel.clock import to_nanos
from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.moments import nanos_of, rfc3339

BASE = 1_795_629_218 * 10**9


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("2026-11-25T17:53:38Z", BASE),
        ("2026-11-25t17:53:38z", BASE),
        ("2026-11-25 17:53:38Z", BASE),
        ("2026-11-25T19:23:38+01:30", BASE),
        ("2026-11-25T17:53:38.1Z", BASE + 100_000_000),
        ("2026-11-25T17:53:38.123456789Z", BASE + 123_456_789),
        ("2026-11-25T17:53:38.1234567899Z", BASE + 123_456_789),
        ("2016-12-31T23:59:60Z", 1_483_228_799 * 10**9),
        ("0001-01-01T00:00:00Z", 0),
        ("0001-01-01T00:00:00+05:00", 0),
        ("1969-12-31T23:59:59.9Z", 0),
        ("9999-12-31T23:59:59Z", 253_402_300_799 * 10**9),
    ],
)
def test_a_moment(text: str, nanos: int) -> None:
    assert nanos_of("time", text) == nanos


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-25",
        "2026-11-25T17:53:38",
        "2026-11-25T17:53Z",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-11-25T24:00:00Z",
        "2026-11-25T17:53:38+25:00",
        "2026-11-25T17:53:38.Z",
        " 2026-11-25T17:53:38Z",
        "0000-01-01T00:00:00Z",
        "２026-11-25T17:53:38Z",
        7,
        None,
    ],
)
def test_what_is_none(text: object) -> None:
    with pytest.raises(InputError, match="time: must be a moment in RFC 3339"):
        nanos_of("time", text)


@given(st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds
@settings(deadline=None)
def test_what_is_written_is_read_back(moment: datetime) -> None:
    assert rfc3339("time", moment.isoformat()) == moment
    assert nanos_of("time", moment.isoformat()) == to_nanos(moment)
