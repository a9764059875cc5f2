"""Evidence that may be looked at all the time: false alarms stay as rare as promised, and harm is found."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wellkept.ml.deploy.sequential import Evidence, Floats, design_effect, mean_evidence, share_evidence

ALPHA = 0.05
ENOUGH = -math.log(ALPHA)
RUNS, LOOKS, PER_LOOK = 800, 120, 60
counts = st.integers(0, 10_000)


def canaries(p0: float, p1: float, limit: float, *, share: float = 0.2, wave: float = 0.0) -> Evidence:
    """Runs of a canary, looked at again and again: evidence [runs, looks]. A wave moves both shares up and down."""
    random = np.random.default_rng(7)
    asked1 = random.binomial(PER_LOOK, share, (RUNS, LOOKS))
    moved = 1 + wave * np.sin(np.arange(LOOKS) / 5)
    hits1 = random.binomial(asked1, p1 * moved).cumsum(axis=1)
    hits0 = random.binomial(PER_LOOK - asked1, p0 * moved).cumsum(axis=1)
    rows1 = asked1.cumsum(axis=1)
    rows0 = (PER_LOOK - asked1).cumsum(axis=1)
    return share_evidence(hits1, rows1, hits0, rows0, limit)


def ever(evidence: Floats) -> float:
    """The share of the runs in which the evidence was enough at some look."""
    return float((evidence >= ENOUGH).any(axis=1).mean())


def tolerance(runs: int = RUNS) -> float:
    """Three standard errors of a share of 5 %."""
    return 3 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


@pytest.mark.parametrize(
    ("p0", "limit", "wave"),
    [(0.0, 0.01, 0.0), (0.02, 0.01, 0.0), (0.3, 0.05, 0.0), (0.02, 0.01, 0.9), (0.3, 0.05, 0.9)],
)
def test_a_canary_at_the_very_limit_is_stopped_as_rarely_as_promised(p0: float, limit: float, wave: float) -> None:
    assert ever(canaries(p0, p0 + limit, limit, wave=wave).harm) <= ALPHA + tolerance()


@pytest.mark.parametrize(("p0", "limit"), [(0.0, 0.01), (0.02, 0.01), (0.3, 0.05)])
def test_a_canary_at_the_very_limit_passes_as_rarely_as_promised(p0: float, limit: float) -> None:
    assert ever(canaries(p0, p0 + limit, limit).fine) <= ALPHA + tolerance()


@pytest.mark.parametrize("p0", [0.0, 0.01, 0.3])
def test_a_canary_that_is_as_good_as_the_champion_is_not_stopped(p0: float) -> None:
    assert ever(canaries(p0, p0, 0.01).harm) <= ALPHA / 5


@pytest.mark.parametrize(("p0", "p1"), [(0.0, 0.06), (0.01, 0.09), (0.1, 0.3)])
def test_a_canary_that_does_harm_is_stopped(p0: float, p1: float) -> None:
    assert ever(canaries(p0, p1, 0.01).harm) >= 0.95


def test_a_good_canary_passes() -> None:
    assert ever(canaries(0.001, 0.001, 0.02).fine) >= 0.95


@given(counts, counts, counts, counts, st.floats(0.001, 0.5))
def test_evidence_is_a_number_and_never_for_both(hits1: int, more1: int, hits0: int, more0: int, limit: float) -> None:
    found = share_evidence(hits1, hits1 + more1, hits0, hits0 + more0, limit)

    assert np.isfinite(found.harm)
    assert np.isfinite(found.fine)
    assert min(found.harm, found.fine) <= 1e-6, "one of the hypotheses allows what was seen"


@given(counts, counts, counts, counts)
def test_more_failures_are_never_less_evidence_of_harm(hits1: int, more1: int, hits0: int, more0: int) -> None:
    fewer = share_evidence(hits1, hits1 + more1 + 1, hits0, hits0 + more0 + 1, 0.01)
    more = share_evidence(hits1 + 1, hits1 + more1 + 1, hits0, hits0 + more0 + 1, 0.01)

    assert more.harm >= fewer.harm - 1e-6 or fewer.harm < 1, "where there is little, all fail"


def means(shift: float) -> Evidence:
    """Runs of a comparison of means: evidence [runs, looks] from 100 rows on."""
    random = np.random.default_rng(3)
    rows = np.arange(1, LOOKS + 1) * 20
    sums = random.exponential(1 + shift, (RUNS, LOOKS * 20)).cumsum(axis=1)[:, rows - 1]
    others = random.exponential(1.0, (RUNS, LOOKS * 20)).cumsum(axis=1)[:, rows - 1]
    difference = (sums - others) / rows
    found = mean_evidence(difference, ((1 + shift) ** 2 + 1) / rows, 0.1)
    late = rows >= 100
    return Evidence(found.harm[:, late], found.fine[:, late])


def test_means_that_are_alike_are_told_apart_as_rarely_as_promised() -> None:
    found = means(0.0)

    assert ever(found.harm) <= ALPHA + tolerance()
    assert ever(found.fine) <= ALPHA + tolerance()


def test_a_mean_that_is_greater_is_found() -> None:
    assert ever(means(0.3).harm) >= 0.95


@given(st.floats(-1, 1), st.floats(1e-6, 10), st.floats(1e-4, 1))
def test_harm_of_one_side_is_fine_of_the_other(difference: float, variance: float, scale: float) -> None:
    one, other = mean_evidence(difference, variance, scale), mean_evidence(-difference, variance, scale)

    assert one.harm == pytest.approx(other.fine)
    assert np.isfinite(one.harm)


def test_means_far_out_stay_numbers() -> None:
    found = mean_evidence([-50.0, 50.0], 1e-4, 0.1)

    assert np.isfinite(found.harm).all()
    assert found.harm[0] < 0 < found.harm[1]


def test_one_caller_that_fails_again_and_again_counts_as_one() -> None:
    rows, hits = np.zeros(1024), np.zeros(1024)
    rows[:200], rows[7], hits[7] = 5, 100, 100
    effect = float(design_effect(hits, rows))

    assert hits.sum() / effect < 3
    spread = np.zeros(1024)
    spread[:100] = 1
    assert float(design_effect(spread, rows)) < 2


def by_caller(amounts: NDArray[np.int64], who: NDArray[np.bool_]) -> Floats:
    """float64[1024]: what the callers of one arm amount to, each in a bucket of its own."""
    found = np.zeros(1024)
    found[: len(amounts)] = amounts * who
    return found


def test_callers_that_repeat_themselves_do_not_stop_a_canary() -> None:
    """Ten percent of the callers fail at every request, whoever answers: request by request, that looks like a lot."""
    random = np.random.default_rng(5)
    stopped = naive = 0
    for _ in range(200):
        fails, is_canary, asked = random.random(600) < 0.1, random.random(600) < 0.3, random.poisson(40, 600)
        raw, worth = [], []
        for who in (is_canary, ~is_canary):
            hits, rows = by_caller(asked * fails, who), by_caller(asked, who)
            effect = float(design_effect(hits, rows))
            raw.append((hits.sum(), rows.sum()))
            worth.append((hits.sum() / effect, rows.sum() / effect))
        stopped += int(share_evidence(*worth[0], *worth[1], 0.01).harm > ENOUGH)
        naive += int(share_evidence(*raw[0], *raw[1], 0.01).harm > ENOUGH)

    assert stopped <= 200 * (ALPHA + tolerance(200))
    assert naive > 2 * stopped


def test_where_all_rows_are_of_one_caller_nothing_can_be_told() -> None:
    rows = np.zeros(1024)
    rows[3] = 1000

    assert float(design_effect(np.zeros(1024), rows)) == 1000
    assert float(design_effect(np.zeros(1024), np.zeros(1024))) == 1
