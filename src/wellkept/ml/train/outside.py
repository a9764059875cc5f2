"""The worker that a CI runs: it trains a project on all the rows that it was given, and exports the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from wellkept.ml.export import export
from wellkept.ml.process import serve_request
from wellkept.ml.train.fitting import Fitter, matrix_of_inputs, read_snapshot

PARITY_ROWS = 5000
"""So many of the newest rows have to score alike in both forms."""


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Fit, and write the model's files into ``request["out"]``."""
    table, request = read_snapshot(request)
    inputs, columns = request["features"], request["columns"]
    fitter = Fitter(request)
    estimator = fitter.fit(table, request["parameters"])
    rows = matrix_of_inputs(table.slice(max(0, table.num_rows - PARITY_ROWS)), inputs)
    made = rows if fitter.features is None else fitter.features.matrix(rows)
    manifest = export(
        estimator, np.asarray(made), inputs, Path(request["out"]), columns, fitter.code, fitter.categories
    )
    return {"manifest": manifest, "rows": table.num_rows}


if __name__ == "__main__":
    serve_request(work)
