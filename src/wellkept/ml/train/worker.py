"""The worker that runs a project's ``train``: on the older rows, leaving the newest ones to be judged on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError
from wellkept.ml.process import serve_request
from wellkept.ml.project import function_of
from wellkept.ml.reference import make_reference, write_reference
from wellkept.ml.runtime import Matrix, Scorer, load_scorer
from wellkept.ml.train.export import export

LATENCY_ROWS = 300
PARITY_NULL_ROWS = 50


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Split by time, train, export, score the held-out rows with challenger and champion, time single rows."""
    table = pq.read_table(request["snapshot"])
    if "time" in table.column_names:
        table = table.sort_by("time")
    features, label = request["features"], request["label"]
    cut = _cut(table, request["held_out"], request["since"])
    estimator = function_of(Path(request["project"]), "train")(table.slice(0, cut))
    held_out = table.slice(cut)
    rows = _matrix(held_out, features)
    may_be_null = np.array([name in request["nullable"] for name in features])
    manifest = export(estimator, _with_nulls(rows, may_be_null), features, Path(request["out"]))
    challenger, _ = load_scorer(Path(request["out"]))
    columns = {
        "label": held_out[label].to_numpy(zero_copy_only=False).astype(np.float64),
        "challenger": challenger.score(rows),
    }
    if request["champion"]:
        champion, champion_manifest = load_scorer(Path(request["champion"]))
        columns["champion"] = champion.score(_matrix(held_out, _known(champion_manifest["inputs"], held_out)))
    pq.write_table(pa.table(columns), request["scores"])
    reference = make_reference(_matrix(table.slice(0, cut), features), features, columns["challenger"])
    write_reference(reference, Path(request["out"]))
    return {
        "manifest": manifest,
        "trained_on": cut,
        "held_out": held_out.num_rows,
        "latency_p99_ms": _latency_p99_ms(challenger, rows),
        "null_shares": {name: float(np.isnan(rows[:, index]).mean()) for index, name in enumerate(features)},
    }


def _cut(table: pa.Table, held_out: float, since: float | None) -> int:
    """How many of the oldest rows are trained on.

    After the world has changed, both sides need rows of the new one: those since then are cut in the middle.
    """
    count: int = table.num_rows
    if since is not None and "time" in table.column_names:
        seconds = table["time"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy() / 1e6
        recent = int((seconds >= since).sum())
        if recent >= 2:
            return count - recent // 2
    return count - max(1, round(count * held_out))


def _matrix(table: pa.Table, features: list[str]) -> Matrix:
    columns = [table[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in features]
    return np.column_stack(columns)


def _known(inputs: list[str], held_out: pa.Table) -> list[str]:
    """The champion's inputs; both models are judged on the same rows, so the rows must have them."""
    for name in inputs:
        if name not in held_out.column_names:
            rule = "must return the champion's inputs too, so that both models are judged on the same rows; missing"
            raise InputError("load(window)", rule, name)
    return inputs


def _with_nulls(rows: Matrix, may_be_null: NDArray[np.bool_]) -> Matrix:
    """The rows, and some of them again with each nullable feature in turn missing: parity must hold there too."""
    holes = np.eye(rows.shape[1], dtype=bool)[may_be_null]
    extra = np.repeat(rows[:PARITY_NULL_ROWS], len(holes), axis=0)
    extra[np.tile(holes, (min(len(rows), PARITY_NULL_ROWS), 1))] = np.nan
    return np.vstack([rows, extra])


def _latency_p99_ms(scorer: Scorer, rows: Matrix) -> float:
    taken = []
    for index in range(LATENCY_ROWS):
        row = rows[index % len(rows)][None, :]
        began = time.perf_counter()
        scorer.score(row)
        taken.append(time.perf_counter() - began)
    return float(np.percentile(taken, 99) * 1000)


if __name__ == "__main__":
    serve_request(work)
