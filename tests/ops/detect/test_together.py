"""Entities with several metrics: what is learned of them outlives the process, is bounded, and follows what comes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wellkept.ops.detect import together
from wellkept.ops.detect.baseline import SHIPPED
from wellkept.ops.detect.baseline.base import EntityScores
from wellkept.ops.detect.feed import Fed
from wellkept.ops.detect.learned import Learned
from wellkept.store.checkpoint import Checkpoint
from wellkept.store.telemetry.window import SeriesInfo, Window

STEP_S = 10.0
START = 100_000
SERIES = tuple(SeriesInfo(n + 1, f"m{n % 4}", "1", "gauge", f"service:s{n // 4}") for n in range(12))


def fed(end: int, values: np.ndarray, series: tuple[SeriesInfo, ...] = SERIES, new: int = 1) -> Fed:
    """The first half of the series are metrics, the others come from logs."""
    times = STEP_S * np.arange(START + end - len(values) + 1, START + end + 1, dtype=np.float64)
    half = len(series) // 2
    metrics, logs = Window(times, values[:, :half], series[:half]), Window(times, values[:, half:], series[half:])
    empty = Window(times, np.empty((len(times), 0)), ())
    return Fed(metrics, empty, empty, logs, new)


def values(steps: int, wide: int = 12) -> np.ndarray:
    return np.random.default_rng(1).normal(100, 5, (steps, wide))


def said(learned: Learned, end: int, data: np.ndarray, series: tuple[SeriesInfo, ...] = SERIES) -> EntityScores:
    return learned.entities(fed(end, data[end - 19 : end + 1], series), 1.0)


def assert_same(left: EntityScores, right: EntityScores) -> None:
    order = [left.names.index(name) for name in right.names]
    for name in ("size", "rarity"):
        np.testing.assert_allclose(getattr(left, name)[:, order], getattr(right, name), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(left.threshold[order], right.threshold, rtol=1e-5)
    assert left.ready[order].tolist() == right.ready.tolist()


def test_an_entity_is_in_one_place_whichever_windows_its_metrics_are_in_and_steps_may_come_in_parts(
    tmp_path: Path,
) -> None:
    data = values(600)
    data[595:, 4:7] += 40
    steps, parts = Learned(STEP_S), Learned(STEP_S)
    for end in range(20, 600):
        steps.learn(fed(end, data[max(0, end - 19) : end + 1]))
        if end == 400:
            memory = Checkpoint(tmp_path / "it.npz")
            steps.save(memory)
            steps = Learned(STEP_S)
            assert steps.restore(memory)
    for first, last in ((20, 200), (200, 201), (201, 517), (517, 600)):
        parts.learn(fed(last - 1, data[first:last], new=last - first))
    found = said(steps, 599, data)
    assert_same(said(parts, 599, data), found)
    assert found.names == ("service:s0", "service:s1", "service:s2")
    assert found.ready.all()
    assert found.rarity.max(axis=0)[1] > found.threshold[1]
    assert (found.rarity.max(axis=0)[[0, 2]] < found.threshold[[0, 2]]).all()


def test_of_a_metric_with_several_series_the_worst_counts_and_two_names_are_too_few() -> None:
    memory = together.EntityMemory(SHIPPED)
    names = ("a", "a", "a", "b", "c", "x", "x", "y")
    series = tuple(
        SeriesInfo(n, name, "1", "gauge", "host:two" if name in "xy" else "host:one") for n, name in enumerate(names)
    )
    memory.learn((series,), [np.array([[1, 9, 2, 4, 5, 7, 7, 7]], np.float32)], np.array([10.0]))
    found = memory.scores((series,), 1.0)
    assert found.names == ("host:one",)
    assert found.size.tolist() == [[6.0]]


def test_entities_come_and_go_and_what_was_not_seen_for_long_is_let_go() -> None:
    data, learned = values(900), Learned(STEP_S)
    for end in range(20, 300):
        learned.learn(fed(end, data[max(0, end - 19) : end + 1]))
    assert learned.entities_known == 3
    newer = tuple(replace(info, id=info.id + 100, entity=info.entity + "n") for info in SERIES)
    for end in range(300, 400):
        learned.learn(fed(end, data[end - 19 : end + 1], newer))
    assert learned.entities_known == 6
    learned.forget(50 * STEP_S, 20 * STEP_S)
    assert learned.entities_known == 3
    found = said(learned, 399, data, newer)
    assert not found.ready.any()
    learned.learn(fed(400, data[381:401], newer))
    for end in range(401, 800):
        learned.learn(fed(end, data[end - 19 : end + 1], newer))
    assert said(learned, 799, data, newer).ready.all()


def test_entities_and_their_metrics_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "MOST_ENTITIES", 2)
    monkeypatch.setattr(together, "MOST_METRICS", 3)
    memory = together.EntityMemory(SHIPPED)
    series = SERIES
    memory.learn((series,), [np.tile(np.array([1, 2, 3, 90], np.float32), (1, 3))], np.array([10.0]))
    found = memory.scores((series,), 1.0)
    assert found.names == ("service:s0", "service:s1")
    assert found.size.tolist() == [[2.0, 2.0]]


def test_a_checkpoint_of_the_format_before_is_gone_on_from_and_only_entities_are_learned_anew(tmp_path: Path) -> None:
    data, learned = values(400), Learned(STEP_S)
    for end in range(20, 400):
        learned.learn(fed(end, data[max(0, end - 19) : end + 1]))
    memory = Checkpoint(tmp_path / "it.npz")
    learned.save(memory)
    loaded = memory.load()
    assert loaded is not None
    header, arrays = loaded
    old = {k: a for k, a in arrays.items() if not k.startswith("entities.") and not k.endswith("said.standard")}
    memory.save({**header, "format": 1}, old)
    again = Learned(STEP_S)
    assert again.restore(memory)
    assert again.scores(fed(399, data[380:400]))["metrics"].ready.all()
    assert not said(again, 399, data).ready.any()
    damaged = {**arrays, "entities.names": np.frombuffer(json.dumps(["one"]).encode(), np.uint8)}
    memory.save(header, damaged)
    assert not Learned(STEP_S).restore(memory)
