"""The list of findings: what is suspicious, the worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from wellkept.kernel.finding import Finding, FindingKind
from wellkept.spine.stream import Stream
from wellkept.web.charts.spark import Spark
from wellkept.web.deps import WebDeps
from wellkept.web.views import tone
from wellkept.web.wording import bare, duration, kind_of

LIMIT = 200
READ = 2000
"""How many of the newest are looked through for a filter."""


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding in a list, with the shape of what the detector saw."""

    id: str
    sentence: str
    kind: str
    detector: str
    entity: str
    entity_kind: str
    severity: str
    tone: str
    starts_at: datetime
    lasted: str
    spark: Spark | None


@dataclass(frozen=True, slots=True)
class FindingsView:
    """The findings page. ``kinds``: key, words, and how many of them there are among what is shown otherwise."""

    rows: tuple[FindingRow, ...]
    more: int
    chosen: str
    kind: str
    kinds: tuple[tuple[str, str, int], ...]
    detectors: bool
    filters: tuple[tuple[str, str], ...] = (("open", "Open"), ("over", "Over"), ("all", "All"))


def findings_view(deps: WebDeps, chosen: str, kind: str) -> FindingsView:
    """Open findings, those that are over, or all; of one kind where that is asked for."""
    chosen = chosen if chosen in ("over", "all") else "open"
    found = _found(deps.stream, chosen)
    counts = Counter(finding.kind for finding in found)
    wanted = kind if kind in {key.value for key in FindingKind} else ""
    shown = [finding for finding in found if not wanted or finding.kind == wanted]
    return FindingsView(
        rows=finding_rows(shown[:LIMIT]),
        more=max(0, len(shown) - LIMIT),
        chosen=chosen,
        kind=wanted,
        kinds=tuple((key.value, _words(key), counts[key]) for key in FindingKind if counts[key]),
        detectors=deps.detectors is not None,
    )


def _found(stream: Stream, chosen: str) -> Sequence[Finding]:
    if chosen == "open":
        return sorted(stream.open_findings(), key=lambda f: (-f.severity, -f.starts_at.timestamp(), f.id))
    newest = stream.findings(limit=READ)
    return newest if chosen == "all" else [finding for finding in newest if not finding.is_open]


def finding_rows(findings: Sequence[Finding]) -> tuple[FindingRow, ...]:
    """Findings as rows."""
    return tuple(_row(finding) for finding in findings)


def _row(finding: Finding) -> FindingRow:
    ended = finding.ends_at
    return FindingRow(
        id=finding.id,
        sentence=finding.sentence,
        kind=_words(finding.kind),
        detector=finding.detector,
        entity=bare(finding.entity),
        entity_kind=kind_of(finding.entity),
        severity=finding.severity.name.lower() if finding.is_open else "over",
        tone=tone.SEVERITY[finding.severity] if finding.is_open else "quiet",
        starts_at=finding.starts_at,
        lasted=duration((ended - finding.starts_at).total_seconds()) if ended else "",
        spark=_spark(finding),
    )


def _spark(finding: Finding) -> Spark | None:
    """What the detector saw, where it kept a picture."""
    shown = finding.evidence[0] if finding.evidence else None
    if shown is None or len(shown.points) < 2:
        return None
    times, values = zip(*shown.points, strict=True)
    title = f"{shown.signal} of {finding.entity}"
    return Spark(title, shown.unit, times, values, shown.limit, "error" if finding.is_open else "")


def _words(kind: FindingKind) -> str:
    return _KINDS.get(kind, kind.value.replace("_", " "))


_KINDS: Mapping[FindingKind, str] = {FindingKind.SLO_BURN: "SLO burn", FindingKind.EXTERNAL: "from outside"}
