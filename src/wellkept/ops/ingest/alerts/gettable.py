"""Open alerts as an Alertmanager's API v2 shows them, and the filters that its clients ask with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wellkept.kernel.finding import Finding
from wellkept.kernel.matching import Matcher
from wellkept.ops.ingest.alerts.alertmanager import GENERATOR
from wellkept.ops.ingest.alerts.base import ANNOTATION
from wellkept.ops.ingest.alerts.intake import Held
from wellkept.spine.matchers import Matching

RECEIVER = "wellkept"
_FNV_BASE, _FNV_PRIME, _SEPARATOR = 14695981039346656037, 1099511628211, b"\xff"


SilencedBy = Callable[[Sequence[Finding]], Sequence[Sequence[str]]]
"""The ids of the silences that hold each of some alerts."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alerts are asked for."""

    filters: tuple[Matcher, ...] = ()
    active: bool = True
    silenced: bool = True


def gettable(
    alerts: Iterable[Held], wanted: Wanted | None = None, silenced_by: SilencedBy | None = None
) -> list[dict[str, Any]]:
    """The alerts that are asked for. What is held for another reason than a silence is shown as active.

    Raises:
        InputError: a filter's regular expression is none.
    """
    asked = wanted or Wanted()
    matching = Matching(asked.filters)
    found = [alert for alert in alerts if matching.matches(labels_of(alert))]
    silences = silenced_by([alert.finding for alert in found]) if silenced_by else [()] * len(found)
    return [
        _shown(alert, by) for alert, by in zip(found, silences, strict=True) if (asked.silenced if by else asked.active)
    ]


def labels_of(alert: Held) -> Mapping[str, str]:
    return alert.finding.evidence[0].attributes if alert.finding.evidence else {}


def fnv(labels: Mapping[str, str]) -> str:
    """The fingerprint that Alertmanager itself gives these labels (FNV-1a, 64 bits)."""
    value = _FNV_BASE
    for name in sorted(labels):
        for byte in name.encode() + _SEPARATOR + labels[name].encode() + _SEPARATOR:
            value = (value ^ byte) * _FNV_PRIME & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def _shown(alert: Held, silenced_by: Sequence[str]) -> dict[str, Any]:
    finding, labels = alert.finding, labels_of(alert)
    said = finding.attributes
    return {
        "annotations": {k.removeprefix(ANNOTATION): v for k, v in said.items() if k.startswith(ANNOTATION)},
        "endsAt": alert.until.isoformat(),
        "fingerprint": fnv(labels),
        "receivers": [{"name": RECEIVER}],
        "startsAt": finding.starts_at.isoformat(),
        "status": {
            "inhibitedBy": [],
            "mutedBy": [],
            "silencedBy": list(silenced_by),
            "state": "suppressed" if silenced_by else "active",
        },
        "updatedAt": alert.said_at.isoformat(),
        "generatorURL": said.get(GENERATOR, ""),
        "labels": dict(labels),
    }
