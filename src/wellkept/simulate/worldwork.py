"""The worker that runs an example's ``world.py``: an example's code never runs in the process of the platform."""

from __future__ import annotations

import importlib
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from wellkept.kernel.errors import InputError
from wellkept.ml.process import serve_request
from wellkept.ml.project import as_table

FILE = "world.py"
CALL = "world(start, days, seed, change)"


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Write what happens in the history and in the days after it, by time."""
    file = Path(request["example"]) / FILE
    sys.path.insert(0, str(file.parent))
    module = importlib.import_module(file.stem)
    world, history = getattr(module, "world", None), getattr(module, "HISTORY_DAYS", None)
    if not callable(world) or not isinstance(history, int):
        raise InputError(str(file), f"must have a function {CALL} and a whole number HISTORY_DAYS")
    start = datetime.fromisoformat(request["live"]) - timedelta(days=history)
    change = request["change"]
    table = as_table(
        world(start, history + request["days"], request["seed"], None if change is None else history + change), CALL
    )
    wanted = ("time", "key", "label", *request["features"])
    missing = [name for name in wanted if name not in table.column_names]
    if missing:
        raise InputError(f"{file}: {CALL}", f"must return {', '.join(wanted)}; missing", missing[0])
    known = ["known_at"] if "known_at" in table.column_names else []
    pq.write_table(table.select([*wanted, *known]).sort_by("time"), request["out"])
    return {"rows": table.num_rows}


if __name__ == "__main__":
    serve_request(work)
