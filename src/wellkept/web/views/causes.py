"""Causes of an incident as they are shown: with their reasons, what telemetry shows at them, and what people said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from wellkept.kernel import diagnosis as kernel
from wellkept.kernel.diagnosis import Cause, Diagnosis, Exhibit, Fault, Look, Pointer, Reason
from wellkept.web.charts.line import LineChart
from wellkept.web.deps import WebDeps
from wellkept.web.readings import Readings
from wellkept.web.views.looks import Stretch
from wellkept.web.views.pointers import PointerView, pointed
from wellkept.web.views.series import charts_of
from wellkept.web.wording import bare, kind_of, share

MOST_CHARTS = 2
"""Series of the likeliest cause that are drawn on the page; the others are behind their links."""


@dataclass(frozen=True, slots=True)
class ReasonView:
    """One piece of evidence for a cause."""

    kind: str
    strength: float
    percent: str
    sentence: str
    pointers: tuple[PointerView, ...] = ()
    chart: LineChart | None = None


@dataclass(frozen=True, slots=True)
class ExhibitView:
    """What telemetry shows at a cause."""

    kind: str
    sentence: str
    sample: str
    pointers: tuple[PointerView, ...]


@dataclass(frozen=True, slots=True)
class CauseView:
    """A suspect with its reasons."""

    rank: int
    entity: str
    kind: str
    belief: float
    percent: str
    reasons: tuple[ReasonView, ...]
    id: str = ""
    fault: str = ""
    since: datetime | None = None
    way: str = ""
    """The way from the cause to where it is felt."""
    """Its probability."""
    exhibits: tuple[ExhibitView, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfirmedView:
    """What a person said was the cause."""

    entity: str
    by: str
    at: datetime
    why: str
    is_as_named: bool


def cause_views(diagnosis: Diagnosis | None, readings: Readings, now: datetime) -> tuple[CauseView, ...]:
    """The causes that are named, the likeliest first."""
    if diagnosis is None or diagnosis.best is None:
        return ()
    drawn = _charts(diagnosis.best, readings, now)
    return tuple(_cause(rank, cause, drawn if rank == 1 else {}) for rank, cause in enumerate(diagnosis.causes, 1))


def chance(probability: float) -> str:
    """A probability as the paragraph says it, with the pages' space."""
    return kernel.chance(probability).replace("%", " %")


def confirmed_view(deps: WebDeps, incident: str) -> ConfirmedView | None:
    """What a person said of an incident; None where nobody did."""
    said = deps.causes.confirmed(incident) if deps.causes is not None else None
    if said is None:
        return None
    return ConfirmedView(
        bare(said.entity) or "none of the suspects", said.by, said.at, said.why, said.entity == said.named
    )


def _charts(cause: Cause, readings: Readings, now: datetime) -> Mapping[tuple[str, str], LineChart]:
    """The series that speak against a cause, drawn."""
    series = [pointer for reason in cause.reasons for pointer in reason.pointers if pointer.look is Look.SERIES]
    if not series or series[0].start is None or series[0].end is None:
        return {}
    wanted = list(dict.fromkeys((pointer.name, pointer.entity) for pointer in series))[:MOST_CHARTS]
    return charts_of(readings, wanted, Stretch(series[0].start, min(now, series[0].end), series[0].onset))


def _cause(rank: int, cause: Cause, drawn: Mapping[tuple[str, str], LineChart]) -> CauseView:
    left = dict(drawn)
    return CauseView(
        rank=rank,
        entity=bare(cause.entity),
        kind=kind_of(cause.entity),
        belief=cause.belief,
        percent=chance(cause.belief),
        reasons=tuple(_reason(reason, left) for reason in cause.reasons),
        id=cause.entity,
        fault=cause.fault.value if cause.fault is not Fault.UNKNOWN else "",
        since=cause.since,
        way=" → ".join(bare(one) for one in cause.path) if len(cause.path) > 1 else "",
        exhibits=tuple(_exhibit(one) for one in cause.exhibits),
    )


def _reason(reason: Reason, left: dict[tuple[str, str], LineChart]) -> ReasonView:
    """A reason takes the chart of its series, so that none is drawn twice."""
    chart = next((left.pop(key) for key in _series(reason.pointers) if key in left), None)
    return ReasonView(
        reason.kind.replace("_", " "),
        reason.strength,
        share(reason.strength),
        reason.sentence,
        tuple(pointed(pointer) for pointer in reason.pointers),
        chart,
    )


def _series(pointers: Sequence[Pointer]) -> list[tuple[str, str]]:
    return [(pointer.name, pointer.entity) for pointer in pointers if pointer.look is Look.SERIES]


def _exhibit(one: Exhibit) -> ExhibitView:
    return ExhibitView(one.kind, one.sentence, one.sample, tuple(pointed(pointer) for pointer in one.pointers))
