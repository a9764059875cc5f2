"""Storms of alerts: services that fail in bursts and take their callers with them, receivers that repeat themselves.

Everything follows from the seed. About three of five alerts say again what was said (with the same content, as an
Alertmanager's ``repeat_interval`` makes it), one in five is new, and the others are over or fire anew. What one
incident is meant to be is not judged here: this is about speed. Alerts travel as they do in life: a notification of an
Alertmanager holds those of one rule and service, Prometheus posts lists, PagerDuty's events come one by one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

TEAMS = ("shop", "pay", "search", "media", "core", "data", "edge", "crm", "infra", "ads")
PARTS = ("frontend", "api", "worker", "cache", "db", "queue", "gateway", "auth", "index", "batch")
RULES = (
    ("HighErrorRate", "critical"),
    ("HighLatencyP99", "warning"),
    ("PodCrashLooping", "critical"),
    ("CPUThrottling", "warning"),
    ("MemoryNearLimit", "warning"),
    ("QueueLag", "warning"),
    ("DBConnectionsExhausted", "critical"),
    ("LowTraffic", "warning"),
    ("SLOBurnRateFast", "critical"),
)
WEBHOOK, POSTED, EVENT = "/alertmanager/webhook", "/alertmanager/api/v2/alerts", "/v2/enqueue"


@dataclass(frozen=True, slots=True)
class Alert:
    """One word about an alert."""

    rule: str
    severity: str
    service: str
    pod: str
    starts_at: datetime
    ends_at: datetime | None

    @property
    def labels(self) -> dict[str, str]:
        team, _, part = self.service.partition("-")
        return {
            "alertname": self.rule,
            "service": self.service,
            "pod": self.pod,
            "severity": self.severity,
            "cluster": "eu-1",
            "team": team,
            "component": part,
        }


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a sender, and how many alerts it speaks of."""

    path: str
    body: bytes
    alerts: int


class Storm:
    """Words about alerts, without end. ``pods`` is how many there are of each service."""

    def __init__(self, seed: int, start: datetime, pods: int = 20) -> None:
        self._random, self._start, self._pods = random.Random(seed), start, pods
        self._open: dict[tuple[str, str], Alert] = {}
        self._lately: list[Alert] = []
        self._said = 0

    def alerts(self) -> Iterator[Alert]:
        while True:
            team = self._random.choice(TEAMS)
            first = self._random.randrange(len(PARTS))
            for _ in range(self._random.randrange(20, 120)):
                # What fails is felt by those before it: a database, the API that asks it, the frontend of that one.
                part = PARTS[max(0, first - int(self._random.expovariate(0.9)))]
                yield self._word(f"{team}-{part}")

    def _word(self, service: str) -> Alert:
        self._said += 1
        if self._lately and self._random.random() < 0.6:
            return self._random.choice(self._lately)
        rule, severity = self._random.choice(RULES)
        pod = f"{service}-{self._random.randrange(self._pods)}"
        now = self._start + timedelta(milliseconds=self._said)
        before = self._open.pop((rule, pod), None)
        if before is not None:
            over = Alert(rule, before.severity, service, pod, before.starts_at, now)
            self._lately = [alert for alert in self._lately if alert is not before]
            return over
        alert = Alert(rule, severity, service, pod, now - timedelta(seconds=30), None)
        self._open[rule, pod] = alert
        self._lately = [*self._lately[-199:], alert]
        return alert


def requests(alerts: Iterator[Alert], count: int, token: str, *, single: bool = False, seed: int = 1) -> list[Request]:
    """Requests that say at least ``count`` alerts: of ten six are notifications, three lists and one is an event.

    With ``single`` each is a notification of one alert.
    """
    chance, made, said = random.Random(seed), list[Request](), 0
    while said < count:
        kind = chance.random()
        if single:
            new = [notification([next(alerts)])]
        elif kind < 0.1:
            new = [event(next(alerts), token)]
        elif kind < 0.4:
            new = [posted([next(alerts) for _ in range(chance.randrange(4, 33))])]
        else:
            new = _grouped([next(alerts) for _ in range(chance.randrange(1, 17))])
        made += new
        said += sum(request.alerts for request in new)
    return made


def _grouped(alerts: Sequence[Alert]) -> list[Request]:
    """Notifications: an Alertmanager waits a little for the others of a group (``group_wait``)."""
    groups: dict[tuple[str, str], list[Alert]] = {}
    for alert in alerts:
        groups.setdefault((alert.rule, alert.service), []).append(alert)
    return [notification(group) for group in groups.values()]


def notification(alerts: Sequence[Alert]) -> Request:
    """Alertmanager's webhook, version 4."""
    first = alerts[0]
    document = {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{first.rule}", service="{first.service}"}}',
        "truncatedAlerts": 0,
        "status": "firing" if any(alert.ends_at is None for alert in alerts) else "resolved",
        "receiver": "wellkept",
        "groupLabels": {"alertname": first.rule, "service": first.service},
        "commonLabels": {"alertname": first.rule, "service": first.service, "cluster": "eu-1"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093",
        "alerts": [_item(alert) for alert in alerts],
    }
    return Request(WEBHOOK, json.dumps(document).encode(), len(alerts))


def posted(alerts: Sequence[Alert]) -> Request:
    """What Prometheus posts to an Alertmanager: one alert without an end holds until it is not repeated any more."""
    items = [_item(alert) for alert in alerts]
    for alert, item in zip(alerts, items, strict=True):
        del item["status"]
        if alert.ends_at is None:
            del item["endsAt"]
    return Request(POSTED, json.dumps(items).encode(), len(alerts))


def event(alert: Alert, token: str) -> Request:
    """An event of PagerDuty's Events API v2."""
    document = {
        "routing_key": token,
        "event_action": "trigger" if alert.ends_at is None else "resolve",
        "dedup_key": f"{alert.rule}/{alert.pod}",
        "payload": {
            "summary": f"{alert.rule} on {alert.pod}",
            "source": alert.pod,
            "severity": alert.severity,
            "timestamp": alert.starts_at.isoformat(),
            "custom_details": alert.labels,
        },
    }
    return Request(EVENT, json.dumps(document).encode(), 1)


def _item(alert: Alert) -> dict[str, object]:
    return {
        "status": "firing" if alert.ends_at is None else "resolved",
        "labels": alert.labels,
        "annotations": {
            "summary": f"{alert.rule} on {alert.pod}",
            "description": f"{alert.rule} on {alert.pod} of {alert.service}",
            "runbook_url": f"https://runbooks.example/{alert.rule}",
        },
        "startsAt": _moment(alert.starts_at),
        "endsAt": _moment(alert.ends_at) if alert.ends_at else "0001-01-01T00:00:00Z",
        "generatorURL": f"http://prometheus.example:9090/graph?g0.expr={alert.rule}",
    }


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
