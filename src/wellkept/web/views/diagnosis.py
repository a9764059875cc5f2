"""The page of the diagnosis itself: which weights rank causes, what was learned, and the verdicts on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from wellkept.kernel.diagnosis import Confirmation, Weighting
from wellkept.kernel.errors import NotFoundError
from wellkept.ops.diagnose.adopt import SUBJECT, called
from wellkept.ops.diagnose.base import WEIGHTS
from wellkept.web.deps import WebDeps
from wellkept.web.views.plans import PlanView, plan_view
from wellkept.web.views.verdicts import VerdictView, verdict_view
from wellkept.web.wording import bare

LISTED, PLANS = 50, 10


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version of the weights. ``moved``: kind of evidence, the shipped weight, and its own where it is another."""

    name: str
    at: datetime
    by: str
    cases: int
    is_used: bool
    verdict: VerdictView
    moved: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class SaidRow:
    """What somebody said was the cause of an incident."""

    incident: str
    at: datetime
    cause: str
    fault: str
    named: str
    by: str
    is_right: bool


@dataclass(frozen=True, slots=True)
class DiagnosisView:
    """The page."""

    in_use: str
    versions: tuple[VersionRow, ...]
    plans: tuple[PlanView, ...]
    said: tuple[SaidRow, ...]
    right: int


def diagnosis_view(deps: WebDeps) -> DiagnosisView:
    """The page.

    Raises:
        NotFoundError: nobody diagnoses on this server.
    """
    desk = deps.causes
    if desk is None:
        raise NotFoundError("diagnosis", "is switched off on this server")
    said = tuple(_said(one) for one in desk.confirmations(LISTED))
    return DiagnosisView(
        in_use=called(desk.in_use),
        versions=tuple(_version(one) for one in desk.weightings()),
        plans=tuple(plan_view(record, deps.gate) for record in deps.gate.plans(subject=SUBJECT, limit=PLANS)),
        said=said,
        right=sum(row.is_right for row in said),
    )


def _version(one: Weighting) -> VersionRow:
    moved = tuple(
        (kind, f"{shipped:.2f}", f"{one.weights[kind]:.2f}")
        for kind, shipped in WEIGHTS.items()
        if kind in one.weights and abs(one.weights[kind] - shipped) > 1e-9
    )
    return VersionRow(called(one.number), one.at, one.by, one.cases, one.is_used, verdict_view(one.verdict), moved)


def _said(one: Confirmation) -> SaidRow:
    cause, named = bare(one.entity) or "none of the suspects", bare(one.named) or "nobody"
    return SaidRow(one.incident, one.at, cause, one.fault.value, named, one.by, one.entity == one.named)
