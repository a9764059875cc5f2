"""When targets are scraped."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wellkept.ops.ingest.scrape.job import Job
from wellkept.ops.ingest.scrape.targets import own_targets
from wellkept.ops.ingest.scrape.timing import first_due, next_due, offset_s, written_at

NOW = st.floats(1.7e9, 1.8e9)
EVERY = st.floats(0.1, 3600)
PART = st.floats(0, 0.999)


@given(NOW, EVERY, PART)
def test_the_first_scrape_comes_within_an_interval(now: float, every: float, part: float) -> None:
    assert -1e-5 <= first_due(now, every, every * part) - now <= every + 1e-5


@given(NOW, EVERY, PART, st.floats(-0.01, 0.01), st.floats(0, 0.9))
def test_scrapes_are_an_interval_apart_however_long_they_take(
    now: float, every: float, part: float, early: float, took: float
) -> None:
    due = first_due(now, every, every * part)
    following = next_due(due + early * every, due + took * every, every, every * part)

    assert abs(following - due - every) < 1e-5


@given(NOW, EVERY, PART, st.floats(1.01, 20))
def test_moments_that_have_gone_by_are_left_out(now: float, every: float, part: float, took: float) -> None:
    due = first_due(now, every, every * part)
    following = next_due(due, due + took * every, every, every * part)

    assert -1e-5 <= following - (due + took * every) <= every + 1e-5


@given(NOW, EVERY, PART, st.floats(-1e6, 1e6))
def test_a_clock_that_is_set_keeps_nobody_waiting(now: float, every: float, part: float, jump: float) -> None:
    due = first_due(now, every, every * part)

    assert next_due(due, due + jump, every, every * part) - (due + jump) <= every + 1e-5


def test_targets_are_spread_over_the_interval_and_each_keeps_its_place() -> None:
    job = Job.model_validate({"job": "many", "every_s": 10, "targets": [f"host-{n}:9100" for n in range(1000)]})
    offsets = [offset_s(target) for target in own_targets(job).values()]

    assert offsets == [offset_s(target) for target in own_targets(job).values()]
    counts = [sum(second <= offset < second + 1 for offset in offsets) for second in range(10)]
    assert sum(counts) == 1000
    assert all(60 <= count <= 140 for count in counts)


def test_a_scrape_that_begins_nearly_on_time_is_written_on_time() -> None:
    assert [written_at(5.0, at) for at in (4998, 5000, 5002, 5003)] == [5000, 5000, 5000, 5003]
