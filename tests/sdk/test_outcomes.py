"""Predictions and labels by the client: frames and records, in batches, with what is missing made."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from wellkept.kernel.errors import InputError
from wellkept.sdk import outcomes, watching
from wellkept.sdk.outcomes import labels, predictions


@dataclass
class Sent:
    """What would have been sent."""

    tables: list[tuple[str, pa.Table]] = field(default_factory=list)
    posted: list[tuple[str, Any]] = field(default_factory=list)

    def get(self, path: str, **_: Any) -> Any:
        return {"path": path}

    def post(self, path: str, body: Any, timeout_s: float | None = None) -> Any:
        self.posted.append((path, body))
        return {"accepted": len(body), "waiting": 1, "model": "churn"}

    def send(self, path: str, body: bytes, media: str) -> bytes:
        if media == outcomes.JSON:
            return json.dumps(self.post(path, json.loads(body))).encode()
        assert media == outcomes.ARROW
        table = pa.ipc.open_stream(body).read_all()
        self.tables.append((path, table))
        return json.dumps({"accepted": table.num_rows - 1, "waiting": 1}).encode()


def test_columns_of_a_frame_that_are_no_own_ones_are_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "BATCH", 2)
    sent = Sent()
    frame = pa.table(
        {"score": [0.1, 0.2, 0.3], "spend": [1, 2, 3], "plan": ["a", "b", "a"], "entity_key": ["x", "y", "z"]}
    )

    ids = predictions(sent, frame, "churn", "7")

    assert [table.num_rows for _, table in sent.tables] == [2, 1]
    table = pa.concat_tables([table for _, table in sent.tables])
    assert set(table.column_names) == {
        "score", "input.spend", "input.plan", "entity_key", "id", "time", "model", "version",
    }  # fmt: skip
    assert table["id"].to_pylist() == ids
    assert len(set(ids)) == 3
    assert set(table["version"].to_pylist()) == {"7"}
    assert table["time"].type == pa.timestamp("ms", tz="UTC")


def test_records_keep_what_they_say_and_get_what_they_lack() -> None:
    sent = Sent()
    ids = predictions(sent, [{"score": 0.5, "features": {"a": 1}}, {"id": "mine", "score": 0.5}], "churn", "7")
    ((path, body),) = sent.posted
    assert (path, ids[1], body[0]["id"]) == ("/v1/predictions", "mine", ids[0])
    assert {record["model"] for record in body} == {"churn"}


def test_labels_tell_how_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "BATCH", 2)
    sent = Sent()
    frame = pa.table({"entity_key": ["a", "b", "c"], "value": [1.0, 0.0, 1.0]})
    assert labels(sent, frame, "churn") == {"accepted": 1, "waiting": 2}
    assert sent.tables[0][1]["model"].to_pylist() == ["churn", "churn"]
    assert labels(sent, [{"prediction_id": "p", "value": 1}], "") == {"accepted": 1, "waiting": 1}


def test_records_may_hold_what_frames_give() -> None:
    sent = Sent()
    at = pd.Timestamp("2026-11-24T12:00:00.000001+01:00")
    features = {"a": np.float32(2), "b": float("nan"), "c": np.int64(3)}

    predictions(sent, [{"score": np.float64(0.5), "time": at, "features": features}], "churn", "7")
    labels(sent, [{"prediction_id": "p", "value": np.int64(1), "time": datetime(2026, 11, 24, tzinfo=UTC)}], "")

    (_, (prediction,)), (_, (label,)) = sent.posted
    assert (prediction["score"], prediction["features"]) == (0.5, {"a": 2.0, "b": None, "c": 3})
    assert datetime.fromisoformat(prediction["time"]) == at.to_pydatetime()
    assert (label["value"], label["time"]) == (1, "2026-11-24T00:00:00+00:00")


def test_what_cannot_be_sent_is_an_error_of_ours() -> None:
    with pytest.raises(InputError, match="predictions: cannot be written as JSON"):
        predictions(Sent(), [{"score": object()}], "churn", "7")
    with pytest.raises(InputError, match="predictions: cannot be read as an Arrow table"):
        predictions(Sent(), pd.DataFrame({"score": [0.1, 0.2], "x": [1, "a"]}), "churn", "7")


def test_what_is_no_frame_is_named() -> None:
    with pytest.raises(
        InputError, match="predictions: must be a list of records or a frame that speaks Arrow, got 'int'"
    ):
        predictions(Sent(), 5, "churn", "7")


def test_reference_rows_are_sampled_to_what_tells_as_much(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(watching, "MOST_CELLS", 20)
    file = tmp_path / "model.yaml"
    file.write_text("name: churn\n", encoding="utf-8")
    sent = Sent()
    told = watching.attach(
        sent, str(file), pa.table({"a": range(100), "b": range(100)}), version="7 b", learn=0, by="ada"
    )
    assert told == {"path": "/api/v1/watch/churn"}
    assert sent.posted[0][1]["contract"] == "name: churn\n"
    ((path, table),) = sent.tables
    assert path == "/api/v1/watch/churn/reference?version=7%20b&by=ada"
    assert table["a"].to_pylist() == list(range(0, 100, 10))


def test_rows_that_cannot_be_read_attach_nothing() -> None:
    sent = Sent()
    with pytest.raises(InputError, match="reference rows: must be a list of records or a frame"):
        watching.attach(sent, "name: churn\n", 5, version="", learn=0, by="ada")
    assert sent.posted == []


def test_rows_that_are_not_taken_say_what_was_done() -> None:
    class Refusing(Sent):
        def send(self, path: str, body: bytes, media: str) -> bytes:
            raise InputError("reference rows", "must be at least 50", 1)

    with pytest.raises(InputError) as raised:
        watching.attach(Refusing(), "name: churn\n", pa.table({"a": [1]}), version="", learn=0, by="ada")
    rule = "reference rows: must be at least 50, got 1"
    assert str(raised.value) == f"model churn is attached, but its reference was not taken: {rule}"


def test_two_columns_of_a_frame_may_be_the_ends_of_its_intervals() -> None:
    sent, frame = Sent(), pa.table({"score": [5.0], "p10": [3.0], "p90": [8.0], "lower": [1]})

    predictions(sent, frame, "demand", "7", ("p10", "p90"))

    (table,) = (table for _, table in sent.tables)
    assert [table[name].to_pylist() for name in ("lower", "upper", "input.lower")] == [[3.0], [8.0], [1]]
    with pytest.raises(InputError, match="interval: must name two columns of the frame"):
        predictions(sent, frame, "demand", "7", ("p05", "p90"))
