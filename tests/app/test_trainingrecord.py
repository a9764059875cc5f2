"""What is told of trainings: one that took far longer than usual."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ml.workshop import NOON

from wellkept.app.trainingrecord import slowness
from wellkept.spine.registry import Job


def run(seconds: float, name: str = "job-0", **details: object) -> Job:
    """A run that worked for so long, and waited for an hour before."""
    steps = [{"name": name, "seconds": share * seconds} for name, share in (("snapshot", 0.25), ("train", 0.75))]
    ended = NOON + timedelta(hours=1, seconds=seconds)
    return Job(name, "train", "model:fraud", "done", NOON, ended, {"steps": steps, **details})


def test_a_run_that_took_far_longer_than_usual_is_told_with_both_numbers() -> None:
    earlier = [run(seconds) for seconds in (40, 50, 60)]

    found = slowness(run(200, "job-1"), earlier, NOON)

    assert found is not None
    assert found.sentence == "A training of fraud took 200 s, where 50 s was usual over 3 runs."
    assert (found.score, found.attributes["cause"]) == (4.0, "slow")


def test_what_is_short_unknown_or_was_taken_over_tells_nothing() -> None:
    late = run(500, "job-1")

    assert slowness(late, [run(1)] * 2, NOON) is None, "too few runs are known"
    assert slowness(run(59, "job-1"), [run(1)] * 3, NOON) is None, "a minute is not slow"
    assert slowness(late, [run(1, taken={"train": "job-9"})] * 3, NOON) is None, "others did the work"


@given(earlier=st.lists(st.floats(1, 1e5), min_size=3, max_size=9), took=st.floats(0, 1e6))
@settings(deadline=None, max_examples=50)
def test_nothing_within_three_times_the_quickest_is_slow(earlier: list[float], took: float) -> None:
    found = slowness(run(took, "job-1"), [run(seconds) for seconds in earlier], NOON)

    assert found is None or took > 2.9 * min(earlier)
