"""A small outage as a recording: a front and a back service, whose back uses up its CPU and answers late."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wellkept.kernel.clock import to_nanos

START = datetime(2024, 3, 1, 12, tzinfo=UTC)
STEP_S, STEPS, ONSET = 10, 46, 37
SECOND = 10**9


def record(folder: Path, *, steps: int = STEPS, onset: int = ONSET, holes: range = range(0)) -> Path:
    """OTLP lines of two services and their host; ``holes`` are steps that were not recorded."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "all.jsonl").open("w", encoding="utf-8") as file:
        for step in range(steps):
            if step not in holes:
                for line in _lines(step, is_bad=step >= onset):
                    file.write(json.dumps(line) + "\n")
    return folder


def _lines(step: int, *, is_bad: bool) -> Iterator[dict[str, Any]]:
    at = to_nanos(START) + step * STEP_S * SECOND
    wobble = (step * 7919 % 13) / 13
    cpu = {"front": 0.1 + 0.02 * wobble, "back": (0.97 if is_bad else 0.2) + 0.02 * wobble}
    for service, value in cpu.items():
        yield _metric(service, "process.cpu.utilization", value, at)
    yield _spans(step, at, (0.9 if is_bad else 0.05) + 0.01 * wobble)
    yield _log(at, "ERROR" if is_bad else "INFO", f"served in step {step}")


def _resource(service: str) -> dict[str, Any]:
    own = {"service.name": service, "service.namespace": "shop", "host.id": "h1"}
    return {"attributes": [{"key": key, "value": {"stringValue": value}} for key, value in own.items()]}


def _metric(service: str, name: str, value: float, at: int) -> dict[str, Any]:
    points = [{"timeUnixNano": str(at), "asDouble": value}]
    metric = {"name": name, "unit": "1", "gauge": {"dataPoints": points}}
    return {"resourceMetrics": [{"resource": _resource(service), "scopeMetrics": [{"metrics": [metric]}]}]}


def _log(at: int, level: str, text: str) -> dict[str, Any]:
    number = {"INFO": 9, "ERROR": 17}[level]
    entry = {"timeUnixNano": str(at), "severityNumber": number, "severityText": level, "body": {"stringValue": text}}
    return {"resourceLogs": [{"resource": _resource("back"), "scopeLogs": [{"logRecords": [entry]}]}]}


def _spans(step: int, at: int, took_s: float) -> dict[str, Any]:
    """Twenty requests to front, each of which calls back once."""
    front, back = [], []
    for number in range(20):
        trace = f"{step * 100 + number + 1:032x}"
        begin = at - 2 * SECOND + number * SECOND // 20
        took = round(took_s * SECOND)
        ids = [f"{step * 1000 + number * 10 + place + 1:016x}" for place in range(3)]
        front.append(_span(trace, ids[0], "", "GET /", 2, begin, took + 6_000_000))
        front.append(_span(trace, ids[1], ids[0], "call", 3, begin + 2_000_000, took + 2_000_000))
        back.append(_span(trace, ids[2], ids[1], "serve", 2, begin + 3_000_000, took))
    blocks = [
        {"resource": _resource(service), "scopeSpans": [{"spans": spans}]}
        for service, spans in (("front", front), ("back", back))
    ]
    return {"resourceSpans": blocks}


def _span(trace: str, span: str, parent: str, name: str, kind: int, begin: int, took: int) -> dict[str, Any]:
    return {
        "traceId": trace, "spanId": span, "parentSpanId": parent, "name": name, "kind": kind,
        "startTimeUnixNano": str(begin), "endTimeUnixNano": str(begin + took),
    }  # fmt: skip
