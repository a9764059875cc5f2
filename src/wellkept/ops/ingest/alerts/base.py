"""What the doors for alerts turn their requests into: words about alerts, in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Finding, Severity

UNTIL, ACKNOWLEDGED, ENDED_BY = "until", "acknowledged_at", "ended_by"
"""Attributes of a finding: until when its sender's word holds, when somebody there took it, and what ended it."""
RECEIVER, SENDER = "receiver", "sender_url"
"""The receiver that an Alertmanager chose, and which Alertmanager said so."""
ANNOTATION = "annotation."
"""Begins the attributes that hold what an alert's sender says about it beside its labels."""
SCORE_MEANING = "how bad its sender says that it is, from 0.25 (information) to 1 (critical)"
LONGEST_TITLE, LONGEST_SENTENCE, LONGEST_VALUE = 200, 1000, 4000
MOST_ANNOTATIONS = 60


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """How long an alert holds that its sender neither repeats nor resolves. Durations in seconds."""

    resolve_timeout_s: float = 300.0
    """Alerts posted to /alertmanager/api/v2/alerts without an end: their senders repeat them every minute or so."""
    repeat_timeout_s: float = 432_000.0
    """Alerts of the webhook and of PagerDuty events: an Alertmanager remembers for five days what it has told."""

    def __post_init__(self) -> None:
        for name in ("resolve_timeout_s", "repeat_timeout_s"):
            if getattr(self, name) <= 0:
                raise InputError(f"ingest.alerts.{name}", "must be more than 0", getattr(self, name))


@dataclass(frozen=True, slots=True)
class Firing:
    """The alert holds; without another word until ``until``."""

    finding: Finding
    until: datetime

    @property
    def fingerprint(self) -> str:
        return self.finding.fingerprint


@dataclass(frozen=True, slots=True)
class Over:
    """The alert is over since ``at``. One that nobody ever heard of stays unheard of."""

    fingerprint: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """Somebody on the other side looks after the alert."""

    fingerprint: str
    at: datetime


Word = Firing | Over | Taken


def score_of(severity: Severity) -> float:
    """The score of an alert: the sender's severity is all that is known."""
    return int(severity) / int(Severity.CRITICAL)


def shortened(text: str, limit: int) -> str:
    """A text in one line of at most ``limit`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def web_addresses(texts: Iterable[object]) -> tuple[str, ...]:
    """The texts that are links to follow, each once. What else calls itself a link is none: it could be a script."""
    links = (text for text in texts if isinstance(text, str) and text.startswith(("http://", "https://")))
    return tuple(dict.fromkeys(link[:LONGEST_VALUE] for link in links))


def annotated(annotations: Mapping[str, str]) -> dict[str, str]:
    """Annotations as attributes of a finding; of very many the first, by name."""
    said = [(name, value) for name, value in sorted(annotations.items()) if value][:MOST_ANNOTATIONS]
    return {f"{ANNOTATION}{name}": value[:LONGEST_VALUE] for name, value in said}
