"""The worker that trains a project anew each week on what was known then; nobody judges what comes out."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wellkept.ml.process import serve_request
from wellkept.ml.train.fitting import Fitter, matrix_of_inputs, with_categories

_log = logging.getLogger(__name__)
LEAST_ROWS = 200
"""Fewer rows are not trained on; the version before goes on."""


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Score the rows of each week by what was trained at its beginning; NaN before the first."""
    table, request = with_categories(pq.read_table(request["rows"]), request)
    at, known_at, told = (table[name].to_numpy() for name in ("at", "known_at", "told"))
    asked = table["asked"].to_numpy(zero_copy_only=False)
    usable = np.isfinite(told) & ((told > 0) | (not request["chosen_only"]))
    fitter, inputs = Fitter(request), matrix_of_inputs(table, request["features"])
    scores, score, trained = np.full(len(at), np.nan), None, 0
    for cut, end in zip(request["cuts"], [*request["cuts"][1:], float("inf")], strict=True):
        rows = np.flatnonzero(usable & (known_at <= cut) & (at >= cut - request["window_s"]))
        if len(rows) >= LEAST_ROWS:
            try:
                score = fitter.score_of(fitter.fit(_frame(table, rows, request), {}))
                trained += 1
            except Exception as error:  # noqa: BLE001 - the project's own code: the version before goes on
                _log.warning("not trained anew: %s", error)
        wanted = np.flatnonzero(asked & (at >= cut) & (at < end))
        if score is not None and len(wanted):
            scores[wanted] = score(inputs[wanted])
    pq.write_table(pa.table({"score": scores}), request["out"])
    return {"trained": trained}


def _frame(table: pa.Table, rows: np.ndarray, request: dict[str, Any]) -> pa.Table:
    """Some rows as the project's ``train`` takes them."""
    taken = table.take(pa.array(rows))
    columns = {"time": pa.array((taken["at"].to_numpy() * 1e3).astype(np.int64), pa.timestamp("ms", tz="UTC"))}
    if request["key"] and request["key"] not in request["features"]:
        columns[request["key"]] = taken["key"]
    columns |= {name: taken[name] for name in request["features"]}
    return pa.table({**columns, request["label"]: taken["told"]})


if __name__ == "__main__":
    serve_request(work)
