"""What KServe's logger sends becomes predictions: both protocols, halves in any order, rows by name."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.store.fixtures import telemetry_in

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.events.cloudevents import Event
from wellkept.ops.ingest.events.inference import InferenceLog, answers, instances
from wellkept.ops.ingest.inputs import Inputs
from wellkept.store.telemetry.telemetry import Telemetry

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NAMES = ("amount", "risk")
_numbers = itertools.count()


@pytest.fixture(scope="module")
def telemetry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telemetry]:
    found = telemetry_in(tmp_path_factory.mktemp("inference") / "telemetry")
    yield found
    found.close()


@pytest.fixture
def log(telemetry: Telemetry) -> InferenceLog:
    return InferenceLog(
        telemetry.inference,
        telemetry.predictions,
        Inputs(),
        lambda _: NAMES,
        SettableClock(NOON + timedelta(seconds=5)),
    )


def event(part: str, data: Any, key: str, model: str, after_ms: int = 0) -> Event:
    at = round((NOON + timedelta(milliseconds=after_ms)).timestamp() * 1e9)
    extensions = {"inferenceservicename": model, "namespace": "shop", "endpoint": "default"}
    kind = f"org.kubeflow.serving.inference.{part}"
    return Event(key, "http://localhost:9081/", kind, at, extensions=extensions, data=data)


@pytest.mark.parametrize("order", [("request", "response"), ("response", "request")])
def test_two_halves_are_a_prediction_whichever_comes_first(
    log: InferenceLog, telemetry: Telemetry, order: tuple[str, str]
) -> None:
    model = f"kserve-{next(_numbers)}"
    halves = {
        "request": event(
            "request", {"instances": [[12.5, None], {"amount": 3, "risk": 0.5, "plan": "pro"}]}, "a1", model
        ),
        "response": event("response", {"predictions": [[0.2, 0.8], 0.1]}, "a1", model, 40),
    }
    assert log.take([halves[order[0]]]) == []
    assert log.settle() == 0
    log.take([halves[order[1]]])
    assert log.settle() == 2
    assert log.settle() == 0
    first, second = telemetry.predictions.window(
        model, NOON, NOON + timedelta(seconds=1), known_by=NOON + timedelta(seconds=1)
    ).to_pylist()
    assert (first["id"], first["score"], dict(first["features"])) == ("a1/0", 0.8, {"amount": 12.5, "risk": None})
    assert (first["version"], first["latency_ms"]) == ("default", 40.0)
    assert (second["score"], dict(second["categories"])) == (0.1, {"plan": "pro"})


def test_json_under_another_content_type_is_read(log: InferenceLog) -> None:
    model = f"kserve-{next(_numbers)}"
    log.take(
        [event("request", '{"instances": [[1, 2]]}', "b1", model), event("response", {"predictions": [1]}, "b1", model)]
    )
    assert log.settle() == 1


def test_other_events_are_given_back(log: InferenceLog) -> None:
    other = Event("1", "ci", "com.example.deployed")
    assert log.take([other]) == [other]


def tensor(name: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": "FP64", "data": data}


ROWS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "rows in order": ({"instances": [[1, 2]]}, [{"amount": 1, "risk": 2}]),
    "rows by name": ({"instances": [{"risk": 2}]}, [{"risk": 2}]),
    "more than is named": ({"instances": [[1, 2, 3]]}, [{"x0": 1, "x1": 2, "x2": 3}]),
    "one flat tensor": (
        {"inputs": [tensor("in", [2, 2], [1, 2, 3, 4])]},
        [{"amount": 1, "risk": 2}, {"amount": 3, "risk": 4}],
    ),
    "a tensor a column": (
        {"inputs": [tensor("amount", [2, 1], [[1], [3]]), tensor("risk", [2], [2, 4])]},
        [{"amount": 1, "risk": 2}, {"amount": 3, "risk": 4}],
    ),
}


@pytest.mark.parametrize("case", ROWS)
def test_rows_of_a_request(case: str) -> None:
    data, rows = ROWS[case]
    assert instances("event", data, NAMES) == rows


SCORES: dict[str, tuple[dict[str, Any], list[float | None]]] = {
    "numbers": ({"predictions": [1, 0.5]}, [1.0, 0.5]),
    "two probabilities": ({"predictions": [[0.3, 0.7]]}, [0.7]),
    "many classes": ({"predictions": [[0.1, 0.7, 0.2]]}, [1.0]),
    "named": ({"predictions": [{"label": 3, "score": 0.25}]}, [0.25]),
    "no number": ({"predictions": ["high", {}]}, [None, None]),
    "v2": (
        {"outputs": [tensor("label", [2], [0, 1]), tensor("probability", [2, 2], [0.9, 0.1, 0.2, 0.8])]},
        [0.1, 0.8],
    ),
}


@pytest.mark.parametrize("case", SCORES)
def test_scores_of_a_response(case: str) -> None:
    data, scores = SCORES[case]
    assert answers("event", data) == scores


MISTAKES: dict[str, tuple[Any, str]] = {
    "no JSON": ("\x89PNG", r"must be a JSON object of the inference protocol"),
    "neither": ({"rows": []}, r"must have instances \(v1\) or inputs \(v2\)"),
    "of different lengths": (
        {"inputs": [tensor("a", [1], [1]), tensor("b", [2], [1, 2])]},
        r"must all be of as many rows, got \[1, 2\]",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_request_of_no_protocol_is_refused(log: InferenceLog, mistake: str) -> None:
    data, rule = MISTAKES[mistake]
    with pytest.raises(InputError, match=rule):
        log.take([event("request", data, "x", "m")])


@pytest.mark.parametrize(
    "data",
    [
        {"inputs": [{"name": "x", "shape": [1, "wide"], "data": [1]}]},
        {"inputs": [{"name": "x", "shape": [1], "data": 5}]},
        {"inputs": [{"name": "x", "shape": 2, "data": [1]}]},
    ],
)
def test_a_shape_that_is_none_is_the_senders_mistake(log: InferenceLog, data: Any) -> None:
    with pytest.raises(InputError, match="inference protocol"):
        log.take([event("request", data, "z1", "m")])
