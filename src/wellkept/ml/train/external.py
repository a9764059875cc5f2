"""The worker for a model that was trained elsewhere: it divides the rows before, and judges the model afterwards.

What a CI gets are the older rows alone. The newer ones stay here, and what counts is what the model says about them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wellkept.kernel.errors import InputError
from wellkept.ml.categories import encoded
from wellkept.ml.codeprocess import load_scorer
from wellkept.ml.features import Features
from wellkept.ml.owncode import code_file
from wellkept.ml.process import serve_request
from wellkept.ml.project import optional_function
from wellkept.ml.runtime import Matrix, Scores
from wellkept.ml.train.fitting import matrix_of_inputs, read_snapshot
from wellkept.ml.train.judged import Fitted
from wellkept.ml.train.split import split
from wellkept.ml.train.worker import told_of


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Divide (``request["rows"]`` says where the older ones go), or judge the model in ``request["out"]``."""
    if request["rows"]:
        trained, held_out = split(pq.read_table(request["snapshot"]), request)
        pq.write_table(trained, request["rows"], compression="zstd")
        return {"rows": trained.num_rows, "held_out": held_out.num_rows}
    table, request = read_snapshot(request)
    trained, held_out = split(table, request)
    inputs, columns, out = request["features"], request["columns"], Path(request["out"])
    scorer, manifest = load_scorer(out)
    known = manifest.get("categories", {})
    rows = matrix_of_inputs(encoded(held_out, known), inputs)
    made = rows
    if columns:
        features = Features(code_file(out), inputs, columns, known)
        made = features.matrix(rows)
        features.check_alone(rows, made)
    metrics = optional_function(Path(request["project"]) / "model.py", "metrics")
    fitted = Fitted(None, scorer.score, _nobody, metrics)
    return told_of(request, (trained, held_out), (rows, made), manifest, fitted)


def _nobody(_: pa.Table) -> Callable[[Matrix], Scores]:
    rule = "needs a training on older rows, and this model is trained by a CI; leave that gate out of the contract"
    raise InputError("gate backtest", rule)


if __name__ == "__main__":
    serve_request(work)
