"""Erasure: what is known of one entity is gone, and nothing else."""

from __future__ import annotations

import pyarrow as pa
from tests.store.telemetry.scenes import at
from tests.store.telemetry.test_predictions import label, labels, predict

from wellkept.store.telemetry.erasure import Erased
from wellkept.store.telemetry.labelling import WAITING
from wellkept.store.telemetry.telemetry import Telemetry

KEY = "card-'1'"


def test_an_entity_is_taken_out_with_its_ids_and_labels(telemetry: Telemetry) -> None:
    predict(telemetry, ("p1", 1), ("p2", 2), ("p2~7", 2), entity_key=KEY)
    predict(telemetry, ("p3", 3), entity_key="card-2")
    predict(telemetry, ("p4", 4))
    predict(telemetry, ("q1", 5), entity_key=KEY, model="churn")
    label(telemetry, ("p1", 10, 1.0), ("p1", 20, 0.0), ("p3", 10, 1.0))

    assert telemetry.erasure.erase(KEY) == Erased(predictions=4, labels=1)

    assert labels(telemetry) == {"p3": 1.0, "p4": None}
    assert telemetry.predictions.window("churn", at(0), at(10), known_by=at(100)).num_rows == 0
    assert telemetry.predictions.known(["p1", "p2", "p2~7", "p3", "p4", "q1"]) == {"p3", "p4"}
    predict(telemetry, ("p1", 1))
    assert labels(telemetry) == {"p1": None, "p3": 1.0, "p4": None}, "the label did not wait for another"


def test_an_entity_that_nothing_is_known_of_takes_nothing_out(telemetry: Telemetry) -> None:
    predict(telemetry, ("p1", 1), entity_key=KEY)
    predict(telemetry, ("p2", 2))

    assert telemetry.erasure.erase("card-9") == Erased(0, 0)
    assert telemetry.erasure.erase("") == Erased(0, 0), "no key is nobody's"

    assert telemetry.predictions.known(["p1", "p2"]) == {"p1", "p2"}


def test_labels_that_wait_for_a_prediction_about_the_entity_are_taken_out(telemetry: Telemetry) -> None:
    names = {"prediction_id": ["", ""], "model": ["churn"] * 2, "entity_key": [KEY, "card-2"]}
    moments = {name: [at(1)] * 2 for name in ("at", "time", "received")}
    telemetry.labels.wait(pa.table({**names, **moments, "value": [1.0, 0.0]}).select(WAITING.names).cast(WAITING))

    assert telemetry.erasure.erase(KEY) == Erased(predictions=0, labels=1)

    assert telemetry.labels.waiting() == 1
