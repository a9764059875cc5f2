"""Rules and alerts as Prometheus's interface lists them, so that Grafana shows them beside its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from wellkept.api.prometheus_asked import Asked
from wellkept.kernel.errors import InputError
from wellkept.ops.detect.rules.alerts import Alert
from wellkept.ops.detect.rules.base import Threshold
from wellkept.ops.detect.rules.evaluation import GroupRun, RuleRun
from wellkept.ops.detect.rules.functions import number

Runs = Callable[[], Sequence[GroupRun]]
_NEVER = "0001-01-01T00:00:00Z"
_TYPES = {"": (True, False), "alert": (True,), "record": (False,)}


def no_runs() -> Sequence[GroupRun]:
    """Where no rules are evaluated."""
    return ()


def groups_of(runs: Sequence[GroupRun], asked: Asked) -> dict[str, object]:
    """The groups with their rules, as far as they are asked for.

    Raises:
        InputError: ``type`` is neither alert nor record.
    """
    if asked.get("type") not in _TYPES:
        raise InputError("type", "must be alert or record", asked.get("type"))
    found = []
    for run in runs:
        if not _wanted(asked, "rule_group[]", run.group.name) or not _wanted(asked, "file[]", run.group.source):
            continue
        rules = [_rule(rule, asked) for rule in run.rules if _is_asked(rule, asked)]
        if rules:
            found.append(_group(run, rules))
    return {"groups": found}


def alerts_of(runs: Sequence[GroupRun]) -> dict[str, object]:
    """Every alert that is pending or firing."""
    return {"alerts": [_alert(alert) for run in runs for rule in run.rules for alert in rule.alerts.active.values()]}


def _is_asked(run: RuleRun, asked: Asked) -> bool:
    return run.rule.is_alert in _TYPES[asked.get("type")] and _wanted(asked, "rule_name[]", run.rule.name)


def _wanted(asked: Asked, name: str, value: str) -> bool:
    return not asked.all(name) or value in asked.all(name)


def _group(run: GroupRun, rules: list[dict[str, object]]) -> dict[str, object]:
    return {
        "name": run.group.name,
        "file": run.group.source,
        "rules": rules,
        "interval": run.group.every_s,
        "limit": run.group.limit,
        "evaluationTime": run.took_s,
        "lastEvaluation": _moment(run.at_ms),
    }


def _rule(run: RuleRun, asked: Asked) -> dict[str, object]:
    rule, health = run.rule, run.health
    told: dict[str, object] = {
        "name": rule.name,
        "query": rule.question.words if isinstance(rule.question, Threshold) else rule.question.query,
        "labels": {name: template.text for name, template in rule.labels.items()},
        "health": "err" if health.error else ("ok" if health.at_ms else "unknown"),
        "lastError": health.error,
        "evaluationTime": health.took_s,
        "lastEvaluation": _moment(health.at_ms),
    }
    if not rule.is_alert:
        return {**told, "type": "recording"}
    alerts = [] if asked.get("exclude_alerts") == "true" else [_alert(one) for one in run.alerts.active.values()]
    return {
        **told,
        "type": "alerting",
        "state": run.state,
        "duration": rule.for_s,
        "keepFiringFor": rule.keep_s,
        "annotations": {name: template.text for name, template in rule.annotations.items()},
        "alerts": alerts,
    }


def _alert(alert: Alert) -> dict[str, object]:
    kept = {"keepFiringSince": _moment(alert.kept_since_ms)} if alert.kept_since_ms is not None else {}
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "state": str(alert.state),
        "activeAt": _moment(alert.active_ms),
        "value": number(alert.value),
        **kept,
    }


def _moment(millis: int) -> str:
    if not millis:
        return _NEVER
    return datetime.fromtimestamp(millis / 1000, UTC).isoformat().replace("+00:00", "Z")
