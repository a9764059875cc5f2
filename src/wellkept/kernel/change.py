"""A change: something that somebody did to the world, the first suspect in every incident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from wellkept.kernel.clock import stable_id


class ChangeKind(StrEnum):
    """What sort of change."""

    DEPLOY = "deploy"
    CONFIGURATION = "configuration"
    SCALING = "scaling"
    PROMOTION = "promotion"
    SCHEMA = "schema"
    REMEDY = "remedy"
    RETENTION = "retention"
    """The platform let go of some of its own telemetry."""
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Change:
    """One change to one entity, by somebody, with a reference to where it is written down."""

    entity: str
    kind: ChangeKind
    at: datetime
    actor: str
    summary: str
    reference: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The same in whichever zone the moment is told: the store gives it back in UTC."""
        return stable_id("chg", self.entity, self.kind, self.at.astimezone(UTC).isoformat(), self.summary)
