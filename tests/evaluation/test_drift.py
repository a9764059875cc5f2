"""Measuring drift: folders are told by their columns, scores are those of the protocol, keys are there."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from wellkept.evaluation import drift
from wellkept.evaluation.drift_points import covering, f1
from wellkept.evaluation.drift_streams import label_of, played_table, started_to_move, table_of
from wellkept.evaluation.streams_known import make
from wellkept.kernel.errors import InputError

ROWS = 6000


def _table(random: np.random.Generator) -> pl.DataFrame:
    value = random.normal(size=ROWS)
    moves = np.where(np.arange(ROWS) < 5000, 0.4, random.random(ROWS))
    label = (random.random(ROWS) < 1 / (1 + np.exp(-value))).astype(np.int8)
    return pl.DataFrame({
        "row": np.arange(ROWS, dtype=np.int32),
        "customer_id": random.integers(0, 90, ROWS),
        "value": value,
        "late": moves,
        "kind": random.choice(["a", "b", "c"], ROWS),
        "up": label,
        "scenario": label.astype(np.int32) * random.integers(1, 4, ROWS),
    })  # fmt: skip


def test_generated_streams_give_the_promised_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "KNOWN", ("none", "sudden"))
    monkeypatch.setattr(drift, "make", partial(make, rows=16_000, features=6))
    found = drift.evaluate(None, seeds=1, speed_rows=0)
    assert {"false_alarms_per_month", "detected", "delay_windows", "seconds_10m_rows"} <= found.keys()
    assert found["detected"] == 1.0
    assert found["kinds"]["none"]["false_alarms_per_month"] == found["false_alarms_per_month"]
    assert found["seconds_10m_rows"] is None


def test_a_stream_is_told_by_its_order_and_its_certain_change_is_found(tmp_path: Path) -> None:
    _table(np.random.default_rng(1)).write_parquet(tmp_path / "stream.parquet")
    found = drift.evaluate(tmp_path)
    (one,) = found["folders"].values()
    assert one["certain_change_row"] == 5000 - int(0.35 * ROWS)
    assert one["detected"] == 1.0
    assert one["delay_windows"] < 1
    assert one["inputs"] == 3


def test_keys_orders_and_other_words_for_the_label_are_no_inputs() -> None:
    table = _table(np.random.default_rng(2))
    played = played_table(table)
    assert label_of(table) == "up"
    assert played.names == ("value", "late", "kind")
    assert list(played.texts) == ["kind"]
    assert started_to_move(played_table(table.with_columns(late=pl.lit(0.4)))) is None


def test_tables_of_one_folder_are_joined_by_the_key_that_they_share(tmp_path: Path) -> None:
    table = _table(np.random.default_rng(3))
    table.drop("value").write_parquet(tmp_path / "a.parquet")
    table.select("row", "value").write_parquet(tmp_path / "b.parquet")
    assert set(table_of(tmp_path).columns) == set(table.columns)


def test_a_folder_with_nothing_to_play_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must hold tables with a label"):
        drift.evaluate(tmp_path)
    pl.DataFrame({"a": [0.5, 0.7]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="zeros and ones"):
        drift.evaluate(tmp_path)


def test_marked_series_are_scored_by_margin_and_covering(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    values = np.concatenate([random.normal(size=50), random.normal(6, 1, 50)])
    pl.DataFrame({"series": ["s"] * 100, "dim": [0] * 100, "i": range(100), "value": values}).write_parquet(
        tmp_path / "points.parquet"
    )
    marks = pl.DataFrame({"series": ["s", "s"], "annotator": ["1", "2"], "change_points": [[50], [52]]})
    marks.write_parquet(tmp_path / "annotations.parquet")
    (one,) = drift.evaluate(tmp_path)["folders"].values()
    assert one["f1_margin5"] > 0.7
    assert one["covering"] > one["references"]["no change point"]["covering"]
    assert f1([[50]], [53]) == 1.0
    assert f1([[]], []) == 1.0
    assert f1([[50]], [70]) == 0.5
    assert covering([[50]], [50], 100) == 1.0
    assert covering([[50]], [], 100) == 0.5
