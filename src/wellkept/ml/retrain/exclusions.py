"""What a model must not be trained on: spans in which its inputs or labels were bad, versioned by their digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from wellkept.spine.registry import ModelVersion
from wellkept.store.state.retrains import BadSpan, Exclusions

TAINTED = "tainted"
"""The entry of a version's lineage that says what it was trained on and should not have been."""
NOTABLE = 0.01
"""A version is tainted where at least this share of its window was bad: less changes nothing that can be told."""
Span = tuple[datetime, datetime]


def joined(spans: Iterable[BadSpan]) -> tuple[BadSpan, ...]:
    """The spans by time, those that meet made one; each keeps what was said of it first."""
    found: list[BadSpan] = []
    for span in sorted(spans, key=lambda one: (one.start, one.end)):
        if found and span.start <= found[-1].end:
            found[-1] = replace(found[-1], end=max(found[-1].end, span.end))
        else:
            found.append(span)
    return tuple(found)


def version_of(model: str, spans: Iterable[BadSpan], at: datetime) -> Exclusions:
    """A version of a model's exclusions: the same spans always have the same digest."""
    kept = joined(spans)
    told = json.dumps([[one.start.isoformat(), one.end.isoformat()] for one in kept]).encode()
    return Exclusions(model, f"sha256:{hashlib.sha256(told).hexdigest()}", at, kept)


def share_bad(start: datetime, end: datetime, spans: Iterable[BadSpan]) -> float:
    """Which share of a time is in the spans; 0 of none."""
    length = (end - start).total_seconds()
    inside = sum(max(0.0, (min(one.end, end) - max(one.start, start)).total_seconds()) for one in joined(spans))
    return inside / length if length > 0 else 0.0


def taint(version: ModelVersion, spans: Sequence[BadSpan]) -> str:
    """What of a version's training data was found bad and was not left out; empty where (nearly) nothing was."""
    window = _span(version.lineage.get("window", ""))
    if window is None:
        return ""
    left_out = [span for text in version.lineage.get("excluded", "").split("; ") if (span := _span(text)) is not None]
    bad = [(one, _rest((max(one.start, window[0]), min(one.end, window[1])), left_out)) for one in spans]
    seconds = sum(length for _, length in bad)
    share = seconds / max((window[1] - window[0]).total_seconds(), 1.0)
    if share < NOTABLE:
        return ""
    worst = max(bad, key=lambda pair: pair[1])[0]
    return f"{share:.0%} of its training window was bad ({worst.start:%Y-%m-%d %H:%M} UTC: {worst.why})"


def _rest(span: Span, left_out: Sequence[Span]) -> float:
    """Seconds of a span that were not left out; the parts that were are taken not to overlap."""
    length = max(0.0, (span[1] - span[0]).total_seconds())
    inside = sum(max(0.0, (min(b, span[1]) - max(a, span[0])).total_seconds()) for a, b in left_out)
    return max(0.0, length - inside)


def _span(text: str) -> Span | None:
    """``FROM to UNTIL`` as two moments; None where it is no such text."""
    start, is_there, end = text.partition(" to ")
    try:
        return (datetime.fromisoformat(start), datetime.fromisoformat(end)) if is_there else None
    except ValueError:
        return None
