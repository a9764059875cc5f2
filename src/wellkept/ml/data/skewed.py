"""The worker that recomputes the features of logged predictions: ``python -m wellkept.ml.data.skewed``."""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq

from wellkept.ml.data.reader import sources_of
from wellkept.ml.data.skew import skew_report
from wellkept.ml.dataspec import Data
from wellkept.ml.process import serve_request


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Read the sources, join them at the moments of the predictions, and compare."""
    data = Data.model_validate(request["data"])
    return skew_report(pq.read_table(request["logged"]), data, sources_of(request, data), request["defaults"])


if __name__ == "__main__":
    serve_request(work)
