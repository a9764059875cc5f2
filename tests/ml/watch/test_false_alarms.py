"""Monitors of data quality and of labels where nothing has changed: seeds in place of a store, and hardly a word."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from tests.ml.watch.elsewhere import CONTRACT, NOON

from wellkept.ml.contract import parse_contract
from wellkept.ml.reference import SCORE, Distribution, categories, distribution
from wellkept.ml.watch.base import Seen, Served
from wellkept.ml.watch.monitors.duplicates import Duplicates
from wellkept.ml.watch.monitors.labelclock import LabelClock
from wellkept.ml.watch.monitors.labelconflict import LabelConflict
from wellkept.ml.watch.monitors.labelfeed import LabelFeedMonitor
from wellkept.ml.watch.monitors.labelstorm import LabelStorm
from wellkept.ml.watch.monitors.newcategories import NewCategories
from wellkept.ml.watch.monitors.ranges import Ranges
from wellkept.ml.watch.monitors.schema import Schema
from wellkept.ml.watch.monitors.sentinels import Sentinels
from wellkept.ml.watch.monitors.staleness import Staleness
from wellkept.ml.watch.monitors.units import Units
from wellkept.ml.watch.rhythm import quiet_since
from wellkept.spine.registry import ModelVersion
from wellkept.store.telemetry.labelfeed import LabelFeed
from wellkept.store.telemetry.looks import LEVELS, Column, Look
from wellkept.store.telemetry.serving import Histograms

SEEDS = 200
PLANS = ["basic", "plus", "pro", "rare"]
SHARES = [0.5, 0.3, 0.19, 0.01]
MONITORS = (
    Schema(), Ranges(), Units(), NewCategories(), Sentinels(), Staleness(), Duplicates(),
    LabelFeedMonitor(), LabelStorm(), LabelClock(), LabelConflict(),
)  # fmt: skip
STEP = 50.0


def spends(random: np.random.Generator, count: int) -> np.ndarray:
    """Heavy-tailed, and zero in a fifth of the rows."""
    return np.where(random.random(count) < 0.2, 0.0, random.standard_t(2, count) ** 2)


def column(values: np.ndarray, random: np.random.Generator, moved: float) -> Column:
    pairs = len(values) // 2
    quantiles = np.quantile(values, LEVELS, method="inverted_cdf")
    seen = int(random.binomial(pairs, moved))
    return Column(False, len(values), len(values), 0.0, 600.0, quantiles, pairs=pairs, moved=seen)


def look(random: np.random.Generator, rows: int) -> Look:
    plans = random.choice(PLANS, rows, p=SHARES)
    words = Column(True, rows, rows, 0.0, 600.0, np.zeros(21), tuple(np.unique(plans).tolist()))
    columns = {
        "tenure": column(random.gamma(2, 20, rows), random, 0.9),
        "spend": column(spends(random, rows), random, 0.4),
        "plan": words,
    }
    return Look(rows, 0.0, 600.0, rows // 2, int(random.binomial(rows, 0.1)), columns, {"": random.gamma(50, 1)})


def served(seed: int, rows: int = 400) -> Served:
    """A model on a day like any other."""
    random = np.random.default_rng(seed)
    plans = random.choice(PLANS, 2000, p=SHARES).tolist()
    reference: dict[str, Distribution] = {
        "tenure": distribution(random.gamma(2, 20, 2000)),
        "spend": distribution(spends(random, 2000)),
        "plan": categories([plan if plan != "rare" else None for plan in plans]),
        SCORE: distribution(random.random(2000)),
    }
    known = reference["plan"].categories
    counts = random.multinomial(rows, [*SHARES[: len(known)], 1 - sum(SHARES[: len(known)])])
    slices = Histograms(np.arange(1.0, 13.0) * STEP, {"plan": counts[None, :].repeat(1, axis=0)}, {})
    made = random.poisson(40, 48)
    labelled = random.binomial(made, 0.3)
    again = random.binomial(labelled, 0.03)
    feed = LabelFeed(
        np.arange(1.0, 49.0) * STEP,
        labelled,
        again,
        random.binomial(again, 0.5),
        np.zeros(48, dtype=np.int64),
        random.binomial(labelled, 0.005),
        made,
        labelled,
    )
    seen = Seen(
        look(random, rows), look(random, rows), feed, (), frozenset(), made, STEP, 48 * STEP, NOON - timedelta(1), True
    )
    none = np.zeros(0)
    champion = ModelVersion("churn", "sha256:1", NOON, "", "onnx", "")
    return Served(
        parse_contract(CONTRACT.replace("at_most: 1000", "at_most: 100000")),
        champion, reference, slices, made[-12:], STEP, {}, none, none, none, seen=seen,
    )  # fmt: skip


@pytest.mark.parametrize("monitor", MONITORS, ids=lambda monitor: monitor.name)
@pytest.mark.parametrize("rows", [120, 1000])
def test_where_nothing_has_changed_nothing_is_said(monitor: object, rows: int) -> None:
    assert hasattr(monitor, "watch")
    said = [monitor.watch(served(seed, rows), NOON) for seed in range(SEEDS // 10)]
    assert [finding.sentence for one in said for finding in one.findings] == []


def test_over_many_seeds_alarms_are_as_rare_as_stated() -> None:
    days = [served(1000 + seed) for seed in range(SEEDS)]
    found = [f.detector for day in days for monitor in MONITORS for f in monitor.watch(day, NOON).findings]
    assert found == []


def test_silence_of_what_comes_by_chance_is_told_as_seldom_as_stated() -> None:
    random = np.random.default_rng(11)
    total = 4000
    alarms = sum(quiet_since(random.poisson(0.5, 48)) >= 0 for _ in range(total))
    assert alarms <= total / 100


@pytest.mark.parametrize("every", [1, 2, 4])
def test_a_batch_is_given_its_pauses(every: int) -> None:
    counts = np.zeros(48, dtype=np.int64)
    counts[::-every] = 100
    for quiet in range(3 * every - 1):
        shifted = np.concatenate([counts[quiet:], np.zeros(quiet, dtype=np.int64)])
        assert quiet_since(shifted) == -1
    gone = 5 * every + 1
    assert quiet_since(np.concatenate([counts[gone:], np.zeros(gone, dtype=np.int64)])) >= 0


def test_half_of_the_labels_missing_is_told_and_a_tenth_is_not() -> None:
    day = served(3)
    assert day.seen is not None
    for part, is_told in ((0.9, False), (0.2, True)):
        feed = day.seen.feed
        fewer = feed.in_time.copy()
        fewer[-14:] = (fewer[-14:] * part).astype(np.int64)
        changed = replace(day, seen=replace(day.seen, feed=replace(feed, in_time=fewer)))
        found = LabelFeedMonitor().watch(changed, NOON).findings
        assert bool(found) is is_told
