"""One world of a unit test: its series, its rules evaluated in it, and what is true of it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence

import numpy as np

from wellkept.kernel.errors import InputError
from wellkept.ops.detect.rules.alerts import Alert, Alerts, AlertState
from wellkept.ops.detect.rules.answers import Answers
from wellkept.ops.detect.rules.base import ALERT_NAME, Expression, Group, Rule
from wellkept.ops.detect.rules.history import in_order
from wellkept.ops.detect.rules.unit.document import AlertTest, ExpressionTest, GivenWorld, InputSeries
from wellkept.ops.detect.rules.unit.notation import labels_in, series_of, values_of
from wellkept.ops.detect.rules.writing import recorded_labels, states_of
from wellkept.store.telemetry.promql.recorded import Recorded
from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.promql.values import NAME, Labels, Vector
from wellkept.store.telemetry.remote.encoded import Sample

CLOSE, FUZZY = 1e-12, 1e-9
MOST_STEPS = 50_000
Found = Mapping[Labels, Mapping[str, str]]
"""Alerts by their labels, with their annotations."""


class World:
    """Rules evaluated at every ``every_s`` seconds from 0 on, over series that begin at 0.

    Raises:
        InputError: a rule cannot be evaluated.
    """

    def __init__(self, answers: Answers, given: GivenWorld, groups: Sequence[Group], every_s: float) -> None:
        self._answers, self._given = answers, given
        self._recorded = Recorded()
        self._firing: dict[str, list[list[Alert]]] = {}
        asked = [test.eval_time for test in given.alert_rule_test] + [test.eval_time for test in given.promql_expr_test]
        every_ms = round(every_s * 1000)
        self.steps = Steps.between(0, round(max([0.0, *asked]) * 1000), every_ms)
        if self.steps.count > MOST_STEPS:
            raise InputError("evaluation_interval", f"must come to at most {MOST_STEPS} evaluations", self.steps.count)
        self._load(given.input_series, round(given.interval * 1000))
        for group, rule in in_order(groups):
            self._evaluate(group, rule)

    def alerts(self, test: AlertTest) -> tuple[Found, Found]:
        """What was expected to fire, and what does."""
        expected = {
            tuple(sorted({**alert.exp_labels, ALERT_NAME: test.alertname}.items())): alert.exp_annotations
            for alert in test.exp_alerts
        }
        place = min(int(round(test.eval_time * 1000) // self.steps.step_ms), self.steps.count - 1)
        steps = self._firing.get(test.alertname)
        found = {alert.labels: dict(alert.annotations) for alert in steps[place]} if steps else {}
        return expected, found

    def samples(self, test: ExpressionTest, *, fuzzy: bool) -> tuple[dict[Labels, float], dict[Labels, float], bool]:
        """What was expected of an expression, what it gives, and whether that is the same."""
        expected = {labels_in(sample.labels): sample.value for sample in test.exp_samples}
        at = Steps(round(test.eval_time * 1000), 1000, 1)
        vector = self._answers.ask(Expression(test.expr), at, self._recorded)
        found = dict(zip(vector.labels, vector.values[:, 0].tolist(), strict=True))
        same = expected.keys() == found.keys() and all(
            _is_close(expected[labels], found[labels], FUZZY if fuzzy else CLOSE) for labels in expected
        )
        return expected, found, same

    def _load(self, series: Sequence[InputSeries], step_ms: int) -> None:
        held = [(series_of(one.series), values_of(one.values)) for one in series]
        length = max((len(values[0]) for _, values in held), default=0)
        for labels, (values, present, ended) in held:
            if length:
                row = np.zeros((1, length))
                there, over = row.astype(bool), row.astype(bool)
                count = len(values)
                row[0, :count], there[0, :count], over[0, :count] = values, present, ended
                self._recorded.add(dict(labels)[NAME], Vector([labels], row, there), Steps(0, step_ms, length), over)

    def _evaluate(self, group: Group, rule: Rule) -> None:
        looked = self.steps.earlier(group.offset_ms)
        vector = self._answers.ask(rule.question, looked, self._recorded)
        if rule.is_alert:
            self._fire(rule, group, vector)
            return
        labels = [recorded_labels(rule, one) for one in vector.labels]
        self._recorded.add(rule.record, Vector(labels, vector.values, vector.present), looked)

    def _fire(self, rule: Rule, group: Group, vector: Vector) -> None:
        """Let the alerts of a rule live, and note them and their series."""
        alerts = Alerts(rule, group.limit)
        seen: list[list[Sample]] = []
        firing = self._firing.setdefault(rule.name, [[] for _ in range(self.steps.count)])
        for column, now in enumerate(self.steps.millis.tolist()):
            rows = np.flatnonzero(vector.present[:, column]).tolist()
            here = [(vector.labels[row], float(vector.values[row, column])) for row in rows]
            ask = self._answers.asking(Steps(now, self.steps.step_ms, 1), self._recorded)
            with contextlib.suppress(InputError):
                alerts.step(now, here, ask)
            active = list(alerts.active.values())
            seen.append(states_of(active))
            firing[column] += [
                Alert(one.labels, dict(one.annotations), one.active_ms, one.value, one.state)
                for one in active
                if one.state is AlertState.FIRING
            ]
        for metric, series in _as_vectors(seen).items():
            self._recorded.add(metric, series, self.steps)


def _as_vectors(seen: Sequence[Sequence[Sample]]) -> dict[str, Vector]:
    """Samples of each step as series, by metric."""
    places: dict[str, dict[Labels, int]] = {}
    for labels in (labels for step in seen for labels, _ in step):
        own = places.setdefault(dict(labels)[NAME], {})
        own.setdefault(labels, len(own))
    shapes = {metric: (len(own), len(seen)) for metric, own in places.items()}
    found = {m: Vector(list(places[m]), np.zeros(shape), np.zeros(shape, dtype=bool)) for m, shape in shapes.items()}
    for column, step in enumerate(seen):
        for labels, value in step:
            metric = dict(labels)[NAME]
            row = places[metric][labels]
            found[metric].values[row, column] = value
            found[metric].present[row, column] = True
    return found


def _is_close(expected: float, found: float, tolerance: float) -> bool:
    return (math.isnan(expected) and math.isnan(found)) or math.isclose(
        expected, found, rel_tol=tolerance, abs_tol=1e-15
    )
