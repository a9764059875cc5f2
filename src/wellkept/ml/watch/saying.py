"""How monitors of data quality and of labels word what they found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from wellkept.kernel.entity import feature_id, model_id
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ml.drift.onset import onset
from wellkept.ml.watch.base import Monitor, Said, Served, newest


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with an input (a column that is logged; empty: with the model as a whole).

    ``cause`` is a word that machines read: what has one is broken, and no reason to train again. ``starts`` and
    ``until`` are in seconds since the epoch; ``until`` is when it was seen last, where that is known.
    """

    signal: str
    cause: str
    sentence: str
    title: str
    starts: float
    score: float
    meaning: str
    column: str = ""
    severity: Severity = Severity.WARNING
    kind: FindingKind = FindingKind.DATA_QUALITY
    values: Mapping[str, float] = field(default_factory=dict)
    limit: float | None = None
    until: float | None = None
    notes: Mapping[str, str] = field(default_factory=dict)


def entity_of(served: Served, column: str) -> str:
    """The entity that a column of the log tells of: the input, or (of none) the model."""
    entry = served.contract.logged.get(column)
    if entry is not None:
        return feature_id(served.model, entry.name)
    return feature_id(served.model, column) if column else model_id(served.model)


def print_of(monitor: Monitor, served: Served, column: str, signal: str) -> str:
    """The fingerprint of what a monitor says of a column."""
    return fingerprint(monitor.name, entity_of(served, column), signal, *([column] if column else []))


def finding(monitor: Monitor, served: Served, trouble: Trouble) -> Finding:
    """The finding of a trouble. While it is open it keeps its beginning."""
    print_ = print_of(monitor, served, trouble.column, trouble.signal)
    known = served.open.get(print_)
    entry = served.contract.logged.get(trouble.column)
    about = {"feature": trouble.column, "source": entry.source if entry else ""} if trouble.column else {}
    cause = {"cause": trouble.cause} if trouble.cause else {}
    starts_at = known.starts_at if known is not None else _moment(trouble.starts)
    span = (None, None) if trouble.until is None else (starts_at, _moment(trouble.until))
    return Finding(
        fingerprint=print_,
        detector=monitor.name,
        detector_version=monitor.version,
        entity=entity_of(served, trouble.column),
        kind=trouble.kind,
        severity=trouble.severity,
        score=round(min(1.0, max(0.0, trouble.score)), 6),
        score_meaning=trouble.meaning,
        starts_at=starts_at,
        sentence=trouble.sentence,
        evidence=(
            Evidence(
                trouble.signal,
                about,
                window_start=span[0],
                window_end=span[1],
                values=trouble.values,
                limit=trouble.limit,
            ),
        ),
        attributes={"title": trouble.title, **cause, **trouble.notes},
    )


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


Looked = tuple[str, str, Trouble | None]
"""A column (empty: the model), a signal, and what is wrong with it; None: nothing is."""


def judged(monitor: Monitor, served: Served, looks: Iterable[Looked]) -> Said:
    """What a monitor says that has looked: a finding for each trouble, and the end of what is none. Of what it could
    not look at it says nothing.
    """
    findings, clear = [], set()
    for column, signal, trouble in looks:
        if trouble is None:
            clear.add(print_of(monitor, served, column, signal))
        else:
            findings.append(finding(monitor, served, trouble))
    return Said(tuple(findings), frozenset(clear))


def began(served: Served, column: str, otherwise: float) -> float:
    """Since when (seconds since the epoch) a column's values are spread as they are now; a look goes further back.

    ``otherwise``: of a column that is not counted, or of too few rows.
    """
    counts, reference = served.slices.bins.get(column), served.reference.get(column)
    if counts is None or reference is None or len(reference.counts) < 2:
        return otherwise
    first = newest(counts.sum(axis=1), served.contract.monitors.drift.min_rows)
    if first < 0:
        return otherwise
    return float(served.slices.times[onset(counts, reference.bins, first)]) - served.step_s


def origin(served: Served, column: str) -> str:
    """``NAME, an input of MODEL from SOURCE,``."""
    entry = served.contract.logged.get(column)
    source = "" if entry is None else entry.source
    where = "the request" if source in ("request", "") else source.partition(":")[2]
    known = column if entry is None or column == entry.name else f"{entry.name} ({column.rpartition('.')[2]})"
    return f"{known}, an input of {served.model} from {where},"


def clock(at: datetime | float) -> str:
    """A moment (of a number, in seconds since the epoch) as sentences say it: what began days ago needs its date."""
    moment = at.astimezone(UTC) if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def odds(chance: float) -> str:
    """How improbable something is, in words: with one digit, as no more is known of it."""
    if chance < 1e-9:
        return "a chance of less than one in a billion"
    return f"a chance of about one in {float(f'{1 / chance:.1g}'):,.0f}"
