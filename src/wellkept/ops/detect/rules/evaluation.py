"""One group of rules, evaluated again and again: its rules in turn, at one moment, each with its own health."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from wellkept.kernel.clock import from_nanos
from wellkept.kernel.errors import InputError, WellkeptError
from wellkept.ops.detect.rules.alerts import Alert, Alerts, AlertState
from wellkept.ops.detect.rules.answers import Answers
from wellkept.ops.detect.rules.base import Expression, Group, Rule, identity
from wellkept.ops.detect.rules.functions import Ask
from wellkept.ops.detect.rules.questions import metric_of, selectors
from wellkept.ops.detect.rules.writing import Batch, Restored, Write, evaluated, recorded_labels, states_of
from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.promql.values import NAME, Labels, Vector
from wellkept.store.telemetry.remote.encoded import Sample

SLOW_SHARE = 0.5
"""A rule that takes more than this part of its group's rhythm is slow, and it is told."""
LATE_TOLD_MS = 600_000
"""That moments were missed is told for so long after the last of them."""
MOST_FINDINGS = 200
"""So many alerts of one rule become findings; of the others the rule's health says how many they are."""


@dataclass(slots=True)
class Health:
    """How the evaluation of a rule has gone. ``at_ms`` 0: never yet."""

    at_ms: int = 0
    took_s: float = 0.0
    error: str = ""
    series: int = 0
    failures: int = 0
    firing: int = 0

    def told(self, every_s: float) -> str:
        """What is wrong; empty where nothing is."""
        if self.error:
            return self.error
        if self.took_s > SLOW_SHARE * every_s:
            return f"slow: took {self.took_s:.2f} s of the {every_s:g} s that its group has"
        if self.firing > MOST_FINDINGS:
            return f"fires for {self.firing} series; {MOST_FINDINGS} of them are findings"
        return ""


class RuleRun:
    """A rule with its alerts and its health."""

    def __init__(self, rule: Rule, group: Group) -> None:
        self.rule, self.group, self.health = rule, group, Health()
        self.alerts = Alerts(rule, group.limit)
        self._written: dict[Labels, None] = {}
        names = (
            [metric_of(one) for one in selectors(rule.question.query)] if isinstance(rule.question, Expression) else []
        )
        self._names = frozenset(names)

    @property
    def firing(self) -> list[Alert]:
        return [alert for alert in self.alerts.active.values() if alert.state is AlertState.FIRING]

    @property
    def state(self) -> str:
        """``firing``, ``pending`` or ``inactive``."""
        if self.firing:
            return "firing"
        return "pending" if self.alerts.active else "inactive"

    def asks_for(self, metrics: Iterable[str]) -> bool:
        """Whether it may ask for one of these metrics. A selector that names none may ask for any."""
        return "" in self._names or not self._names.isdisjoint(metrics)

    @property
    def written(self) -> dict[Labels, None]:
        """The series that it gave last, and that are not marked stale."""
        return self._written

    def inherit(self, before: RuleRun) -> None:
        """Go on where a former run of the same rule was."""
        self.restore(list(before.alerts.active.values()))
        self._written = dict(before.written)

    def restore(self, alerts: list[Alert]) -> None:
        """Go on with alerts that were alive before."""
        self.alerts.active = {alert.labels: alert for alert in alerts}
        for labels, _ in states_of(alerts):
            self._written[labels] = None

    def evaluate(self, answers: Answers, at_ms: int) -> list[Sample]:
        """Ask, and take in what the answer means; gives what there is to store: what is, and what has ended.

        What goes wrong is kept in the health, and nothing is stored.
        """
        began = time.perf_counter()
        samples: list[Sample] = []
        try:
            looked = Steps(at_ms - self.group.offset_ms, self.group.every_ms, 1)
            vector = answers.ask(self.rule.question, looked)
            samples = self._samples(vector, at_ms, answers.asking(looked))
            here = dict.fromkeys(labels for labels, _ in samples)
            samples += [(labels, None) for labels in self._written if labels not in here]
            self._written = here
            self.health.error, self.health.series, self.health.firing = "", len(vector.labels), len(self.firing)
        except WellkeptError as error:
            self.fail(str(error))
        self.health.at_ms, self.health.took_s = at_ms, time.perf_counter() - began
        return samples

    def fail(self, why: str) -> None:
        """Note what went wrong."""
        self.health.error = why
        self.health.failures += 1

    def _samples(self, vector: Vector, at_ms: int, ask: Ask) -> list[Sample]:
        series = list(zip(vector.labels, vector.values[:, 0].tolist(), strict=True))
        if self.rule.is_alert:
            return states_of(self.alerts.step(at_ms, series, ask))
        group, found = self.group, {recorded_labels(self.rule, labels): value for labels, value in series}
        if len(found) < len(series):
            raise InputError(f"rule {self.rule.name}", "gives series that are alike once its labels are set")
        if group.limit and len(found) > group.limit:
            raise InputError(f"rule {self.rule.name}", f"exceeded limit of {group.limit} with {len(found)} series")
        return list(found.items())


class GroupRun:
    """A group with the runs of its rules. ``missed``: moments at which it should have been evaluated, and was not."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.rules = [RuleRun(rule, group) for rule in group.rules]
        records = {rule.record for rule in group.rules if rule.record}
        self.stored_early = frozenset(records if any(run.asks_for(records) for run in self.rules) else ())
        """The metrics that may be stored while it is evaluated: all that it records, where it asks for one of them."""
        self.at_ms = 0
        self.took_s = 0.0
        self.missed = 0
        self._missed_ms = 0
        """When it was evaluated late the last time."""
        self._is_restored = False
        self._left: dict[Labels, None] = {}
        """Series of rules that are no more, which end at the next evaluation."""

    def inherit(self, before: GroupRun) -> None:
        """Go on with the rules that a former version of the group has unchanged; what others gave has ended."""
        known = {identity(before.group, run.rule): run for run in before.rules}
        for run in self.rules:
            if (old := known.pop(identity(self.group, run.rule), None)) is not None:
                run.inherit(old)
        self._left = {**before._left, **{labels: None for old in known.values() for labels in old.written}}
        self.at_ms, self._is_restored = before.at_ms, before._is_restored

    @property
    def written(self) -> dict[Labels, None]:
        """The series that its rules gave last."""
        return {labels: None for run in self.rules for labels in run.written}

    @property
    def ending(self) -> dict[Labels, None]:
        """The series that end with it."""
        return {**self._left, **self.written}

    def due_ms(self, now_ms: int) -> int | None:
        """The moment to evaluate for, a whole multiple of the rhythm; None where it was evaluated for it already.

        A clock that went back by more than a moment is followed.
        """
        every = self.group.every_ms
        moment = now_ms // every * every
        return moment if not self.at_ms - every <= moment <= self.at_ms else None

    def evaluate(self, answers: Answers, at_ms: int, write: Write, stopped: Callable[[], bool]) -> Batch:
        """Evaluate every rule for one moment. Gives what is still to be stored: what a later rule needs is stored here.

        Raises:
            WellkeptError: alerts of before a restart could not be read, or nothing can be stored.
        """
        began = time.perf_counter()
        late = (at_ms - self.at_ms) // self.group.every_ms - 1 if self.at_ms else 0
        if late > 0:
            self.missed, self._missed_ms = self.missed + late, at_ms
        if not self._is_restored:
            self._restore(Restored(answers.promql, at_ms))
        looked_ms = at_ms - self.group.offset_ms
        waiting: list[Sample] = []
        for run in self.rules:
            if stopped():
                return []
            if waiting and run.asks_for(dict(labels)[NAME] for labels, _ in waiting):
                write([(looked_ms, waiting)])
                answers.forget()
                waiting = []
            waiting += run.evaluate(answers, at_ms)
        waiting += [(labels, None) for labels in self._left if labels not in self.written]
        self._left = {}
        if any(run.rule.is_alert for run in self.rules):
            waiting.append(evaluated(self.group, looked_ms))
        self.at_ms, self.took_s = at_ms, time.perf_counter() - began
        return [(looked_ms, waiting)] if waiting else []

    def told(self, run: RuleRun) -> str:
        """What is wrong with one of its rules; empty where nothing is."""
        if said := run.health.told(self.group.every_s):
            return said
        if not self._missed_ms or self.at_ms - self._missed_ms > LATE_TOLD_MS:
            return ""
        moments = "one moment was" if self.missed == 1 else f"{self.missed} moments were"
        before = from_nanos(self._missed_ms * 1_000_000)
        return (
            f"{moments} missed since the start, the last before {before:%H:%M:%S} UTC: "
            f"the group is due every {self.group.every_s:g} s, and its rules took {self.took_s:.2f} s"
        )

    def fail(self, why: str) -> None:
        """Note what went wrong with all of it."""
        for run in self.rules:
            run.fail(why)

    def _restore(self, restored: Restored) -> None:
        found = restored.of(self.group)
        for run in self.rules:
            if run.rule.name in found:
                run.restore(found[run.rule.name])
        self._is_restored = True
