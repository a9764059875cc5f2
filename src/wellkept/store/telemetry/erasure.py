"""Erasure: what models were asked about one entity, and what turned out to be true of it, is taken out of the store."""

from __future__ import annotations

from dataclasses import dataclass

from wellkept.store.telemetry.engine import Engine

_COUNTS = """
SELECT uniqExact(id) AS predictions,
    (SELECT uniqExact(prediction_id) FROM labels WHERE prediction_id IN
        (SELECT id FROM predictions WHERE entity_key = {key:String})) AS labels,
    (SELECT count() FROM waiting_labels WHERE entity_key = {key:String}) AS waiting
FROM predictions WHERE entity_key = {key:String}"""
_ERASE = (
    """ALTER TABLE prediction_sketches DELETE WHERE (model, version, slot) IN
        (SELECT model, version, toStartOfFiveMinutes(time) FROM predictions WHERE entity_key = {key:String})""",
    "ALTER TABLE labels DELETE WHERE prediction_id IN (SELECT id FROM predictions WHERE entity_key = {key:String})",
    "ALTER TABLE waiting_labels DELETE WHERE entity_key = {key:String}",
    "ALTER TABLE prediction_ids DELETE WHERE id IN (SELECT id FROM predictions WHERE entity_key = {key:String})",
    "ALTER TABLE predictions DELETE WHERE entity_key = {key:String}",
)
"""The predictions go last: they say which labels and ids are meant, also to one who begins again after a crash.

Sketches in which they were counted are counted anew when they are asked for.
"""


@dataclass(frozen=True, slots=True)
class Erased:
    """How much was taken out; ``labels`` are also those that waited."""

    predictions: int
    labels: int


class Erasure:
    """Takes an entity out of the predictions of all models."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def erase(self, entity_key: str) -> Erased:
        """Delete the predictions about an entity, their ids and their labels, those that wait for a prediction among
        them; it returns when they are gone.

        The engine writes anew every part that holds some of them, so this is for the rare case.

        Raises:
            StoreError: the engine failed; the same again goes on.
            OverloadError: the disk is too full to write the rest anew.
        """
        if not entity_key:
            return Erased(0, 0)
        (counts,) = self._engine.query(_COUNTS, {"key": entity_key}).to_pylist()
        if counts["predictions"] or counts["waiting"]:
            self._engine.space.guard()
            for statement in _ERASE:
                self._engine.command(f"{statement} SETTINGS mutations_sync = 1", {"key": entity_key})
        return Erased(counts["predictions"], counts["labels"] + counts["waiting"])
