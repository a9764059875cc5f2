"""The monitors of drift, played on streams with a known change: what they say, of what, and how they end."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from wellkept.evaluation.drift_play import DIGEST, Alarm, play
from wellkept.evaluation.drift_streams import played_of
from wellkept.evaluation.streams_known import KnownStream, make
from wellkept.kernel.finding import FindingKind, Severity
from wellkept.ml.contract import parse_contract
from wellkept.ml.reference import SCORE, Held, make_reference, parse_reference
from wellkept.ml.watch.base import Served
from wellkept.ml.watch.sampled import sample_of
from wellkept.spine.plugins import load
from wellkept.spine.registry import ModelVersion
from wellkept.store.telemetry.serving import Histograms

ROWS, FEATURES = 24_000, 8


@cache
def _alarms(kind: str, seed: int) -> tuple[KnownStream, list[Alarm]]:
    stream = make(kind, seed, rows=ROWS, features=FEATURES)
    return stream, play(played_of(stream))


def _after(stream: KnownStream, alarms: list[Alarm]) -> list[Alarm]:
    assert stream.change_at is not None
    return [alarm for alarm in alarms if alarm.at >= stream.time[stream.change_at]]


def test_a_sudden_change_is_told_by_inputs_and_by_the_relation_and_dated() -> None:
    stream, alarms = _alarms("sudden", 2)
    found = _after(stream, alarms)
    assert {alarm.finding.detector for alarm in found} == {"drift", "concept"}
    assert stream.change_at is not None
    change = stream.time[stream.change_at]
    for alarm in found[:3]:
        assert abs(alarm.finding.starts_at.timestamp() - change) < 86_400
        assert alarm.finding.kind is FindingKind.DRIFT
        assert alarm.finding.evidence[0].values["chance"] <= alarm.finding.evidence[0].values["chance_limit"]


def test_a_change_of_the_relation_alone_is_told_by_concept_with_both_pictures() -> None:
    stream, alarms = _alarms("label_only", 2)
    found = _after(stream, alarms)
    assert [alarm.finding.detector for alarm in found][:1] == ["concept"]
    values = found[0].finding.evidence[0].values
    assert sum(name.startswith("now.") for name in values) == sum(name.startswith("then.") for name in values) > 5
    assert "come true" in found[0].finding.sentence


def test_drift_of_what_does_nothing_to_the_score_wakes_nobody() -> None:
    stream, alarms = _alarms("feature_only", 3)
    found = _after(stream, alarms)
    drifted = [a for a in found if a.finding.detector == "drift" and a.finding.entity.split("/")[-1] in stream.moved]
    assert drifted
    assert {alarm.finding.severity for alarm in drifted} == {Severity.INFO}
    assert drifted[0].finding.attributes["matters"] == "no"
    assert "hardly depends on it" in drifted[0].finding.sentence


def test_nothing_is_told_where_nothing_changes() -> None:
    _, alarms = _alarms("none", 2)
    assert [alarm.finding.sentence for alarm in alarms if alarm.is_page] == []


def test_scores_of_one_slice_are_told_where_those_of_all_are_as_before() -> None:
    random = np.random.default_rng(9)
    scores, is_new = random.random(20_000), random.random(20_000) < 0.1
    held = Held(scores, slices={"customer=new": is_new, "customer=old": ~is_new})
    reference = make_reference(random.random((20_000, 1)), ["amount"], held)
    now, now_new = random.random(4000), random.random(4000) < 0.1
    now[now_new] **= 3
    everything = _counted(reference[SCORE].edges, now, "")
    parts = {
        key: _counted(reference[SCORE].slices[key].edges, now[mine], "")
        for key, mine in (("customer=new", now_new), ("customer=old", ~now_new))
    }
    contract = parse_contract(
        "name: fraud\ntask: binary_classification\nowner: risk\ninputs:\n  - {name: amount}\n"
        "metrics: {primary: roc_auc}\nmonitors:\n  drift: {window_s: 86400, min_rows: 300}\n"
    )
    version = ModelVersion("fraud", DIGEST, datetime.fromtimestamp(0, UTC), DIGEST, "onnx", DIGEST, number=1)
    none = np.zeros(0)
    rates = everything.bins[SCORE].sum(axis=1)
    served = Served(contract, version, reference, everything, rates, 7200.0, {}, none, none, none, parts=parts)
    (finding,) = load("monitor")["drift"]().watch(served, datetime.fromtimestamp(86_400, UTC)).findings
    assert finding.attributes["slice"] == "customer=new"
    assert "where customer is new, are spread differently" in finding.sentence
    assert parse_reference(json.dumps({k: asdict(v) for k, v in reference.items()}).encode()) == reference


def test_a_value_of_a_whole_number_is_told_as_itself() -> None:
    random = np.random.default_rng(9)
    then = (random.random((20_000, 1)) < 0.2).astype(np.float64)
    reference = {"night": make_reference(then, ["night"], Held(then[:, 0]))["night"]}
    counts = _counted(reference["night"].edges, np.zeros(4000), "night")
    contract = parse_contract(
        "name: fraud\ntask: binary_classification\nowner: risk\ninputs:\n  - {name: night, type: bool}\n"
        "metrics: {primary: roc_auc}\nmonitors:\n  drift: {window_s: 86400, min_rows: 300}\n"
    )
    version = ModelVersion("fraud", DIGEST, datetime.fromtimestamp(0, UTC), DIGEST, "onnx", DIGEST, number=1)
    none = np.zeros(0)
    served = Served(contract, version, reference, counts, np.full(12, 333), 7200.0, {}, none, none, none)

    (finding,) = load("monitor")["drift"]().watch(served, datetime.fromtimestamp(86_400, UTC)).findings

    assert "0% of the values are 1, 20% in training" in finding.sentence
    assert {"now.up to 0", "now.1"} <= finding.evidence[0].values.keys()


def _counted(edges: tuple[float, ...], values: np.ndarray, name: str) -> Histograms:
    """Twelve slices of two hours."""
    size = len(edges) + 1
    place = np.arange(len(values)) * 12 // len(values)
    found = np.bincount(place * size + np.searchsorted(np.asarray(edges), values), minlength=12 * size)
    return Histograms(
        7200.0 * np.arange(1, 13, dtype=np.float64),
        {name: found.reshape(12, size)},
        {name: np.zeros(12, dtype=np.int64)},
    )


@pytest.mark.parametrize("chunks", [1, 3])
def test_a_sample_has_the_inputs_as_columns_and_nulls_where_a_row_has_none(chunks: int) -> None:
    random = np.random.default_rng(4)
    reference = make_reference(
        random.random((200, 2)), ["amount", "kind"], Held(random.random(200)), texts={"kind": ["a", "b"] * 100}
    )
    table = pa.table(
        {
            "time": pa.array([0, 1500, 3000], pa.timestamp("ms", tz="UTC")),
            "features": pa.array(
                [[("amount", 1.5)], [], [("other", 2.0), ("amount", None)]], pa.map_("string", "double")
            ),
            "categories": pa.array([[("kind", "b")], [("kind", "zebra")], []], pa.map_("string", "string")),
        }
    )
    rows = pa.concat_tables([table.slice(i, 1) for i in range(3)]) if chunks == 3 else table
    sample = sample_of(rows, reference)
    assert sample.at.tolist() == [0.0, 1.5, 3.0]
    assert np.array_equal(np.asarray(sample.columns["amount"]), [1.5, np.nan, np.nan], equal_nan=True)
    assert list(sample.columns["kind"]) == ["b", "zebra", None]
