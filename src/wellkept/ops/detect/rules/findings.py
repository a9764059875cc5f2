"""From firing alerts to findings: one sentence, the entity, the severity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeAlias

from wellkept.kernel.entity import EntityKind
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.kernel.severities import severity_of
from wellkept.ops.detect.rules.alerts import Alert
from wellkept.ops.detect.rules.base import ALERT_NAME, DETECTOR, ENTITY, VERSION, Expression, Group, Rule, Threshold
from wellkept.ops.detect.rules.durations import worded
from wellkept.ops.detect.rules.questions import metrics_of

Locate: TypeAlias = Callable[[Mapping[str, str]], str]
"""Gives the id of the entity that labels speak of; empty where they name none."""

SCORE_MEANING = "how bad the rule says that it is, from 0.25 (information) to 1 (critical)"
GROUP = "rule_group"
"""The attribute of a finding that holds the key of its rule's group."""
LONGEST_SENTENCE, LONGEST_VALUE = 1000, 4000
_HOST_METRICS = "node_"
_KINDS = frozenset(str(kind) for kind in EntityKind)
_INDICATORS = {
    "span.rate": ("answers", "requests per second"),
    "span.errors": ("fails", "requests per second"),
    "span.duration.p50": ("answers half of its requests within", "s"),
    "span.duration.p95": ("answers 95 % of its requests within", "s"),
    "span.duration.mean": ("answers on the mean within", "s"),
    "span.exclusive.p90": ("itself spends, in 90 % of its requests, up to", "s"),
}


def identity_of(alert: Alert) -> str:
    """The fingerprint of an alert: its labels, the rule's name among them."""
    parts = [part for pair in alert.labels for part in pair]
    return fingerprint(DETECTOR, "", dict(alert.labels).get(ALERT_NAME, ""), *parts)


def finding_of(alert: Alert, rule: Rule, group: Group, locate: Locate) -> Finding:
    """The finding of a firing alert. It began when the alert began to hold, and was said when it fired."""
    labels = dict(alert.labels)
    severity = rule.severity or severity_of(labels.get("severity") or labels.get("priority") or "")
    began = datetime.fromtimestamp(alert.active_ms / 1000, UTC)
    entity = entity_of(rule, labels, locate)
    title = _line(alert.annotations.get("summary") or f"{rule.name} on {_bare(entity)}".removesuffix(" on "), 200)
    said = {f"annotation.{name}": text[:LONGEST_VALUE] for name, text in alert.annotations.items() if text}
    return Finding(
        fingerprint=identity_of(alert),
        detector=DETECTOR,
        detector_version=VERSION,
        entity=entity,
        kind=FindingKind.THRESHOLD,
        severity=severity,
        score=int(severity) / int(Severity.CRITICAL),
        score_meaning=SCORE_MEANING,
        starts_at=began,
        sentence=_line(_sentence(alert, rule, entity, began), LONGEST_SENTENCE),
        evidence=(_evidence(alert, rule, labels),),
        attributes={
            "title": title,
            "symptom": "" if severity is Severity.INFO else "yes",
            "rule": rule.name,
            GROUP: group.key,
            "fired_at": datetime.fromtimestamp(alert.fired_ms / 1000, UTC).isoformat(),
            **said,
        },
    )


def entity_of(rule: Rule, labels: Mapping[str, str], locate: Locate) -> str:
    """The entity of an alert: the one that our indicators name, else the one that its labels speak of.

    What a node exporter tells is about its host, whatever the scrape job is called.
    """
    named = labels.get(ENTITY, "")
    if named.partition(":")[0] in _KINDS:
        return named
    if isinstance(rule.question, Expression) and "instance" in labels:
        metrics = metrics_of(rule.question.query)
        if metrics and all(metric.startswith(_HOST_METRICS) for metric in metrics):
            return locate({**labels, "job": "node"})
    return locate(labels)


def _evidence(alert: Alert, rule: Rule, labels: Mapping[str, str]) -> Evidence:
    question = rule.question
    return Evidence(
        signal=question.metric if isinstance(question, Threshold) else question.query[:LONGEST_VALUE],
        attributes=labels,
        points=tuple(alert.points),
        limit=question.limit if isinstance(question, Threshold) else None,
        values={"value": alert.value} if alert.is_seen else {},
    )


def _sentence(alert: Alert, rule: Rule, entity: str, began: datetime) -> str:
    held = max(0.0, (alert.fired_ms - alert.active_ms) / 1000)
    since = f"since {began:%H:%M:%S} UTC"
    waited = f", held for {worded(held)} before it fired" if held else ""
    if isinstance(rule.question, Threshold):
        return f"{_compared(rule.question, alert, entity)} {since}{waited} (rule {rule.name})"
    said = next((alert.annotations[name] for name in ("summary", "description", "message") if _has(alert, name)), "")
    where = f" on {_bare(entity)}" if entity else ""
    told = said.rstrip(". ") or f"{rule.name}{where}: {rule.question.query} holds"
    value = f"; value {alert.value:.4g}" if alert.is_seen else ""
    return f"{told}{value} {since}{waited} (rule {rule.name})"


def _compared(question: Threshold, alert: Alert, entity: str) -> str:
    side = "above" if question.is_above else "below"
    who = _bare(entity) or "the platform"
    if not alert.is_seen:
        return f"{question.metric} of {who} was {side} the limit of {question.limit:g},"
    if question.metric in _INDICATORS:
        does, unit = _INDICATORS[question.metric]
        return f"{who} {does} {alert.value:.4g} {unit}, {side} the limit of {question.limit:g},"
    return f"{question.metric} of {who} is {alert.value:.4g}, {side} the limit of {question.limit:g},"


def _has(alert: Alert, name: str) -> bool:
    return bool(alert.annotations.get(name, "").strip())


def _bare(entity: str) -> str:
    return entity.partition(":")[2]


def _line(text: str, longest: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
