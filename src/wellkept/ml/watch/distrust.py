"""Labels that came in a storm are not believed, until the same predictions are told anew."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

from wellkept.kernel.entity import model_id
from wellkept.kernel.finding import Finding, FindingKind
from wellkept.ml.estimate.asking import Findings
from wellkept.store.telemetry.distrusted import ENDLESS, Distrust

CAUSES = frozenset({"label_storm"})
"""What makes all labels that came doubtful.

Where some contradict others, most are right; where a clock is wrong, only their time is; where labels do not come,
those that do are as good as ever.
"""
BACK = timedelta(days=30)
"""Findings that ended longer ago are not looked at again; their spans stay."""


class Spans(Protocol):
    """Where the spans are kept."""

    def write(self, spans: Iterable[Distrust]) -> None: ...


class Mistrust:
    """Follows the findings about storms of labels.

    While one is open, nothing that comes is believed; when it has ended, what came in the span that its evidence names,
    or else until it ended, stays left out.
    """

    def __init__(self, stream: Findings, spans: Spans) -> None:
        self._stream, self._spans = stream, spans
        self._written: dict[str, Distrust] = {}

    def follow(self, models: Iterable[str], now: datetime) -> None:
        """Write down what has changed.

        Raises:
            StoreError: the engine failed.
        """
        since = now - BACK
        found: dict[str, Distrust] = {}
        for model in models:
            about = self._stream.findings(start=since, end=now + timedelta(seconds=1), entity={model_id(model)})
            found |= {one.id: span_of(model, one) for one in about if is_unsound(one)}
        fresh = [span for key, span in found.items() if self._written.get(key) != span]
        self._spans.write(fresh)
        self._written = found


def is_unsound(finding: Finding) -> bool:
    """Whether a finding says that labels which came are wrong."""
    return finding.kind is FindingKind.DATA_QUALITY and finding.attributes.get("cause") in CAUSES


def span_of(model: str, finding: Finding) -> Distrust:
    """When the labels came that a finding speaks of."""
    if finding.ends_at is None:
        return Distrust(model, finding.id, finding.starts_at)
    named = [one.window_end for one in finding.evidence if one.window_end is not None]
    return Distrust(model, finding.id, finding.starts_at, min(max(named, default=ENDLESS), finding.ends_at))
