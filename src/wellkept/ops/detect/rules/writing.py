"""What rules write back as series: what recording rules give, the state of alerts, and when groups were evaluated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from wellkept.ops.detect.rules.alerts import Alert, AlertState
from wellkept.ops.detect.rules.base import ALERT_STATE, Group, Rule
from wellkept.store.telemetry.bookkeeping import ALERTS, EVALUATED, FOR_STATE
from wellkept.store.telemetry.promql.promql import PromQL
from wellkept.store.telemetry.promql.values import NAME, Labels, Vector, labels_of
from wellkept.store.telemetry.remote.encoded import Sample

TOLERANCE_MS = 3_600_000
"""After an absence that was longer, pending alerts begin anew (as Prometheus has it)."""

Batch = Sequence[tuple[int, Sequence[Sample]]]
"""Samples with their moments (milliseconds)."""
Write = Callable[[Batch], None]
"""Stores samples; returns when they are stored."""


def recorded_labels(rule: Rule, labels: Labels) -> Labels:
    """What a series of a recording rule is called."""
    own = {**dict(labels), **{name: template.text for name, template in rule.labels.items()}}
    return labels_of({**own, NAME: rule.record}.items())


def states_of(alerts: Iterable[Alert]) -> list[Sample]:
    """``ALERTS`` and ``ALERTS_FOR_STATE`` of alerts."""
    found: list[Sample] = []
    for alert in alerts:
        found.append((labels_of([*alert.labels, (NAME, ALERTS), (ALERT_STATE, str(alert.state))]), 1.0))
        found.append((labels_of([*alert.labels, (NAME, FOR_STATE)]), float(alert.active_ms // 1000)))
    return found


def evaluated(group: Group, looked_ms: int) -> Sample:
    """The sample that says at which moment a group has looked."""
    return labels_of([(NAME, EVALUATED), ("rule_group", group.key)]), looked_ms / 1000


class Restored:
    """Alerts that were alive when the platform ended, by what it wrote then."""

    def __init__(self, promql: PromQL, now_ms: int) -> None:
        self._promql, self._now_ms = promql, now_ms

    def of(self, group: Group) -> dict[str, list[Alert]]:
        """Alerts of a group by the rule's name; pending ones as long pending as they were.

        Raises:
            WellkeptError: the engine failed.
        """
        down_ms = self._down(group)
        if down_ms is None:
            return {}
        looked_ms, down_ms = down_ms, down_ms + group.offset_ms
        started = self._seen(FOR_STATE, looked_ms)
        firing = {_bare(labels) for labels in self._seen(f'{ALERTS}{{{ALERT_STATE}="firing"}}', looked_ms)}
        names = {rule.name for rule in group.rules if rule.is_alert}
        found: dict[str, list[Alert]] = {}
        for labels, active_s in started.items():
            own = _bare(labels)
            name = dict(own).get("alertname", "")
            if name in names:
                found.setdefault(name, []).append(self._alert(own, round(active_s * 1000), down_ms, own in firing))
        for rule in group.rules:
            for alert in found.get(rule.name, ()) if rule.is_alert else ():
                alert.fired_ms = alert.active_ms + round(rule.for_s * 1000) if alert.state is AlertState.FIRING else 0
        return found

    def _alert(self, labels: Labels, active_ms: int, down_ms: int, is_firing: bool) -> Alert:
        if is_firing:
            return Alert(labels, {}, active_ms, float("nan"), AlertState.FIRING)
        return Alert(labels, {}, active_ms + self._now_ms - down_ms, float("nan"))

    def _down(self, group: Group) -> int | None:
        """The moment that the group looked at last; None where that is too long ago."""
        key = group.key.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        query = f'last_over_time({EVALUATED}{{rule_group="{key}"}}[{TOLERANCE_MS // 1000}s])'
        value = self._promql.instant(query, self._now_ms).value
        if not isinstance(value, Vector) or not len(value.labels):
            return None
        return round(float(value.values.max()) * 1000)

    def _seen(self, query: str, at_ms: int) -> Mapping[Labels, float]:
        value = self._promql.instant(query, at_ms).value
        assert isinstance(value, Vector), "a selector gives a vector"
        return dict(zip(value.labels, value.values[:, 0].tolist(), strict=True))


def _bare(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] not in (NAME, ALERT_STATE))
