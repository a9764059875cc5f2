"""Readers that read ahead in a replay give what the store gives, with few of its queries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, timedelta

import numpy as np
import pytest
from tests.app import outage

from wellkept.app.replay import Replay, at_step
from wellkept.app.replayahead import Ahead
from wellkept.app.settings import Ops
from wellkept.ops.ingest.recording.recording import find, read
from wellkept.store.telemetry.present import Present
from wellkept.store.telemetry.telemetry import Telemetry
from wellkept.store.telemetry.window import Window

STEP = timedelta(seconds=outage.STEP_S)
AT = outage.START.astimezone(UTC)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telemetry]:
    """A store with all of an outage in it."""
    recording = read(find(outage.record(tmp_path_factory.mktemp("ahead") / "outage"), None), "")
    with closing(Replay(recording, tmp_path_factory.mktemp("ahead-store") / "data", at_step(Ops(), 10.0))) as run:
        run.feed(recording.first_ns - 1, recording.last_ns)
        yield run.telemetry


@pytest.fixture
def ahead(filled: Telemetry) -> Ahead:
    made = Ahead(filled)
    made.stored(AT + 60 * STEP)
    return made


def same(found: Window, expected: Window) -> None:
    assert found.series == expected.series
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_allclose(found.times, expected.times)


def test_windows_are_those_of_the_store(filled: Telemetry, ahead: Ahead) -> None:
    plain, quick = filled.metrics.follow(), ahead.metrics.follow()
    for step in range(5, 50, 2):
        start, end = AT + (step - 3) * STEP, AT + step * STEP
        same(quick.read(start, end, 10.0), plain.read(start, end, 10.0))
        same(ahead.logs.counts(start, end, 10.0), filled.logs.counts(start, end, 10.0))
        same(ahead.spans.red(start, end, 10.0), filled.spans.red(start, end, 10.0))
        same(ahead.spans.exclusive(start, end, 10.0), filled.spans.exclusive(start, end, 10.0))
        same(ahead.metrics.window(start, end, 10.0), filled.metrics.window(start, end, 10.0))
        names = ["system.filesystem.usage"]
        same(ahead.metrics.window(start, end, 10.0, names=names), filled.metrics.window(start, end, 10.0, names=names))
        assert ahead.spans.edges(start, end).to_pylist() == filled.spans.edges(start, end).to_pylist()


def test_what_holds_nothing_is_empty(filled: Telemetry, ahead: Ahead) -> None:
    start, end = AT + 100 * STEP, AT + 103 * STEP
    same(ahead.spans.red(start, end, 10.0), filled.spans.red(start, end, 10.0))
    assert ahead.spans.edges(start, end).to_pylist() == []
    after, until = (round(moment.timestamp() * 1e9) for moment in (start, end))
    assert ahead.patterns.count(after, until, 10.0, 5, recorded=True).num_rows == 0


def test_it_is_known_where_anything_is(filled: Telemetry) -> None:
    first = round(AT.timestamp() * 1e9) - 10**10
    present = Present(filled.engine, first)
    assert "process.cpu.utilization" in present.metrics
    for there in (present.spans, present.lines):
        assert there(first, first + 2 * 10**10)
        assert not there(first + 10**13, first + 2 * 10**13)
        assert there(first - 10**13, first - 10**12), "of what lies before, nothing is known"
