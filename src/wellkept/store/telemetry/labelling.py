"""Labels in: those whose prediction is stored, and those that wait for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pyarrow as pa

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import millis
from wellkept.store.telemetry.predictions import MILLISECOND
from wellkept.store.telemetry.statements import load

WAITING = pa.schema(
    [
        ("prediction_id", pa.string()),
        ("model", pa.string()),
        ("entity_key", pa.string()),
        ("at", MILLISECOND),
        ("time", MILLISECOND),
        ("value", pa.float64()),
        ("received", MILLISECOND),
    ]
)
"""Columns of labels whose prediction is not known yet: its id, or (where that is empty) the model, the entity, and the
moment at which the label holds of it."""

WAIT = timedelta(days=7)
"""So long a label waits for its prediction."""
OLDEST = timedelta(days=400)
"""A label by entity is of the newest prediction about it before, and of none that is older than this."""

_COUNT = "SELECT count() AS n, countIf(prediction_id = '') AS by_entity FROM waiting_labels"
_BY_ID = """
INSERT INTO labels (prediction_id, model, time, value, received)
SELECT w.prediction_id, p.model, w.time, w.value, w.received
FROM (SELECT * FROM waiting_labels WHERE prediction_id != '') AS w
INNER JOIN
(
    SELECT id, any(model) AS model FROM prediction_ids
    WHERE id IN (SELECT prediction_id FROM waiting_labels WHERE prediction_id != '') GROUP BY id
) AS p ON p.id = w.prediction_id"""
_COME = """
SELECT p.model AS model, w.value AS value, count() AS rows
FROM (SELECT * FROM waiting_labels WHERE prediction_id != '') AS w
INNER JOIN
(
    SELECT id, any(model) AS model FROM prediction_ids
    WHERE id IN (SELECT prediction_id FROM waiting_labels WHERE prediction_id != '') GROUP BY id
) AS p ON p.id = w.prediction_id
GROUP BY model, value ORDER BY model, value"""
_LET_GO = """
ALTER TABLE waiting_labels DELETE WHERE prediction_id != '' AND value IN {values:Array(Float64)} AND prediction_id IN
(
    SELECT id FROM prediction_ids
    WHERE model = {model:String} AND id IN (SELECT prediction_id FROM waiting_labels WHERE prediction_id != '')
)
SETTINGS mutations_sync = 1"""
_FORGET_BY_ID = """
ALTER TABLE waiting_labels DELETE WHERE prediction_id != '' AND prediction_id IN
    (SELECT id FROM prediction_ids WHERE id IN (SELECT prediction_id FROM waiting_labels WHERE prediction_id != ''))
SETTINGS mutations_sync = 1"""
_OLD = "SELECT count() AS n FROM waiting_labels WHERE received < fromUnixTimestamp64Milli({before:Int64})"
_FORGET_OLD = """
ALTER TABLE waiting_labels DELETE WHERE received < fromUnixTimestamp64Milli({before:Int64})
SETTINGS mutations_sync = 1"""


class Labels:
    """What turned out to be true."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def write(self, table: pa.Table) -> None:
        """Store labels (columns of ``predictions.LABELS``, and ``received`` where it is another moment)."""
        self._engine.insert_arrow("labels", table)

    def wait(self, table: pa.Table) -> None:
        """Keep labels (columns of ``WAITING``) until their prediction comes."""
        self._engine.insert_arrow("waiting_labels", table)

    def waiting(self) -> int:
        """How many wait."""
        return int(self._engine.query(_COUNT)["n"][0].as_py())

    def come(self) -> pa.Table:
        """What waiting labels say whose prediction, by its id, has come: ``model``, ``value``, ``rows``."""
        return self._engine.query(_COME)

    def let_go(self, model: str, values: Sequence[float]) -> None:
        """Forget waiting labels with one of these values whose prediction has come and is of this model."""
        self._engine.command(_LET_GO, {"model": model, "values": list(values)})

    def settle(self, now: datetime) -> None:
        """Join the waiting labels whose prediction has come, and let go of those that waited too long.

        Each step may be done again: a label that is stored twice is one label.
        """
        (counts,) = self._engine.query(_COUNT).to_pylist()
        if not counts["n"]:
            return
        if counts["n"] > counts["by_entity"]:
            self._engine.command(_BY_ID)
            self._engine.command(_FORGET_BY_ID)
        if counts["by_entity"]:
            oldest = {"oldest": round(OLDEST.total_seconds())}
            self._engine.command(load("queries/labels_by_entity.sql"), oldest)
            self._engine.command(load("queries/labels_by_entity_done.sql"), oldest)
        before = {"before": millis(now - WAIT)}
        if self._engine.query(_OLD, before)["n"][0].as_py():
            self._engine.command(_FORGET_OLD, before)
