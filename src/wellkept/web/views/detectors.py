"""The detectors: what runs, how much it said and cost, and why it says what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wellkept.ops.detect.explained import Explained


@dataclass(frozen=True, slots=True)
class DetectorRow:
    """One detector in a list."""

    name: str
    version: str
    finds: str
    kinds: tuple[str, ...]
    state: str
    tone: str
    lately: int
    running: int
    took: str
    budget: str


@dataclass(frozen=True, slots=True)
class ParameterView:
    """One number that a detector goes by."""

    place: str
    value: str
    usual: str
    meaning: str


@dataclass(frozen=True, slots=True)
class ThresholdView:
    """What a series must exceed to be told, before feedback and after it."""

    name: str
    entity: str
    before: str
    after: str
    score: str
    said: str


@dataclass(frozen=True, slots=True)
class DetectorView:
    """The page of one detector."""

    row: DetectorRow
    does: tuple[str, ...]
    source: str
    blind_spots: tuple[str, ...]
    parameters: tuple[ParameterView, ...]
    thresholds: tuple[ThresholdView, ...]
    series: str
    findings: tuple[tuple[str, str, datetime], ...]
    """Id, sentence and start of the last ones."""


def detector_rows(explained: Explained) -> tuple[DetectorRow, ...]:
    """Every detector, those that are on first."""
    return tuple(_row(one) for one in explained.listing())


def detector_view(explained: Explained, name: str, series: str) -> DetectorView:
    """One detector; ``series`` (a metric's name, an entity, or both) asks for the thresholds of these.

    Raises:
        NotFoundError: there is no detector of that name.
    """
    told = explained.detail(name, series)
    return DetectorView(
        row=_row(told),
        does=tuple(told["does"]),
        source=told.get("source", ""),
        blind_spots=tuple(told.get("blind_spots", ())),
        parameters=tuple(_parameter(one) for one in told.get("parameters", ())),
        thresholds=tuple(_threshold(one) for one in told.get("thresholds", ())),
        series=series,
        findings=tuple(
            (one["id"], one["sentence"], datetime.fromisoformat(one["starts_at"])) for one in told.get("findings", ())
        ),
    )


def _row(told: Mapping[str, Any]) -> DetectorRow:
    failing = bool(told.get("failures")) and told["failures"] == told["looks"]
    state, tone = ("failing", "error") if failing else ("on", "ok") if told["enabled"] else ("off", "quiet")
    budget = told.get("budget_per_series_week")
    return DetectorRow(
        name=told["name"],
        version=told["version"],
        finds=told["finds"],
        kinds=tuple(kind.replace("_", " ") for kind in told["kinds"]),
        state=state,
        tone=tone,
        lately=told.get("findings_24h", 0),
        running=told.get("open", 0),
        took=f"{told['last_s'] * 1000:.0f} ms" if told["enabled"] else "",
        budget="" if budget is None else f"{budget:g} a series and week",
    )


def _parameter(told: Mapping[str, Any]) -> ParameterView:
    changed = told["usual"] is not None and told["value"] != told["usual"]
    return ParameterView(told["set_at"], str(told["value"]), str(told["usual"]) if changed else "", told["meaning"])


def _threshold(told: Mapping[str, Any]) -> ThresholdView:
    said = "; ".join(f"{one['opinion']} by {one['by']}" for one in told["feedback"])
    score = f"{told['score']:.2f}" if told["known"] else "not known yet"
    before, after = f"{told['before_feedback']:.2f}", f"{told['after_feedback']:.2f}"
    return ThresholdView(told["name"], told["entity"], before, after, score, said)
