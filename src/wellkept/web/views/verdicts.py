"""Verdicts: what a gate or a triage said, with every check's value and limit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from wellkept.kernel.verdict import Check, Verdict
from wellkept.web.views import tone


@dataclass(frozen=True, slots=True)
class VerdictView:
    """One verdict."""

    id: str
    subject: str
    kind: str
    judgement: str
    tone: str
    at: datetime
    sentence: str
    incident: str
    checks: tuple[Check, ...]

    @property
    def is_gate(self) -> bool:
        """Whether its checks had to hold; those of a triage are signs of one cause or another."""
        return self.kind != "triage"


def verdict_view(verdict: Verdict) -> VerdictView:
    """One verdict as it is shown."""
    return VerdictView(
        id=verdict.id,
        subject=verdict.subject,
        kind=verdict.kind,
        judgement=verdict.judgement.value,
        tone=tone.JUDGEMENT[verdict.judgement],
        at=verdict.at,
        sentence=verdict.sentence,
        incident=verdict.incident,
        checks=verdict.checks,
    )
