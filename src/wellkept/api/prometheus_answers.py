"""Answers as Prometheus writes them: numbers as texts, moments as seconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import orjson

from wellkept.api.prometheus_asked import Asked
from wellkept.store.telemetry.promql.catalogue import Metadata
from wellkept.store.telemetry.promql.figures import all_shown, lists_of, shown
from wellkept.store.telemetry.promql.promql import Answer
from wellkept.store.telemetry.promql.source import RawSeries
from wellkept.store.telemetry.promql.values import Labels, Scalar, Text, Vector

EVERY_SERIES = 1_000_000_000


def result_of(answer: Answer, asked: Asked) -> dict[str, object]:
    """The answer to an instant query."""
    asked.warnings.extend(answer.warnings)
    moment = seconds(answer.steps.start_ms)
    match answer.value:
        case None:
            return _result("matrix", _samples(answer.raw or [], asked))
        case Scalar():
            return _result("scalar", [moment, shown(float(answer.value.values[0]))])
        case Text():
            return _result("string", [moment, answer.value.value])
        case Vector():
            values = all_shown(answer.value.values[:, 0].tolist())
            rows = [
                {"metric": metric_of(labels), "value": [moment, value]}
                for labels, value in zip(answer.value.labels, values, strict=True)
            ]
            return _result("vector", [*asked.cut(rows, EVERY_SERIES)])


def matrix_of(answer: Answer, asked: Asked) -> dict[str, object]:
    """The answer to a range query, series in the order of their labels."""
    asked.warnings.extend(answer.warnings)
    times = [seconds(millis) for millis in answer.steps.millis.tolist()]
    if isinstance(answer.value, Scalar):
        grid = answer.value.values[np.newaxis]
        return _matrix([()], lists_of(times, grid, np.ones(grid.shape, bool), [0]))
    assert isinstance(answer.value, Vector), "a range query gives series"
    vector = answer.value
    order = asked.cut(sorted(range(len(vector.labels)), key=vector.labels.__getitem__), EVERY_SERIES)
    return _matrix([vector.labels[row] for row in order], lists_of(times, vector.values, vector.present, order))


def _matrix(labels: Sequence[Labels], lists: Sequence[bytes]) -> dict[str, object]:
    series = zip(labels, lists, strict=True)
    return _result("matrix", [{"metric": metric_of(own), "values": orjson.Fragment(text)} for own, text in series])


def metric_of(labels: Labels) -> dict[str, str]:
    """Labels as an object."""
    return dict(labels)


def metadata_of(known: dict[str, Metadata]) -> dict[str, object]:
    """Type, unit and help of each metric."""
    return {name: [{"type": one.type, "help": one.help, "unit": one.unit}] for name, one in known.items()}


def seconds(millis: int) -> int | float:
    """A moment as seconds, whole where it is."""
    return millis // 1000 if millis % 1000 == 0 else millis / 1000


def _samples(raw: RawSeries, asked: Asked) -> list[object]:
    return [
        {"metric": metric_of(labels), "values": [[seconds(at), shown(value)] for at, value in samples]}
        for labels, samples in asked.cut(raw, EVERY_SERIES)
    ]


def _result(kind: str, result: list[object]) -> dict[str, object]:
    return {"resultType": kind, "result": result}
