"""The lines of an incident's story, and of what sort each is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class StoryKind(StrEnum):
    """What sort of event a line of a story tells."""

    FINDING = "finding"
    CHANGE = "change"
    """Something that somebody changed in the world near it."""
    DIAGNOSIS = "diagnosis"
    NOTIFICATION = "notification"
    TICKET = "ticket"
    DECISION = "decision"
    """Somebody, or the policy, allowed or refused a plan."""
    RUN = "run"
    """A plan was proposed, run, verified or ended."""
    NOTE = "note"
    """What somebody said, or what the platform wants to be known."""
    STATE = "state"
    """The incident moved on in its life, changed hands, or was merged or split."""


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line of an incident's story."""

    at: datetime
    actor: str
    what: str
    reference: str = ""
    kind: StoryKind = StoryKind.NOTE
