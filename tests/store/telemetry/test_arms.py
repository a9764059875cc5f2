"""Versions beside each other: what each was asked, failed at, answered and was wrong by, in its own span of time."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from tests.store.telemetry.scenes import at

from wellkept.sdk.otlp import key_values
from wellkept.store.telemetry.arms import ABOVE, ANSWER, FAILED, LABELLED, LOSS, REQUEST, SLOW, Agreement, Arm, Asked
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.predictions import LABELS, PREDICTIONS
from wellkept.store.telemetry.telemetry import Telemetry

ASKED = Asked(
    model="fraud",
    service="model-server",
    arms=(Arm("v1", 1, at(0), at(100)), Arm("v2", 2, at(0), at(100))),
    slow_ms=5.0,
    loss="log",
    edges=(0.2, 0.6),
)


def span(second: float, number: int, *, failed: bool = False, ms: float = 1.0, **more: Any) -> Span:
    end = int(at(second).timestamp() * 1e9)
    code = Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_UNSET
    attributes = {"model.name": "fraud", "model.version": str(number), "arm": "champion", **more}
    return Span(
        trace_id=float(second).hex().encode()[:16].ljust(16, b"0"),
        span_id=f"{second:08.3f}"[-8:].encode(),
        name="infer fraud",
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=end,
        end_time_unix_nano=end + int(ms * 1e6),
        attributes=key_values({name: value for name, value in attributes.items() if value != ""}),
        status=Status(code=code),
    )


def spans(telemetry: Telemetry, *found: Span) -> None:
    request = ExportTraceServiceRequest()
    block = request.resource_spans.add()
    block.resource.attributes.extend(key_values({"service.name": "model-server", "service.namespace": "wellkept"}))
    block.scope_spans.add().spans.extend(found)
    telemetry.otlp.insert(Signal.TRACES, [request.SerializeToString()], 0)


def answers(telemetry: Telemetry, *rows: dict[str, Any]) -> None:
    known = {"model": "fraud", "attributes": [("arm", "champion")], "entity_key": "", "decision": ""}
    made = [{**known, **row} for row in rows]
    columns = ["id", "time", "model", "version", "score", "decision", "attributes", "entity_key"]
    schema = PREDICTIONS.empty_table().select(columns).schema
    telemetry.predictions.write(pa.Table.from_pylist(made, schema=schema))


def truths(telemetry: Telemetry, second: float = 90, **values: float) -> None:
    made = [
        {"prediction_id": key, "model": "fraud", "time": at(second), "value": value} for key, value in values.items()
    ]
    telemetry.labels.write(pa.Table.from_pylist(made, schema=LABELS))


def test_requests_failures_and_slow_answers_are_counted_by_version(telemetry: Telemetry) -> None:
    spans(telemetry, span(1, 1), span(2, 1, failed=True), span(3, 2, ms=9), span(4, 2), span(5, 2), span(6, 3))

    first, second = (side.sum(axis=0) for side in telemetry.arms.requests(ASKED))

    assert [first[column] for column in (REQUEST, FAILED, SLOW)] == [2, 1, 0]
    assert [second[column] for column in (REQUEST, FAILED, SLOW)] == [3, 0, 1]


def test_a_span_that_came_twice_counts_once(telemetry: Telemetry) -> None:
    spans(telemetry, span(1, 1), span(1, 1))

    assert telemetry.arms.requests(ASKED)[0][:, REQUEST].sum() == 1


def test_what_named_its_version_is_not_of_the_rollout(telemetry: Telemetry) -> None:
    spans(telemetry, span(1, 1, arm=""), span(2, 2, arm=""))
    answers(telemetry, {"id": "a", "time": at(1), "version": "v1", "score": 0.5, "attributes": []})

    assert sum(side.sum() for side in telemetry.arms.requests(ASKED)) == 0
    assert telemetry.arms.answers(ASKED)[0].sum() == 0
    assert [side[:, REQUEST].sum() for side in telemetry.arms.requests(replace(ASKED, split=False))] == [1, 1]


def test_callers_fall_into_the_buckets_that_the_server_says(telemetry: Telemetry) -> None:
    spans(telemetry, span(1, 1, bucket=7), span(2, 1, bucket=7), span(3, 1, bucket=1030))

    found = telemetry.arms.requests(ASKED)[0][:, REQUEST]

    assert {int(index): int(found[index]) for index in np.flatnonzero(found)} == {7: 2, 6: 1}


def test_spans_that_name_no_bucket_are_callers_of_their_own(telemetry: Telemetry) -> None:
    spans(telemetry, *(span(second, 1, bucket=-1) for second in range(20)))

    assert telemetry.arms.requests(ASKED)[0][:, REQUEST].max() < 5


def test_void_spans_and_what_lies_outside_are_left_out(telemetry: Telemetry) -> None:
    spans(telemetry, *(span(second, 1) for second in (0, 10, 20, 30, 99, 100)))
    answers(
        telemetry, *({"id": str(s), "time": at(s), "version": "v1", "score": 0.5} for s in (0, 10, 20, 30, 99, 100))
    )
    asked = replace(ASKED, void=((at(10), at(30)),))

    assert telemetry.arms.requests(asked)[0][:, REQUEST].sum() == 3
    assert telemetry.arms.answers(asked)[0][:, ANSWER].sum() == 3


def test_each_version_is_looked_at_in_its_own_span_of_time(telemetry: Telemetry) -> None:
    spans(telemetry, span(10, 1), span(60, 1), span(10.5, 2), span(60.5, 2))
    asked = replace(ASKED, arms=(Arm("v1", 1, at(0), at(50)), Arm("v2", 2, at(50), at(100))))

    assert [side[:, REQUEST].sum() for side in telemetry.arms.requests(asked)] == [1, 1]


def test_answers_come_with_their_truth_their_loss_and_their_scores(telemetry: Telemetry) -> None:
    answers(
        telemetry,
        {"id": "a", "time": at(1), "version": "v1", "score": 0.9},
        {"id": "b", "time": at(2), "version": "v1", "score": 0.3},
        {"id": "c", "time": at(3), "version": "v2", "score": 0.0},
        {"id": "c", "time": at(3), "version": "v2", "score": 0.0},
    )
    truths(telemetry, a=1, c=1)

    first, second = (side.sum(axis=0) for side in telemetry.arms.answers(ASKED))

    assert [first[column] for column in (ANSWER, LABELLED)] == [2, 1]
    assert first[LOSS] == pytest.approx(-math.log(0.9))
    assert first[ABOVE:].tolist() == [2, 1]
    assert second[ANSWER] == 1
    assert second[LOSS] == pytest.approx(-math.log(0.01)), "a loss has an upper end"


@pytest.mark.parametrize(("loss", "expected"), [("absolute", 1.25), ("wrong", 1.0)])
def test_the_loss_is_the_tasks(telemetry: Telemetry, loss: str, expected: float) -> None:
    answers(telemetry, {"id": "a", "time": at(1), "version": "v1", "score": 2.25})
    truths(telemetry, a=1)

    assert telemetry.arms.answers(replace(ASKED, loss=loss))[0][:, LOSS].sum() == pytest.approx(expected)


def test_a_truth_of_the_future_hides_none_that_is_known(telemetry: Telemetry) -> None:
    answers(telemetry, *({"id": id_, "time": at(1), "version": "v1", "score": 0.9} for id_ in "ab"))
    truths(telemetry, a=1)
    truths(telemetry, 9000, a=0, b=0)

    first = telemetry.arms.answers(ASKED)[0].sum(axis=0)

    assert first[LABELLED] == 1
    assert first[LOSS] == pytest.approx(-math.log(0.9))


def test_a_shadow_is_judged_by_the_truth_about_the_answer_beside_it(telemetry: Telemetry) -> None:
    shadow = {"attributes": [("arm", "shadow"), ("shadow_of", "a")], "version": "v2", "score": 0.5}
    answers(
        telemetry,
        {"id": "a", "time": at(1), "version": "v1", "score": 0.8},
        {"id": "a~2", "time": at(1), **shadow},
    )
    truths(telemetry, a=1)

    first, second = telemetry.arms.answers(ASKED)

    assert second[:, LABELLED].sum() == 1
    assert second[:, LOSS].sum() == pytest.approx(math.log(2))
    assert np.flatnonzero(first[:, ANSWER]).tolist() == np.flatnonzero(second[:, ANSWER]).tolist()


def tried(number: int, score: float, shadow: float, **more: Any) -> list[dict[str, Any]]:
    """A request that the champion answered and a shadow was tried on."""
    marks = {"attributes": [("arm", "shadow"), ("shadow_of", f"p{number}")], "version": "v2", "score": shadow}
    return [
        {"id": f"p{number}", "time": at(number), "version": "v1", "score": score, **more},
        {"id": f"p{number}~2", "time": at(number), **marks},
    ]


@pytest.mark.parametrize(("loss", "otherwise"), [("log", 2), ("wrong", 2), ("absolute", 0)])
def test_a_shadow_is_compared_with_the_answer_to_the_same_request(
    telemetry: Telemetry, loss: str, otherwise: int
) -> None:
    rows = tried(1, 0.9, 0.8) + tried(2, 0.2, 0.9) + tried(3, 0.6, 0.1) + tried(4, 0.1, 0.1)
    unpaired = {"id": "p9", "time": at(9), "version": "v1", "score": 0.9}
    answers(telemetry, *rows, unpaired, *tried(50, 0.9, 0.1), *tried(150, 0.9, 0.1))

    found = telemetry.arms.agreement(replace(ASKED, loss=loss, void=((at(40), at(60)),)))

    assert (found.pairs, found.otherwise) == (4, otherwise)
    assert found.apart == pytest.approx((0.1 + 0.7 + 0.5 + 0.0) / 4)


def test_two_versions_decide_by_the_thresholds_of_their_own_contracts(telemetry: Telemetry) -> None:
    row, shadow = tried(1, 0.3, 0.3)
    answers(telemetry, {**row, "decision": "true"}, {**shadow, "decision": "false"})

    assert telemetry.arms.agreement(ASKED).otherwise == 1


def test_without_pairs_there_is_nothing_to_agree_on(telemetry: Telemetry) -> None:
    assert telemetry.arms.agreement(ASKED) == Agreement(0, 0, 0.0)


def test_all_answers_to_one_caller_are_in_one_bucket(telemetry: Telemetry) -> None:
    rows = [
        {"id": str(n), "time": at(n), "version": "v1", "score": 0.5, "entity_key": f"card-{n % 3}"} for n in range(30)
    ]
    answers(telemetry, *rows)

    found = telemetry.arms.answers(ASKED)[0][:, ANSWER]
    assert sorted(found[found > 0]) == [10, 10, 10]


def test_how_long_a_hundredth_takes(telemetry: Telemetry) -> None:
    spans(telemetry, *(span(n / 10, 1, ms=4.0) for n in range(1, 50)))

    slow, count = telemetry.arms.slowest("fraud", "model-server", 1, at(0), at(100))
    assert (round(slow, 3), count) == (4.0, 49)
    assert telemetry.arms.slowest("fraud", "model-server", 9, at(0), at(100))[1] == 0
