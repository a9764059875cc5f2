"""Over which stretch the answers of a model are read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.kernel.clock import SettableClock
from wellkept.store.telemetry.telemetry import Telemetry
from wellkept.web import readings
from wellkept.web.readings import Readings
from wellkept.web.recent import Recent

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Store:
    """A telemetry store whose predictions nobody reads."""

    predictions = None


@given(seconds=st.integers(0, 86_400), span=st.sampled_from([timedelta(minutes=30), timedelta(hours=6), timedelta(7)]))
def test_the_newest_answers_are_missing_for_a_part_of_a_bucket_alone(seconds: int, span: timedelta) -> None:
    asked: list[tuple[datetime, datetime]] = []

    def read(_: Any, __: str, start: datetime, end: datetime, ___: datetime) -> None:
        asked.append((start, end))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readings, "read_answers", read)
        now = NOON + timedelta(seconds=seconds)
        clock = SettableClock(now)
        Readings(cast("Telemetry", Store()), Recent(clock), clock).answers("fraud", now - span, now)

    ((start, end),) = asked
    assert timedelta() <= now - end <= max(timedelta(minutes=1), span / 900 + timedelta(milliseconds=1))
    assert abs((end - start) - span) <= max(timedelta(minutes=1), span / 900) + timedelta(milliseconds=1)
