"""The page of a trace: its spans as a waterfall, and beside each what is usual for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from wellkept.kernel.errors import NotFoundError
from wellkept.kernel.redact import redact
from wellkept.web.charts.waterfall import Bar, Waterfall
from wellkept.web.readings import Readings
from wellkept.web.views.looks import Stretch, stretch
from wellkept.web.wording import amount, bare

MOST = 500
"""Spans that are drawn; a trace may have ten thousand."""
ENOUGH = 5
"""Fewer spans of an operation tell nothing of what is usual."""
LONGER, LEAST_S = 2.0, 0.002
"""A span is slow where it takes so many times longer than the slowest twentieth of its like, and so many seconds."""
OWN = 0.5
"""A slow span differs where at least so much of what it takes more is its own, and not that of what it calls."""
RARELY = 0.2
"""A failed span differs where fewer of its like fail, and nothing that it called failed."""
BEFORE = timedelta(minutes=20)


@dataclass(frozen=True, slots=True)
class SpanRow:
    """One span. ``depth``: how many spans it is below the root; ``differs`` says how, where it does."""

    name: str
    service: str
    depth: int
    took: str
    usual: str
    failed: bool
    differs: str
    is_pointed_at: bool
    message: str


@dataclass(frozen=True, slots=True)
class TraceView:
    """The page; ``where`` says where the trace differs from those of the healthy time."""

    id: str
    title: str
    started_at: datetime
    took: str
    spans: int
    failed: int
    services: tuple[str, ...]
    waterfall: Waterfall
    rows: tuple[SpanRow, ...]
    where: tuple[str, ...]
    compared: Stretch
    is_cut: bool


def trace_view(readings: Readings, trace: str, asked: Mapping[str, str], now: datetime) -> TraceView:
    """One trace, compared with the time until ``onset`` where the address names one, else with the time before it.

    Raises:
        NotFoundError: there is no such trace.
        InputError: a stretch of time that is none.
    """
    found = _ordered(readings.trace(trace, MOST + 1))
    if not found:
        raise NotFoundError(f"trace {trace}", "is not known, or too old to be kept")
    spans = found[:MOST]
    start = min(_moment(span["start"]) for _, span in spans)
    seen = stretch(asked, now) if asked.get("start") else Stretch(start - BEFORE, start)
    healthy = Stretch(seen.start, seen.onset or seen.end)
    usual = _usual(readings, spans, healthy)
    differences = _differences(spans, usual)
    rows = tuple(_row(depth, span, usual, asked, told) for (depth, span), told in zip(spans, differences, strict=True))
    end = max(_moment(span["start"]) + timedelta(seconds=span["duration_s"]) for _, span in spans)
    root = spans[0][1]
    bars = tuple(_bar(row, span, start) for row, (_, span) in zip(rows, spans, strict=True))
    return TraceView(
        id=trace,
        title=f"{root['name']} of {bare(root['entity']) or root['service']}",
        started_at=start,
        took=amount((end - start).total_seconds(), "s"),
        spans=len(spans),
        failed=sum(row.failed for row in rows),
        services=tuple(dict.fromkeys(row.service for row in rows)),
        waterfall=Waterfall(f"Spans of trace {trace}", (end - start).total_seconds(), bars),
        rows=rows,
        where=tuple(f"{row.name} of {row.service} {row.differs}" for row in rows if row.differs)[:5],
        compared=healthy,
        is_cut=len(found) > MOST,
    )


def _ordered(spans: Sequence[Mapping[str, Any]]) -> list[tuple[int, Mapping[str, Any]]]:
    """Spans with their depths, each below its parent, by time."""
    known = {span["span_id"] for span in spans}
    below: dict[str, list[Mapping[str, Any]]] = {}
    for span in spans:
        parent = span["parent_span_id"]
        below.setdefault(parent if parent in known and parent != span["span_id"] else "", []).append(span)
    found: list[tuple[int, Mapping[str, Any]]] = []
    todo = [(0, span) for span in reversed(below.pop("", []))]
    while todo:
        depth, span = todo.pop()
        found.append((depth, span))
        todo += [(depth + 1, child) for child in reversed(below.pop(span["span_id"], []))]
    return found


def _usual(
    readings: Readings, spans: Sequence[tuple[int, Mapping[str, Any]]], healthy: Stretch
) -> dict[tuple[str, str], Mapping[str, Any]]:
    entities = sorted({span["entity"] for _, span in spans if span["entity"]})
    names = sorted({span["name"] for _, span in spans})
    rows = readings.usual(healthy.start, healthy.end, entities, names)
    return {(row["entity"], row["name"]): row for row in rows if row["spans"] >= ENOUGH}


def _row(
    depth: int,
    span: Mapping[str, Any],
    usual: Mapping[tuple[str, str], Mapping[str, Any]],
    asked: Mapping[str, str],
    differs: str,
) -> SpanRow:
    known = usual.get((span["entity"], span["name"]))
    return SpanRow(
        name=span["name"],
        service=bare(span["entity"]) or span["service"],
        depth=depth,
        took=amount(span["duration_s"], "s"),
        usual=f"{amount(known['p50_s'], 's')} to {amount(known['p95_s'], 's')}" if known else "",
        failed=span["status"] == "Error",
        differs=differs,
        is_pointed_at=bool(asked.get("at"))
        and (asked.get("entity"), asked.get("at")) == (span["entity"], span["name"]),
        message=redact(span["status_message"]),
    )


def _differences(
    spans: Sequence[tuple[int, Mapping[str, Any]]], usual: Mapping[tuple[str, str], Mapping[str, Any]]
) -> list[str]:
    """How each span differs by itself; empty where it does not, or only passes on what happened below it."""
    known = [usual.get((span["entity"], span["name"])) for _, span in spans]
    more = [
        max(0.0, span["duration_s"] - (like["p50_s"] if like else span["duration_s"]))
        for (_, span), like in zip(spans, known, strict=True)
    ]
    below: dict[str, float] = {}
    failing = {span["parent_span_id"] for _, span in spans if span["status"] == "Error"}
    for (_, span), seconds in zip(spans, more, strict=True):
        below[span["parent_span_id"]] = below.get(span["parent_span_id"], 0.0) + seconds
    return [
        _difference(span, like, own=seconds - below.get(span["span_id"], 0.0), failed_below=span["span_id"] in failing)
        if like
        else ""
        for (_, span), like, seconds in zip(spans, known, more, strict=True)
    ]


def _difference(span: Mapping[str, Any], like: Mapping[str, Any], *, own: float, failed_below: bool) -> str:
    took, slowest = span["duration_s"], like["p95_s"]
    is_slow = took > LONGER * slowest and took - slowest > LEAST_S
    if is_slow and own > OWN * (took - like["p50_s"]):
        return f"took {amount(took, 's')}, where {amount(like['p50_s'], 's')} is usual"
    if span["status"] == "Error" and not failed_below and like["errors"] / like["spans"] < RARELY:
        return f"failed, which {like['errors'] / like['spans']:.0%} of them usually do"
    return ""


def _bar(row: SpanRow, span: Mapping[str, Any], start: datetime) -> Bar:
    offset = (_moment(span["start"]) - start).total_seconds()
    tone = "error" if row.failed else "warning" if row.differs else ""
    words = f"{row.name} of {row.service}: {row.took}" + (f"; usual {row.usual}" if row.usual else "")
    return Bar(
        f"{row.name}", row.service, row.depth, offset, span["duration_s"], row.took, tone, words,
        is_marked=row.is_pointed_at or bool(row.differs),
    )  # fmt: skip


def _moment(value: datetime) -> datetime:
    """The beginning of a span; it may come without its zone."""
    return value if value.tzinfo else value.replace(tzinfo=UTC)
