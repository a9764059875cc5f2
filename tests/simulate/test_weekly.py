"""Training anew each week: what cannot be trained on leaves the version before where it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wellkept.simulate.weekly import work

PROJECT = """
import numpy as np


class Mean:
    def __init__(self, value):
        self.value = value

    def predict(self, rows):
        return np.full(len(rows), self.value)


def train(frame, parameters):
    label = np.asarray(frame["label"])
    if not np.isfinite(np.asarray(frame["x"])).all():
        raise ValueError("x has no value")
    return Mean(float(label.mean()))
"""


def test_a_week_that_cannot_be_trained_on_keeps_the_version_before(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(PROJECT, encoding="utf-8")
    at = np.arange(900, dtype=np.float64)
    x = np.where(at < 600, 1.0, np.nan)
    table = pa.table(
        {"at": at, "known_at": at, "told": (at % 2), "asked": at >= 300, "key": pa.array([""] * 900), "x": x}
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    request = {
        "project": str(tmp_path), "features": ["x"], "columns": [], "seed": 0, "label": "label", "key": "",
        "chosen_only": False, "window_s": 299.0, "cuts": [300.0, 599.0, 899.0],
        "rows": str(tmp_path / "rows.parquet"), "out": str(tmp_path / "scores.parquet"),
    }  # fmt: skip
    assert work(request) == {"trained": 2}
    scores = pq.read_table(tmp_path / "scores.parquet")["score"].to_numpy()
    assert np.isnan(scores[:300]).all()
    assert np.isfinite(scores[300:]).all()
