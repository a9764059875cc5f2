"""Open Inference Protocol v2: what clients of the protocol may count on."""

from __future__ import annotations

from typing import Any

import httpx
import numpy as np
import pytest
from tests.ml.serve.doors import DIGEST, Asked, one, served, tensor

from wellkept.ml.runtime import Matrix, Scores

INFER = "/v2/models/fraud/infer"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_the_server_says_what_it_is(asked: Asked) -> None:
    assert asked.get("/v2").json().keys() == {"name", "version", "extensions"}
    assert asked.get("/v2/health/live").json() == {"live": True}


def test_readiness_tells_models_and_what_waits(asked: Asked) -> None:
    expected = {"ready": True, "live": True, "models": {"fraud": 7}, "versions": {"fraud": [7]}, "troubles": {}}

    assert asked.get("/v2/health/ready").json() == {**expected, "backlog": 3, "dropped": 1}


@pytest.mark.parametrize(
    "path", ["/v2/models/fraud", "/v2/models/fraud/versions/7", f"/v2/models/fraud/versions/{DIGEST}"]
)
def test_metadata_names_every_input_with_its_type(path: str, asked: Asked) -> None:
    body = asked.get(path).json()

    assert (body["name"], body["versions"], body["platform"]) == ("fraud", ["7"], "onnx")
    assert [(entry["name"], entry["datatype"]) for entry in body["inputs"]] == [
        ("amount", "FP64"),
        ("count", "INT64"),
        ("foreign", "BOOL"),
        ("risk", "FP64"),
    ]
    assert body["outputs"] == [{"name": "score", "datatype": "FP64", "shape": [-1]}]
    assert asked.get(f"{path}/ready").json() == {"name": "fraud", "ready": True}


def test_one_row_is_scored(asked: Asked) -> None:
    answer = asked.post(INFER, {"inputs": one()})

    body = answer.json()
    assert answer.status_code == 200
    assert body["outputs"] == [{"name": "score", "shape": [1], "datatype": "FP64", "data": [3.5]}]
    assert (body["model_name"], body["model_version"], body["parameters"]["digest"]) == ("fraud", "7", DIGEST)
    assert "id" not in body


@pytest.mark.parametrize(
    ("data", "shape"),
    [([1.0, 10.0], [2]), ([[1.0], [10.0]], [2, 1]), ([1.0, 10.0], [2, 1])],
    ids=["flat", "nested", "tall"],
)
def test_data_may_be_flat_or_nested(data: Any, shape: list[int], asked: Asked) -> None:
    tensors = [
        {"name": "amount", "datatype": "FP64", "shape": shape, "data": data},
        tensor("count", 2, 3, datatype="INT64"),
        tensor("foreign", True, False, datatype="BOOL"),
        tensor("risk", 0.5, None),
    ]

    assert asked.post(INFER, {"inputs": tensors}).json()["outputs"][0]["data"] == [4.5, 13.0]


def test_the_order_of_tensors_does_not_matter(asked: Asked) -> None:
    assert asked.post(INFER, {"inputs": one()[::-1]}).json()["outputs"][0]["data"] == [3.5]


@pytest.mark.parametrize("version", ["7", DIGEST])
def test_a_version_may_be_named(version: str, asked: Asked) -> None:
    assert asked.post(f"/v2/models/fraud/versions/{version}/infer", {"inputs": one()}).status_code == 200


@pytest.mark.parametrize("path", ["", "/ready", "/infer"])
def test_a_version_that_is_not_live_is_not_answered_for(path: str, asked: Asked) -> None:
    address = f"/v2/models/fraud/versions/6{path}"
    answer = asked.post(address, {"inputs": one()}) if path == "/infer" else asked.get(address)

    assert answer.status_code == 404
    assert answer.json()["error"] == "model fraud: serves version 7 alone, got '6'"
    assert asked.log.records == []


@pytest.mark.parametrize("path", ["", "/ready", "/infer"])
def test_a_model_that_is_not_live_is_not_found(path: str, asked: Asked) -> None:
    address = f"/v2/models/churn{path}"
    answer = asked.post(address, {"inputs": one()}) if path == "/infer" else asked.get(address)

    assert (answer.status_code, answer.json()["error"]) == (404, "model churn: has no live version here")


@pytest.mark.parametrize("given", ["abc", 17, None])
def test_the_id_of_a_request_comes_back_and_names_no_prediction(given: Any, asked: Asked) -> None:
    for _ in range(2):
        assert asked.post(INFER, {"id": given, "inputs": one()}).json()["id"] == given

    first, second = (record["id"] for record in asked.log.records)
    assert first != second


def test_the_outputs_that_are_asked_for_are_given(asked: Asked) -> None:
    answer = asked.post(INFER, {"inputs": one(), "outputs": [{"name": "score"}]})

    assert [output["name"] for output in answer.json()["outputs"]] == ["score"]


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ([{"name": "probability"}], "output probability: is not an output of fraud (score)"),
        ([{"name": "baseline"}], '(score); ask for it with "parameters": {"explain": true}'),
        ("score", "outputs: must be a list of outputs, each with a name, got 'score'"),
        ([{"nom": "score"}], "outputs[0]: must be an output with a name"),
    ],
)
def test_an_output_that_is_not_given_is_named(outputs: Any, words: str, asked: Asked) -> None:
    answer = asked.post(INFER, {"inputs": one(), "outputs": outputs})

    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert not asked.log.records, "nothing was answered, so nothing is logged"


MISTAKES: dict[str, tuple[Any, str]] = {
    "not an object": ([1], "body: must be an object, got [1]"),
    "no inputs": ({}, "inputs: must be a list of at least one tensor"),
    "empty inputs": ({"inputs": []}, "inputs: must be a list of at least one tensor, got []"),
    "nameless": ({"inputs": [{"data": [1]}]}, "inputs[0]: must be a tensor with a name, got {'data': [1]}"),
    "not a tensor": ({"inputs": [3]}, "inputs[0]: must be a tensor with a name, got 3"),
    "twice": ({"inputs": [*one(), tensor("risk", 1)]}, "input risk: is there twice"),
    "datatype": (
        {"inputs": [tensor("amount", 1, datatype="STRING")]},
        "input amount: datatype: must be one of BOOL, BYTES, FP16",
    ),
    "no data": ({"inputs": [tensor("amount")]}, "input amount: data: must be a list of at least one value, got []"),
    "shape": (
        {"inputs": [tensor("amount", 1, shape=[2])]},
        "input amount: shape: must be [1] or [1, 1], as there are values, got [2]",
    ),
    "wide shape": ({"inputs": [tensor("x", 1, shape=[1, 3])]}, "input x: shape: must be [rows, columns], as there"),
    "odd shape": ({"inputs": [tensor("amount", 1, shape="1")]}, "input amount: shape: must be [1] or [1, 1]"),
    "lengths": (
        {"inputs": [tensor("amount", 1, 2), tensor("count", 1)]},
        "inputs: must all have the same number of rows, got {'amount': 2, 'count': 1}",
    ),
    "missing": ({"inputs": one(risk=...)}, "input risk: is required"),
    "unknown": ({"inputs": one(colour=1)}, "input colour: is not an input of fraud (amount, count, foreign, risk)"),
    "null": ({"inputs": one(amount=None)}, "input amount: must not be null"),
    "text": ({"inputs": one(amount="12")}, "input amount: must be a number, got '12'"),
    "deep": ({"inputs": one(amount=[[1]])}, "input amount: must be a number, got [1]"),
    "part of a count": ({"inputs": one(count=1.5)}, "input count: must be a whole number, got 1.5"),
    "no truth": ({"inputs": one(foreign=2)}, "input foreign: must be true or false, got 2"),
    "no boolean": (
        {"inputs": [tensor("foreign", 0.5, datatype="BOOL")]},
        "input foreign: data: must be true or false, as its datatype BOOL says, got 0.5",
    ),
    "parameters": ({"inputs": one(), "parameters": [1]}, "parameters: must be an object, got [1]"),
    "entity key": (
        {"inputs": one(), "parameters": {"entity_key": {}}},
        "parameters.entity_key: must be a text, got {}",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_and_nothing_is_logged(mistake: str, asked: Asked) -> None:
    body, message = MISTAKES[mistake]

    answer = asked.post(INFER, body)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith(message)
    assert asked.log.records == []


@pytest.mark.parametrize(
    ("datatype", "value", "words"),
    [
        ("INT8", 1200, "whole numbers from -128 to 127"),
        ("INT8", -129, "whole numbers from -128 to 127"),
        ("UINT8", -1, "whole numbers from 0 to 255"),
        ("UINT16", 65536, "whole numbers from 0 to 65535"),
        ("INT64", 1.5, "whole numbers from -9223372036854775808 to 9223372036854775807"),
        ("INT64", 2**63, "whole numbers from -9223372036854775808 to 9223372036854775807"),
        ("BOOL", 7, "true or false"),
        ("FP16", 65505, "numbers from -65504 to 65504"),
        ("FP32", 1e39, "numbers from -3.40282e+38 to 3.40282e+38"),
    ],
)
@pytest.mark.parametrize("is_wide", [False, True])
def test_a_value_that_the_datatype_cannot_hold_is_refused(
    datatype: str, value: float, words: str, is_wide: bool, asked: Asked
) -> None:
    wide = tensor("x", value, 1, 1, 1, datatype=datatype, shape=[1, 4])
    inputs = [wide] if is_wide else [*one(amount=...), tensor("amount", value, datatype=datatype)]

    answer = asked.post(INFER, {"inputs": inputs})

    name = "x" if is_wide else "amount"
    told = f"input {name}: data: must be {words}, as its datatype {datatype} says, got {value}"
    assert (answer.status_code, answer.json()["error"]) == (400, told)


@pytest.mark.parametrize("datatype", ["INT8", "UINT64", "FP16", "FP32", "FP64"])
def test_a_whole_number_may_be_written_with_a_point(datatype: str, asked: Asked) -> None:
    inputs = [*one(amount=...), tensor("amount", 2.0, datatype=datatype)]

    assert asked.post(INFER, {"inputs": inputs}).status_code == 200


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", ["amount", "count"])
def test_a_whole_number_that_a_float_would_round_is_refused(name: str, sign: int, asked: Asked) -> None:
    exact, rounded = sign * 2**53, sign * (2**53 + 1)

    taken = asked.post(INFER, {"inputs": [*one(**{name: ...}), tensor(name, exact, datatype="INT64")]})
    answer = asked.post(INFER, {"inputs": [*one(**{name: ...}), tensor(name, rounded, datatype="INT64")]})

    assert taken.status_code == 200
    told = f"input {name}: must be at most 9007199254740992 (2^53) as a whole number: a float would round it"
    assert (answer.status_code, answer.json()["error"]) == (400, f"{told}, got {rounded}")


@pytest.mark.parametrize("name", ["prediction_id", "entity_key", "entity_keys"])
def test_an_id_that_every_row_would_carry_must_be_short(name: str, asked: Asked) -> None:
    def answer(text: str) -> httpx.Response:
        value = [text] if name == "entity_keys" else text
        return asked.post(INFER, {"inputs": one(), "parameters": {name: value}})

    assert answer("x" * 500).status_code == 200
    refused = answer("x" * 501)
    assert refused.status_code == 400
    assert refused.json()["error"] == f"parameters.{name}: must have at most 500 characters, got 501"


@pytest.mark.parametrize("content", [b"", b"{", b'{"inputs": NaN', b"\xff"])
def test_a_body_that_is_no_json_is_refused(content: bytes, asked: Asked) -> None:
    answer = asked.send(INFER, content, "application/json")

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("body: must be JSON")


@pytest.mark.parametrize("written", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused_with_its_place(written: str, asked: Asked) -> None:
    body = f'{{"inputs": [{{"name": "amount", "shape": [2], "datatype": "FP64", "data": [1, {written}]}}]}}'

    answer = asked.send(INFER, body.encode(), "application/json")

    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"inputs[0].data[1] ({written}): must be a finite number")


@pytest.mark.parametrize("value", [0, 1, True, False])
def test_a_boolean_may_be_written_as_a_number(value: Any, asked: Asked) -> None:
    assert asked.post(INFER, {"inputs": one(foreign=value)}).json()["outputs"][0]["data"] == [3.5 + value]


def test_too_many_rows_are_refused(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wellkept.ml.serve.protocols.MAX_ROWS", 2)

    answer = asked.post(INFER, {"inputs": [tensor("amount", 1, 2, 3)]})

    assert answer.json()["error"] == "input amount: must have at most 2 rows, got 3"


def test_a_body_that_is_too_large_is_refused(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wellkept.ml.serve.body.MAX_BODY_BYTES", 10)

    assert asked.post(INFER, {"inputs": one()}).status_code == 413


def test_an_unknown_address_or_method_is_answered_in_the_same_form(asked: Asked) -> None:
    assert (asked.get("/v2/nothing").status_code, asked.get("/v2/nothing").json().keys()) == (404, {"error"})
    assert asked.get(INFER).status_code == 405
    assert "Method Not Allowed" in asked.get(INFER).json()["error"]


def test_every_row_is_logged_with_its_inputs_score_and_decision(asked: Asked) -> None:
    parameters = {"prediction_id": "order-1", "entity_key": "card-9"}
    asked.post(INFER, {"inputs": one(risk=None, amount=-2), "parameters": parameters})

    (record,) = asked.log.records
    assert (record["id"], record["entity_key"]) == ("order-1", "card-9")
    assert (record["model"], record["version"]) == ("fraud", DIGEST)
    assert (record["score"], record["decision"]) == (0.0, "false")
    assert record["features"] == {"amount": -2.0, "count": 2.0, "foreign": 0.0, "risk": None}
    assert record["latency_ms"] > 0


def test_the_rows_of_one_request_are_predictions_of_their_own(asked: Asked) -> None:
    tensors = [tensor("amount", 1, 2), tensor("count", 1, 1), tensor("foreign", 0, 0), tensor("risk", 0, 0)]

    answer = asked.post(INFER, {"inputs": tensors, "parameters": {"prediction_id": "batch"}})

    assert answer.json()["parameters"]["prediction_id"] == "batch"
    assert [record["id"] for record in asked.log.records] == ["batch-0", "batch-1"]


def test_the_callers_trace_is_kept(asked: Asked) -> None:
    asked.post(INFER, {"inputs": one()}, traceparent=f"00-{TRACE}-{SPAN}-01")

    assert (asked.log.records[0]["trace_id"], asked.log.records[0]["span_id"]) == (TRACE, SPAN)
    assert asked.instrument.traces == [(TRACE, SPAN)]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "junk",
        f"00-{TRACE}-{SPAN}",
        f"00-{'z' * 32}-{SPAN}-01",
        f"00-{TRACE[:30]}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
    ],
)
def test_a_malformed_trace_header_costs_the_trace_and_nothing_else(header: str, asked: Asked) -> None:
    answer = asked.post(INFER, {"inputs": one()}, traceparent=header)

    assert answer.status_code == 200
    assert asked.log.records[0]["trace_id"] == ""


def test_many_rows_are_scored_alike(asked: Asked) -> None:
    count = 1000
    tensors = [
        tensor("amount", *range(count)),
        tensor("count", *[1] * count),
        tensor("foreign", *[0] * count),
        tensor("risk", *[None] * count),
    ]

    assert asked.post(INFER, {"inputs": tensors}).json()["outputs"][0]["data"] == [float(n + 1) for n in range(count)]
    assert len(asked.log.records) == count


class Broken:
    def score(self, rows: Matrix) -> Scores:
        raise RuntimeError("no such operator")


class Undefined:
    def score(self, rows: Matrix) -> Scores:
        return np.full(len(rows), np.nan)


def test_a_model_that_fails_is_an_error_of_the_server_in_the_protocols_form(asked: Asked) -> None:
    asked.serve(served(scorer=Broken()))

    answer = asked.post(INFER, {"inputs": one()})

    assert (answer.status_code, answer.json()["error"]) == (500, "the model failed: no such operator")


def test_a_score_that_is_no_number_is_an_error_and_never_logged(asked: Asked) -> None:
    asked.serve(served(scorer=Undefined()))

    answer = asked.post(INFER, {"inputs": one()})

    assert answer.status_code == 500
    assert answer.json()["error"] == "model fraud: the score of row 0 is not a finite number"
    assert asked.log.records == []
