"""Says where telemetry itself is wrong, so that nobody takes the quiet there for health."""

from __future__ import annotations

from datetime import datetime

from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.blind import DETECTOR, REFUSED, Spot
from wellkept.ops.detect.catalogue import duration
from wellkept.ops.detect.signals import moment
from wellkept.ops.detect.words import capital, clock, named


class BlindSpot:
    """One finding for each blind spot: gaps, values that stand still, series or a metric that are gone, clocks that are
    ahead, late data, duplicates, refused series.

    Gaps and values that stand still are told until values come again as they did. While an entity comes with gaps,
    stands still, or has a clock that is far ahead, all other detectors say nothing of it; while points or series of it
    are refused, its silence is not told. Information; a warning where data is lost. It never abstains.
    """

    name = DETECTOR
    version = "3"
    shared = ("missing_steps", "step_s")

    def __init__(self, settings: DetectSettings | None = None) -> None:
        self._settings = settings or DetectSettings()

    def detect(self, view: View, now: datetime) -> list[Finding]:
        spots = getattr(view.blind, "spots", ())
        found = {finding.fingerprint: finding for finding in (self._finding(view, spot, now) for spot in spots)}
        return [found[key] for key in sorted(found)]

    def _finding(self, view: View, spot: Spot, now: datetime) -> Finding:
        own_print = fingerprint(self.name, spot.entity, spot.cause.value, spot.detail)
        known = view.open.get(own_print)
        starts_at = known.starts_at if known else min(now, moment(spot.since_s))
        lasted_s = (now - starts_at).total_seconds()
        lasted = f" ({duration(lasted_s)})" if lasted_s >= 1 else ""
        about = named(spot.entity) if spot.entity else "the platform"
        hides = "; no other detector judges it meanwhile" if spot.hides else ""
        if spot.entity and spot.cause in REFUSED:
            hides = "; its silence is not told meanwhile"
        values = {"share": spot.share, **({"series": float(spot.series)} if spot.series else {})}
        return Finding(
            fingerprint=own_print,
            detector=self.name,
            detector_version=self.version,
            entity=spot.entity,
            kind=FindingKind.DATA_QUALITY,
            severity=Severity.WARNING if spot.is_loss else Severity.INFO,
            score=round(min(1.0, max(0.0, spot.share)), 6),
            score_meaning="share of what should be seen that is not",
            starts_at=starts_at,
            sentence=(
                f"Blind spot ({spot.cause.value}) at {about} since {clock(starts_at, now)}{lasted}: {spot.what}{hides}."
            ),
            evidence=(Evidence("telemetry", values=values), *spot.evidence),
            attributes={
                "title": f"{capital(about)}: {spot.cause.value}",
                "blind": "yes",
                "symptom": "",
                "resource": "",
            },
        )
