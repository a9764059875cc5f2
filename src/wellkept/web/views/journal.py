"""Audit entries as lines that a person can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wellkept.kernel.errors import StoreError
from wellkept.spine.audit import Audit, AuditEntry
from wellkept.web.views.plans import href_of
from wellkept.web.wording import plain, short_digest

PAGE, LONGEST = 100, 300
_DIGESTS = frozenset({"hash", "digest", "snapshot", "artifact"})
"""What says nothing to the eye."""
_TONES = {
    "plan.succeeded": "ok",
    "plan.approved": "ok",
    "action.done": "ok",
    "plan.failed": "error",
    "action.failed": "error",
    "training.done": "ok",
    "training.failed": "error",
    "training.lost": "error",
    "plan.rejected": "warning",
    "runbooks.paused": "warning",
    "plan.void": "warning",
    "plan.expired": "warning",
}


@dataclass(frozen=True, slots=True)
class EntryView:
    """One line. ``is_own`` says that no person did it."""

    number: int
    at: datetime
    actor: str
    verb: str
    tone: str
    subject: str
    href: str
    sentence: str
    details: tuple[tuple[str, str], ...]
    hash: str
    previous: str
    is_own: bool


@dataclass(frozen=True, slots=True)
class AuditView:
    """The audit page. ``broken`` names the first entry that does not fit; empty while the chain is whole."""

    entries: tuple[EntryView, ...]
    verified: int
    broken: str
    subject: str
    older: int


def audit_view(audit: Audit, subject: str, limit: int) -> AuditView:
    """The newest entries, and whether the chain is whole."""
    entries = tuple(entry_view(entry) for entry in audit.entries(limit, subject or None))
    try:
        verified, broken = audit.verify(), ""
    except StoreError as error:
        verified, broken = 0, str(error)
    older = limit + PAGE if len(entries) == limit and limit < 1000 else 0
    return AuditView(entries, verified, broken, subject, older)


def entry_view(entry: AuditEntry) -> EntryView:
    """One entry."""
    details = entry.details
    return EntryView(
        number=entry.number,
        at=entry.at,
        actor=entry.actor,
        verb=entry.verb.replace(".", " ").replace("_", " "),
        tone=_TONES.get(entry.verb, "quiet"),
        subject=entry.subject,
        href=href_of(entry.subject) or (f"/approvals#{entry.subject}" if entry.subject.startswith("pln-") else ""),
        sentence=_sentence(details),
        details=tuple((key, plain(value)) for key, value in details.items()),
        hash=short_digest(entry.hash),
        previous=short_digest(entry.previous),
        is_own=entry.actor in ("policy", "wellkept") or entry.actor.startswith("pln-"),
    )


def _sentence(details: Mapping[str, Any]) -> str:
    decision = details.get("decision")
    if isinstance(decision, Mapping):
        return f"as {decision.get('by', 'somebody')} decided: {decision.get('why', '')}"
    for key in ("sentence", "title", "why", "reason", "summary"):
        if details.get(key):
            return str(details[key])
    said = [(key, _brief(plain(value))) for key, value in details.items() if key not in _DIGESTS]
    return ", ".join(f"{key} {value}" for key, value in said[:3])


def _brief(text: str) -> str:
    """Of several lines, such as what a program printed before it failed, the last; all are among the details."""
    last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
    return last if len(last) <= LONGEST else f"{last[: LONGEST - 1]}…"
