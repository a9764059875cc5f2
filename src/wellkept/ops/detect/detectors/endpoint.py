"""One endpoint of a service, or its calls to one other service, gets slow or fails; and whose doing it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from wellkept.kernel.finding import Finding, Severity
from wellkept.ops.detect.bands import BandDetector
from wellkept.ops.detect.base import View
from wellkept.ops.detect.catalogue import amount
from wellkept.ops.detect.signals import Floats, Signals, moment, signals
from wellkept.ops.detect.words import bare
from wellkept.store.telemetry.window import Window

OWN = 0.4
"""Where less than this share of what an answer takes longer is the service's own time, it is not its doing."""
THEIRS = 0.5
"""And the callee is named whose calls take at least this share of it."""
THEIR_SECONDS = "callee_longer_s"
"""What evidence calls by how much longer the callee takes, for when the window holds nothing of the time before."""
DURATION, OWN_TIME, CALL = "endpoint.duration.p95", "endpoint.exclusive.p90", "call.duration.p95"


@dataclass(frozen=True, slots=True)
class _Rise:
    """How much longer something takes in the newest steps than before: seconds."""

    seconds: float
    callee: str = ""


class EndpointAnomaly(BandDetector):
    """Judges the endpoints of each service, and its calls to each other service, as ``robust`` judges services.

    A finding names the endpoint or the callee. Where an endpoint is slower, but the time that its service spends itself
    is not, and calls to another service are, that is said ("because of ...") and the finding is only information: the
    finding that counts is about the own time of the callee. Endpoints and callees beyond the busiest of a service are
    judged together. Abstains as ``robust`` does: below a few dozen steps with values, and on blind entities.
    """

    name = "endpoint"
    version = "3"
    shared = ("confirm_steps", "gate", "min_points")
    every_steps = 3

    def signals(self, view: View) -> Signals:
        """The signals of endpoints and of calls."""
        found = [window for window in (view.endpoints, view.calls) if window is not None and len(window.times)]
        empty = replace(view.metrics, values=view.metrics.values[:, :0], series=())
        parts = [signals(replace(view, red=window, metrics=empty, logs=empty), _is_part) for window in found]
        parts = [part for part in parts if part.meanings]
        if not parts:
            return signals(replace(view, red=empty, metrics=empty, logs=empty), _is_part)
        return Signals(
            parts[0].times,
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.limits for part in parts]),
            tuple(meaning for part in parts for meaning in part.meanings),
            tuple(info for part in parts for info in part.series),
        )

    def detect(self, view: View, now: datetime) -> list[Finding]:
        return [self._blamed(finding, view) for finding in super().detect(view, now)]

    def _blamed(self, finding: Finding, view: View) -> Finding:
        """The finding with the callee that it is because of, where there is one."""
        evidence = finding.evidence[0]
        if evidence.signal not in (DURATION, CALL) or view.endpoints is None:
            return finding
        known = view.open.get(finding.fingerprint)
        if known is not None and known.starts_at < moment(view.endpoints.times[self._settings.confirm_steps]):
            # The window holds nothing of how it was before: what was said then holds.
            blamed = _Rise(known.evidence[0].values.get(THEIR_SECONDS, 0.0), known.attributes.get("because", ""))
        elif evidence.signal == CALL:
            callee = evidence.attributes.get("span.callee", "")
            rises = self._rises(view.endpoints, callee, OWN_TIME, {}, finding.starts_at)
            blamed = _Rise(max((rise.seconds for rise in rises), default=0.0), callee)
        else:
            blamed = self._callee(finding, view)
        longer = evidence.values["level"] - evidence.values["usual"]
        if not blamed.callee or blamed.seconds < THEIRS * longer:
            return finding
        because = f"because of {bare(blamed.callee)}, which takes {amount(blamed.seconds, 's')} longer"
        return replace(
            finding,
            severity=Severity.INFO,
            sentence=f"{finding.sentence.removesuffix('.')}; {because}.",
            evidence=(
                replace(evidence, values={**evidence.values, THEIR_SECONDS: blamed.seconds}),
                *finding.evidence[1:],
            ),
            attributes={**finding.attributes, "because": blamed.callee, "symptom": ""},
        )

    def _callee(self, finding: Finding, view: View) -> _Rise:
        """The callee whose calls rose most, where the endpoint's own time did not rise by much."""
        evidence = finding.evidence[0]
        longer = evidence.values["level"] - evidence.values["usual"]
        assert view.endpoints is not None
        own = self._rises(view.endpoints, finding.entity, OWN_TIME, evidence.attributes, finding.starts_at)
        if view.calls is None or max((rise.seconds for rise in own), default=0.0) >= OWN * longer:
            return _Rise(0.0)
        calls = self._rises(view.calls, finding.entity, CALL, {}, finding.starts_at)
        return max(calls, key=lambda rise: (rise.seconds, rise.callee), default=_Rise(0.0))

    def _rises(
        self, window: Window, entity: str, name: str, attributes: Mapping[str, str], began: datetime
    ) -> Iterator[_Rise]:
        """By how much the newest values of the series of an entity are higher than those before it began."""
        recent = self._settings.confirm_steps
        first = min(len(window.times) - recent, int(np.searchsorted(window.times, began.timestamp(), side="right")))
        for column, info in enumerate(window.series):
            if info.entity != entity or info.name != name or not attributes.items() <= info.attributes.items():
                continue
            since = window.values[first:, column]
            before, now = _middle(window.values[:first, column]), _middle(since[np.isfinite(since)][-recent:])
            if np.isfinite(before) and np.isfinite(now):
                yield _Rise(now - before, info.attributes.get("span.callee", ""))


def _is_part(meaning: object) -> bool:
    name = getattr(meaning, "name", "")
    return bool(name.startswith(("endpoint.", "call.")))


def _middle(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")
