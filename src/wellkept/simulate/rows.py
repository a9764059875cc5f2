"""The training data of a simulated project: what the platform has stored, and before that a file of history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from wellkept.ml.project import Window

HISTORY, TOLD = "served-before.parquet", "simulated.json"
MOMENT = pa.timestamp("ms", tz="UTC")


def served_rows(window: Window, model_file: str) -> pa.Table:
    """The rows of the window whose truth was known at its end: those of the history, then those that were served.

    Columns: ``time``, the inputs, the label under the contract's name, and the entity's key under its own.
    """
    folder = Path(model_file).parent
    told: dict[str, Any] = json.loads((folder / TOLD).read_text(encoding="utf-8"))
    history = pq.read_table(folder / HISTORY)
    inside = pc.and_(
        pc.greater_equal(history["time"], pa.scalar(window.start, MOMENT)),
        pc.less_equal(history["known_at"], pa.scalar(window.end, MOMENT)),
    )
    served = window.predictions()
    columns = ["time", *told["features"], "label", "entity_key"]
    found = pa.concat_tables(
        [
            history.filter(inside).select(columns),
            served.filter(pc.is_valid(served["label"])).select(columns).cast(history.select(columns).schema),
        ]
    )
    if told["chosen_only"]:
        found = found.filter(pc.greater(found["label"], 0))
    key = told["key"] if told["key"] not in told["features"] else ""
    names = [*columns[:-2], told["label"], key or "entity_key"]
    return found.rename_columns(names) if key else found.rename_columns(names).drop_columns(["entity_key"])
