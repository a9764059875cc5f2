"""Histograms of predictions: from sketches as from rows, whatever is written late or twice, and across a death."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.fixtures import Opening
from tests.store.telemetry.scenes import at

from wellkept.store.telemetry import sketches as module
from wellkept.store.telemetry.counting import SCORE, Asked, Counting, Yardstick
from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.predictions import PREDICTIONS
from wellkept.store.telemetry.serving import Histograms, Serving
from wellkept.store.telemetry.telemetry import Telemetry

HOUR = Grid.of(at(0), at(3600), 900)
EDGES: Yardstick = {SCORE: (0.25, 0.5), "a": (-1.0, 0.0, 1.0), "b": tuple(float(n) for n in range(12)), "c": ("x", "y")}
NUMBERS = st.none() | st.sampled_from([-1.0, 0.0, 1.0, 5.0, math.nextafter(1.0, 2)]) | st.floats(-20, 20)

Row = dict[str, Any]
ROWS = st.lists(
    st.fixed_dictionaries(
        {"id": st.sampled_from("pqrstu"), "second": st.integers(-100, 3700), "score": st.floats(0, 1)},
        optional={"a": NUMBERS, "b": NUMBERS, "c": st.sampled_from(["", "x", "y", "z"]), "shadow": st.just(True)},
    ),
    min_size=1,
    max_size=15,
)


def write(telemetry: Telemetry, rows: Sequence[Row], model: str = "m", version: str = "v") -> None:
    made = [
        {
            "id": row["id"],
            "time": at(row["second"]),
            "model": model,
            "version": version,
            "score": row["score"],
            "features": [(name, row[name]) for name in "ab" if name in row],
            "categories": [("c", row["c"])] if "c" in row else [],
            "attributes": [("shadow_of", "other")] if "shadow" in row else [],
        }
        for row in rows
    ]
    columns = PREDICTIONS.empty_table().select(list(made[0])).schema
    telemetry.predictions.write(pa.Table.from_pylist(made, schema=columns))


def brute_force(rows: Sequence[Row], grid: Grid, edges: Yardstick) -> Histograms:
    bins = {name: np.zeros((grid.count, len(parts) + 1), dtype=np.int64) for name, parts in edges.items()}
    nulls = {name: np.zeros(grid.count, dtype=np.int64) for name in edges}
    newest = {(row["id"], row["second"]): row for row in rows}
    for row in newest.values():
        moment = at(row["second"]).timestamp() * 1000
        step = (moment - grid.start_ms) // grid.step_ms
        for name, parts in edges.items() if grid.start_ms <= moment < grid.end_ms else ():
            if name == "c" and "c" in row and row["c"]:
                bins[name][int(step), ("x", "y", row["c"]).index(row["c"])] += 1
            elif name in ("c", "a", "b") and name in row and row[name] in (None, ""):
                nulls[name][int(step)] += 1
            elif name != "c" and (name == SCORE or name in row):
                value = row["score" if name == SCORE else name]
                bins[name][int(step), sum(value > edge for edge in parts)] += 1
    return Histograms(grid.times, bins, nulls)


def check(found: Histograms, wanted: Histograms) -> None:
    assert {name: bins.tolist() for name, bins in found.bins.items()} == {
        name: bins.tolist() for name, bins in wanted.bins.items()
    }
    assert {name: nulls.tolist() for name, nulls in found.nulls.items()} == {
        name: nulls.tolist() for name, nulls in wanted.nulls.items()
    }


def alike(telemetry: Telemetry, grid: Grid = HOUR) -> bool:
    """Whether sketches and rows say the same."""
    sketched = telemetry.serving.histograms("m", "v", grid, EDGES)
    counted = Counting(telemetry.engine).count(Asked("m", "v"), grid, EDGES)
    for name in EDGES:
        assert np.array_equal(sketched.bins[name], counted.bins[name])
        assert np.array_equal(sketched.nulls[name], counted.nulls[name])
        if name in counted.least:
            assert np.array_equal(sketched.least[name], counted.least[name], equal_nan=True)
            assert np.array_equal(sketched.greatest[name], counted.greatest[name], equal_nan=True)
    return True


def sketched_rows(telemetry: Telemetry) -> int:
    found = telemetry.engine.query("SELECT count() AS n FROM prediction_sketches FINAL")
    return int(found["n"][0].as_py())


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, ROWS)
def test_histograms_are_what_brute_force_gives(telemetry: Telemetry, early: list[Row], late: list[Row]) -> None:
    for table in ("predictions", "prediction_sketches"):
        telemetry.engine.command(f"TRUNCATE TABLE {table}")
    write(telemetry, early)
    check(telemetry.serving.histograms("m", "v", HOUR, EDGES), brute_force(early, HOUR, EDGES))
    write(telemetry, late)  # some of it is late, and some was written before
    rows = [*early, *late]
    check(telemetry.serving.histograms("m", "v", HOUR, EDGES), brute_force(rows, HOUR, EDGES))
    fine = Grid.of(at(0), at(3600), 70)  # no sketch fits
    check(telemetry.serving.histograms("m", "v", fine, EDGES), brute_force(rows, fine, EDGES))
    assert alike(telemetry)
    given_to_somebody = [row for row in {(r["id"], r["second"]): r for r in rows}.values() if "shadow" not in row]
    wanted = brute_force(given_to_somebody, HOUR, {SCORE: ()}).bins[SCORE][:, 0]
    assert telemetry.serving.rates("m", HOUR).tolist() == wanted.tolist()


def scene(count: int = 60, every_s: int = 60, **more: Any) -> list[Row]:
    numbers = np.random.default_rng(5).normal(size=count)
    return [
        {"id": f"p{n}", "second": n * every_s, "score": 0.5, "a": float(x), "c": "x", **more}
        for n, x in enumerate(numbers)
    ]


SPANS = st.tuples(st.integers(0, 8), st.integers(1, 8)).map(lambda part: (part[0] * 300, (part[0] + part[1]) * 300))


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(ROWS, SPANS, SPANS), min_size=2, max_size=3))
def test_windows_that_move_miss_nothing(
    telemetry: Telemetry, turns: list[tuple[list[Row], tuple[int, int], tuple[int, int]]]
) -> None:
    for rows, *spans in turns:
        write(telemetry, rows)
        for start, end in spans:
            assert alike(telemetry, Grid.of(at(start), at(end), 300))


def test_what_is_sketched_is_not_counted_again(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    write(telemetry, scene())
    before = telemetry.serving.histograms("m", "v", HOUR, EDGES)
    asked: list[Grid] = []
    count = Counting.count

    def noted(self: Counting, whose: Asked, grid: Grid, edges: Yardstick, **more: Any) -> Any:
        asked.append(grid)
        return count(self, whose, grid, edges, **more)

    monkeypatch.setattr(Counting, "count", noted)
    check(telemetry.serving.histograms("m", "v", HOUR, EDGES), before)
    assert not asked
    write(telemetry, [{"id": "late", "second": 700, "score": 0.1, "a": 9.0}])
    assert telemetry.serving.histograms("m", "v", HOUR, EDGES).greatest["a"][0] == 9.0
    assert [(grid.start_ms, grid.end_ms) for grid in asked] == [tuple(at(s).timestamp() * 1000 for s in (600, 900))]


def test_what_is_due_is_counted_together_where_little_lies_between(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Grid] = []
    count = Counting.count

    def noted(self: Counting, whose: Asked, grid: Grid, edges: Yardstick, **more: Any) -> Any:
        asked.append(grid)
        return count(self, whose, grid, edges, **more)

    monkeypatch.setattr(Counting, "count", noted)
    month = Grid.of(at(0), at(30 * 86400), 86400)
    write(telemetry, scene(30, 86400))
    assert telemetry.serving.histograms("m", "v", month, EDGES).bins[SCORE].sum() == 30
    assert len(asked) == 1
    monkeypatch.setattr(module, "_MOST_AGAIN", 10)
    write(telemetry, [{"id": "late", "second": day * 86400 + 1, "score": 0.1} for day in (0, 1, 20)])
    asked.clear()
    assert telemetry.serving.histograms("m", "v", month, EDGES).bins[SCORE].sum() == 33
    assert len(asked) == 2
    monkeypatch.undo()
    assert alike(telemetry, month)


def test_sketches_are_what_rows_are_after_a_restart(opening: Opening) -> None:
    first = opening(Telemetry)
    write(first, scene(30))
    first.serving.histograms("m", "v", HOUR, EDGES)
    write(first, scene(60))
    first.close()
    again = opening(Telemetry)
    assert alike(again)
    write(again, [{"id": "more", "second": 10, "score": 0.9}])
    assert alike(again)


def test_sketches_that_were_not_kept_are_counted_again(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the platform was killed between counting and keeping."""
    write(telemetry, scene())

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_rows", dies)
    with pytest.raises(KeyboardInterrupt):
        telemetry.serving.histograms("m", "v", HOUR, EDGES)
    assert sketched_rows(telemetry) == 0
    monkeypatch.undo()
    assert alike(telemetry)


def test_what_predictions_told_stays_when_they_are_removed(opening: Opening) -> None:
    first = opening(Telemetry)
    write(first, scene())
    before = first.serving.histograms("m", "v", HOUR, EDGES)
    first.engine.command("TRUNCATE TABLE predictions")
    check(first.serving.histograms("m", "v", HOUR, EDGES), before)
    first.close()
    again = opening(Telemetry)  # blocks are numbered anew now
    write(again, [{"id": "late", "second": 10, "score": 0.1}])
    found = again.serving.histograms("m", "v", HOUR, EDGES)
    check(found, before)
    write(again, [{"id": "new", "second": 3600 + n, "score": 0.1} for n in range(5)])
    later = Grid.of(at(3600), at(4500), 900)
    assert again.serving.histograms("m", "v", later, EDGES).bins[SCORE].sum() == 5


def test_other_edges_have_sketches_of_their_own(telemetry: Telemetry) -> None:
    write(telemetry, scene())
    assert alike(telemetry)
    other: Yardstick = {**EDGES, "a": (0.5,), "c": ("y",)}
    check(telemetry.serving.histograms("m", "v", HOUR, other), count(telemetry, other))
    assert alike(telemetry)


def count(telemetry: Telemetry, edges: Yardstick) -> Histograms:
    counted = Counting(telemetry.engine).count(Asked("m", "v"), HOUR, edges)
    return Histograms(HOUR.times, counted.bins, counted.nulls)


def test_a_slice_counts_its_rows_alone(telemetry: Telemetry) -> None:
    rows = scene(20)
    for n, row in enumerate(rows):
        row["c"], row["b"] = "xy"[n % 2], n % 4
    write(telemetry, rows)
    serving = telemetry.serving
    found = {word: serving.histograms("m", "v", HOUR, EDGES, slice=("c", word)).bins[SCORE].sum() for word in "xyz"}
    assert found == {"x": 10, "y": 10, "z": 0}
    assert serving.histograms("m", "v", HOUR, EDGES, slice=("b", "3")).bins["a"].sum() == 5
    fine = Grid.of(at(0), at(3600), 70)
    assert serving.histograms("m", "v", fine, EDGES, slice=("c", "x")).bins["a"].sum() == 10
    assert serving.histograms("m", "v", HOUR, EDGES).bins[SCORE].sum() == 20


def test_an_erased_entity_is_in_no_sketch(telemetry: Telemetry) -> None:
    row = {"id": "e", "time": at(10), "model": "m", "version": "v", "score": 0.9, "entity_key": "card-1"}
    write(telemetry, scene())
    schema = PREDICTIONS.empty_table().select(list(row)).schema
    telemetry.predictions.write(pa.Table.from_pylist([row], schema=schema))
    assert telemetry.serving.histograms("m", "v", HOUR, EDGES).greatest[SCORE][0] == 0.9
    telemetry.erasure.erase("card-1")
    assert telemetry.serving.histograms("m", "v", HOUR, EDGES).greatest[SCORE][0] == 0.5


@pytest.mark.parametrize("is_sketched", [True, False])
def test_the_most_common_value_is_told_with_its_share(telemetry: Telemetry, is_sketched: bool) -> None:
    rows = scene()
    for row in rows[::2]:
        row["a"] = 7.0
    for row in rows[50:]:
        row["b"] = None if row["second"] % 120 else 3.0
    write(telemetry, rows)
    if is_sketched:
        telemetry.serving.histograms("m", "v", HOUR, EDGES)
    tops = telemetry.serving.tops("m", "v", at(0), at(3600))
    assert tops == {"a": (7.0, 0.5), "b": (3.0, 1.0)}


def test_a_full_disk_keeps_no_sketch_and_tells_the_same(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    from wellkept.kernel.errors import OverloadError

    write(telemetry, scene())

    def full() -> None:
        raise OverloadError("telemetry is full", 1)

    monkeypatch.setattr(telemetry.engine.space, "guard", full)
    found = Serving(telemetry.engine).histograms("m", "v", HOUR, EDGES)
    assert (found.bins[SCORE].sum(), sketched_rows(telemetry)) == (60, 0)
