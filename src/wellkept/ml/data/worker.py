"""The worker that runs a project's ``load`` and writes the snapshot."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from wellkept.kernel.errors import InputError
from wellkept.ml.process import serve_request
from wellkept.ml.project import Window, as_table, function_of


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Load the window, check that every column of the contract is there, write Parquet."""
    window = Window(
        start=datetime.fromisoformat(request["start"]),
        end=datetime.fromisoformat(request["end"]),
        excluded=tuple((datetime.fromisoformat(a), datetime.fromisoformat(b)) for a, b in request["excluded"]),
        history=Path(request["history"]) if request["history"] else None,
        logged=Path(request["logged"]),
    )
    table = as_table(function_of(Path(request["project"]), "load")(window))
    for column in request["columns"]:
        if column not in table.column_names:
            raise InputError("load(window)", "must return a frame with every input and the label; missing", column)
    pq.write_table(table, request["out"], compression="zstd")
    return {"rows": table.num_rows}


if __name__ == "__main__":
    serve_request(work)
