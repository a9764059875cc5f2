"""The life of alerts, a moment at a time: pending until they have held for long enough, then firing, then over.

It is the life that Prometheus gives them (``rules/alerting.go``), so that a rule file fires here when it fires there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from wellkept.kernel.errors import InputError, WellkeptError
from wellkept.ops.detect.rules.base import ALERT_NAME, Rule
from wellkept.ops.detect.rules.functions import Ask, Facts, nobody
from wellkept.ops.detect.rules.templates import Template
from wellkept.store.telemetry.promql.values import NAME, Labels, labels_of

SHOWN_POINTS = 60
"""So many values of an alert are kept for its picture."""


class AlertState(StrEnum):
    """Whether an alert has held for long enough."""

    PENDING = "pending"
    FIRING = "firing"


@dataclass(slots=True)
class Alert:
    """One series for which a rule holds. Moments are in milliseconds since the epoch.

    ``active_ms``: since when it has held. ``kept_since_ms``: since when it holds no more and fires all the same.
    """

    labels: Labels
    annotations: Mapping[str, str]
    active_ms: int
    value: float
    state: AlertState = AlertState.PENDING
    fired_ms: int = 0
    kept_since_ms: int | None = None
    points: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=SHOWN_POINTS))

    @property
    def is_seen(self) -> bool:
        """Whether it has held since the start; before that its value and its annotations are not known."""
        return bool(self.points)


class LimitError(InputError):
    """A rule gave more series than its group allows; its alerts are gone."""


class Alerts:
    """The alerts of one rule. ``active`` is never changed, only replaced: others read it at any time."""

    def __init__(self, rule: Rule, limit: int = 0) -> None:
        self.rule, self._limit = rule, limit
        self.active: Mapping[Labels, Alert] = {}

    def step(self, now_ms: int, series: Iterable[tuple[Labels, float]], ask: Ask = nobody) -> list[Alert]:
        """Take in for which series the rule holds now; gives the alerts that are pending or firing.

        ``ask``: answers the questions of annotations.

        Raises:
            InputError: two series come down to the same labels; nothing changes.
            LimitError: there are more than the group allows; nothing is active any more.
        """
        found = self._found(now_ms, series, ask)
        active = dict(self.active)
        for labels, alert in found.items():
            known = active.setdefault(labels, alert)
            known.value, known.annotations = alert.value, alert.annotations
            known.points.append((now_ms / 1000, alert.value))
        for labels, alert in list(active.items()):
            if labels in found:
                alert.kept_since_ms = None
            elif not self._is_kept(alert, now_ms):
                del active[labels]
                continue
            if alert.state is AlertState.PENDING and now_ms - alert.active_ms >= round(self.rule.for_s * 1000):
                alert.state, alert.fired_ms = AlertState.FIRING, now_ms
        is_too_many = bool(self._limit) and len(active) > self._limit
        self.active = {} if is_too_many else active
        if is_too_many:
            raise LimitError(f"rule {self.rule.name}", f"exceeded limit of {self._limit} with {len(active)} alerts")
        return list(active.values())

    def _found(self, now_ms: int, series: Iterable[tuple[Labels, float]], ask: Ask) -> dict[Labels, Alert]:
        found: dict[Labels, Alert] = {}
        for labels, value in series:
            facts = Facts(dict(labels), value, ask)
            own = alert_labels(self.rule, facts)
            if own in found:
                raise InputError(
                    f"rule {self.rule.name}", "gives series that are alike once its labels are set", dict(own)
                )
            said = {name: _said(template, facts) for name, template in self.rule.annotations.items()}
            found[own] = Alert(own, said, now_ms, value)
        return found

    def _is_kept(self, alert: Alert, now_ms: int) -> bool:
        """Whether an alert that holds no more goes on firing."""
        if alert.state is not AlertState.FIRING or not self.rule.keep_s:
            return False
        if alert.kept_since_ms is None:
            alert.kept_since_ms = now_ms
        return now_ms - alert.kept_since_ms < round(self.rule.keep_s * 1000)


def _said(template: Template, facts: Facts) -> str:
    """An annotation, as it is written where a question in it could not be answered."""
    try:
        return template.filled(facts)
    except WellkeptError:
        return template.text


def alert_labels(rule: Rule, facts: Facts) -> Labels:
    """The labels of the alert of a series."""
    own = {name: text for name, text in facts.labels.items() if name != NAME}
    own |= {name: template.filled(facts) for name, template in rule.labels.items()}
    return labels_of([*((n, v) for n, v in own.items() if n != ALERT_NAME), (ALERT_NAME, rule.name)])
