"""One finding: as a card on the page of its incident, and on a page of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from wellkept.kernel.errors import NotFoundError
from wellkept.kernel.feedback import Feedback
from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident
from wellkept.kernel.noise import Told
from wellkept.spine.stream import Stream
from wellkept.web.charts.bars import Histogram
from wellkept.web.charts.line import LineChart
from wellkept.web.deps import WebDeps
from wellkept.web.readings import Readings
from wellkept.web.views import evidence, tone
from wellkept.web.wording import bare, duration, kind_of, number

BEFORE = 8
"""How many earlier findings of the same kind and place are listed."""
MANY = 500


@dataclass(frozen=True, slots=True)
class FindingView:
    """One finding. ``why`` says why it was put into its incident."""

    id: str
    sentence: str
    kind: str
    entity: str
    entity_id: str
    entity_kind: str
    tone: str
    severity: str
    starts_at: datetime
    ends_at: datetime | None
    lasted: str
    why: str
    detector: str
    score: str
    score_meaning: str
    chart: LineChart | None
    histogram: Histogram | None
    values: tuple[tuple[str, str], ...]
    samples: tuple[str, ...]
    told: Told | None = None
    """How often it was told, in all its occurrences; None where nobody counts."""
    held: str = ""
    """Why it is held back, or was."""


@dataclass(frozen=True, slots=True)
class FindingPage:
    """The page of one finding: itself, the incidents that it belongs to, and when the same was said before.

    ``said``: what somebody thinks of it; ``heeded``: whether anybody may say so.
    """

    card: FindingView
    title: str
    incidents: tuple[tuple[str, str], ...]
    before: tuple[FindingView, ...]
    said: Feedback | None
    heeded: bool


def finding_page(deps: WebDeps, readings: Readings, finding_id: str, now: datetime) -> FindingPage:
    """The page of one finding.

    Raises:
        NotFoundError: there is no such finding.
    """
    finding = deps.stream.finding(finding_id)
    if finding is None:
        raise NotFoundError(f"finding {finding_id}", "is not known")
    charts = evidence.charts([finding], readings, (), now)
    shapes = evidence.histograms([finding], readings, now) if deps.ml_enabled else {}
    known = deps.stream.findings(entity=finding.entity, limit=MANY)
    same = [one for one in known if one.fingerprint == finding.fingerprint and one.id != finding.id]
    incidents = _incidents(deps.stream, finding)
    why = {member.finding: member.why for incident in incidents for member in incident.members}
    card = finding_view(finding, why.get(finding.id, ""), charts.get(finding.id), shapes.get(finding.id))
    return FindingPage(
        card=counted(deps, [finding], [card])[0],
        title=finding.attributes.get("title", "") or _title(finding),
        incidents=tuple((incident.id, incident.title) for incident in incidents),
        before=tuple(finding_view(one, "") for one in same[:BEFORE]),
        said=_said(deps, finding),
        heeded=deps.feedback is not None,
    )


def counted(deps: WebDeps, findings: Sequence[Finding], cards: Sequence[FindingView]) -> tuple[FindingView, ...]:
    """Cards with how often their findings were told, and why they are held."""
    if deps.noise is None:
        return tuple(cards)
    prints = {finding.id: finding.fingerprint for finding in findings}
    told = deps.noise.desk.told(sorted(set(prints.values())))
    held = deps.noise.desk.held_of(list(prints))
    return tuple(
        replace(
            card,
            told=told.get(prints[card.id]),
            held=held[card.id].held.sentence if card.id in held and held[card.id].ended_at is None else "",
        )
        for card in cards
    )


def _said(deps: WebDeps, finding: Finding) -> Feedback | None:
    """The newest opinion of a finding."""
    given = deps.feedback.since(finding.starts_at) if deps.feedback is not None else []
    return next((said for said in reversed(given) if said.finding == finding.id), None)


def _title(finding: Finding) -> str:
    return f"{finding.kind.value.replace('_', ' ').capitalize()} of {bare(finding.entity)}"


def _incidents(stream: Stream, finding: Finding) -> list[Incident]:
    """The newest incidents that the finding is a member of."""
    return [
        incident
        for incident in stream.incidents(limit=MANY)
        if any(member.finding == finding.id for member in incident.members)
    ]


def finding_view(
    finding: Finding, why: str, chart: LineChart | None = None, picture: Histogram | None = None
) -> FindingView:
    """One finding as it is shown."""
    shown = finding.evidence[0] if finding.evidence else None
    ended = finding.ends_at
    return FindingView(
        id=finding.id,
        sentence=finding.sentence,
        kind=finding.kind.value.replace("_", " "),
        entity=bare(finding.entity),
        entity_id=finding.entity,
        entity_kind=kind_of(finding.entity),
        tone=tone.SEVERITY[finding.severity] if finding.is_open else "quiet",
        severity=finding.severity.name.lower(),
        starts_at=finding.starts_at,
        ends_at=ended,
        lasted=duration((ended - finding.starts_at).total_seconds()) if ended else "",
        why=why,
        detector=f"{finding.detector} {finding.detector_version}",
        score=number(finding.score),
        score_meaning=finding.score_meaning,
        chart=chart,
        histogram=picture,
        values=tuple((key.replace("_", " "), number(value)) for key, value in shown.values.items()) if shown else (),
        samples=tuple(sample for item in finding.evidence for sample in item.samples)[:5],
    )
