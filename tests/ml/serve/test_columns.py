"""The model server sends the columns that the store takes. It does not import them: the engine would come with them."""

from __future__ import annotations

from wellkept.ml.serve.answered import SCHEMA
from wellkept.store.telemetry.predictions import PREDICTIONS


def test_what_is_sent_is_what_is_stored() -> None:
    assert [PREDICTIONS.field(field.name) for field in SCHEMA] == list(SCHEMA)
    assert set(PREDICTIONS.names) - set(SCHEMA.names) == set()
