"""Rules over a stretch of stored history: each asked once for all of it, recording rules before those that use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from wellkept.kernel.errors import InputError, WellkeptError
from wellkept.ops.detect.rules.answers import Answers
from wellkept.ops.detect.rules.base import Expression, Group, Rule
from wellkept.ops.detect.rules.bulk import Fired, fired
from wellkept.ops.detect.rules.loading import Loaded
from wellkept.ops.detect.rules.questions import metrics_of
from wellkept.ops.detect.rules.slo.base import STEP_S, Slo
from wellkept.ops.detect.rules.slo.burning import Sums, burning
from wellkept.ops.detect.rules.slo.counts import Counting
from wellkept.ops.detect.rules.slo.run import burn_rule, window_steps
from wellkept.ops.detect.rules.writing import recorded_labels
from wellkept.store.telemetry.promql.recorded import Recorded
from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.promql.values import Vector

Gone = Callable[[], bool]
"""Whether there is no time left."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, in milliseconds since the epoch."""

    start_ms: int
    end_ms: int

    def steps(self, every_ms: int) -> Steps:
        """The whole multiples of a rhythm in it, as rules are evaluated at those; none: the last before its end."""
        first = -(-self.start_ms // every_ms) * every_ms
        count = (self.end_ms - first) // every_ms + 1
        return Steps(first, every_ms, count) if count > 0 else Steps(self.end_ms // every_ms * every_ms, every_ms, 1)


@dataclass(frozen=True, slots=True)
class History:
    """What would have fired, and which rules could not be tried, with the reason."""

    alerts: tuple[tuple[Group, Rule, Fired], ...]
    burns: tuple[tuple[Slo, Fired], ...]
    failed: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Trial:
    """Tries rules out. Nothing is written, and nothing that is stored under a recorded name is looked at."""

    answers: Answers
    counting: Counting
    gone: Gone = lambda: False
    recorded: Recorded = field(default_factory=Recorded)
    alerts: list[tuple[Group, Rule, Fired]] = field(default_factory=list)
    burns: list[tuple[Slo, Fired]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)

    def run(self, loaded: Loaded, span: Span) -> History:
        """Try every rule and every objective."""
        order = list(in_order(loaded.groups))
        mine = [(group, rule) for group in loaded.groups for rule in group.rules]
        told = {id(rule) for _, rule in order}
        for _, rule in mine:
            if id(rule) not in told:
                self.failed.append((rule.name, "depends on what itself records, which can only be told step by step"))
        for group, rule in order:
            self._guard(rule.name, lambda group=group, rule=rule: self._rule(group, rule, span))  # type: ignore[misc]
        for slo in loaded.slos:
            self._guard(slo.name, lambda slo=slo: self._slo(slo, span))  # type: ignore[misc]
        return History(tuple(self.alerts), tuple(self.burns), tuple(self.failed))

    def _guard(self, name: str, attempt: Callable[[], None]) -> None:
        if self.gone():
            self.failed.append((name, "was not tried: the time for it was over"))
            return
        try:
            attempt()
        except WellkeptError as error:
            self.failed.append((name, str(error)))

    def _rule(self, group: Group, rule: Rule, span: Span) -> None:
        steps = span.steps(group.every_ms)
        looked = steps.earlier(group.offset_ms)
        vector = self.answers.ask(rule.question, looked, self.recorded)
        if rule.is_alert:
            self.alerts += [(group, rule, one) for one in fired(rule, vector, steps, group.limit)]
        else:
            self._record(group, rule, vector, looked)

    def _record(self, group: Group, rule: Rule, vector: Vector, looked: Steps) -> None:
        labels = [recorded_labels(rule, one) for one in vector.labels]
        if len(set(labels)) < len(labels):
            raise InputError(f"rule {rule.name}", "gives series that are alike once its labels are set")
        present = vector.present
        if group.limit:
            present = present & (present.sum(axis=0) <= group.limit)
        try:
            self.recorded.add(rule.record, Vector(labels, vector.values, present), looked)
        except ValueError as error:
            raise InputError(f"rule {rule.name}", str(error)) from error

    def _slo(self, slo: Slo, span: Span) -> None:
        steps = span.steps(round(STEP_S * 1000))
        before = window_steps(slo)
        counted = Steps(steps.start_ms - before * steps.step_ms, steps.step_ms, steps.count + before)
        sums = Sums.of(slo, self.counting.count(slo.indicator, counted, self.recorded))
        found: list[Fired] = []
        for burn, holds in zip(slo.burns, burning(slo, sums), strict=True):
            present = holds[None, before:]
            vector = Vector([()], np.ones(present.shape), np.asarray(present))
            found += fired(burn_rule(slo, burn), vector, steps)
        self.burns += [(slo, one) for one in joined(found)]


def joined(found: Sequence[Fired]) -> list[Fired]:
    """Alerts that overlap as one: an objective has one finding, however many of its burn rates are exceeded."""
    result: list[Fired] = []
    for one in sorted(found):
        if result and one.fired_ms <= result[-1].last_ms:
            before = result[-1]
            result[-1] = Fired(
                before.fired_ms,
                max(before.last_ms, one.last_ms),
                before.labels,
                min(before.active_ms, one.active_ms),
                before.is_open or one.is_open,
            )
        else:
            result.append(one)
    return result


def in_order(groups: Sequence[Group]) -> Iterator[tuple[Group, Rule]]:
    """Rules after those that record what they ask for; what depends on itself is left out."""
    waiting = [(group, rule) for group in groups for rule in group.rules]
    needs: Mapping[int, frozenset[str]] = {
        id(rule): metrics_of(rule.question.query) if isinstance(rule.question, Expression) else frozenset()
        for _, rule in waiting
    }
    while waiting:
        open_names = {rule.record for _, rule in waiting if rule.record}
        ready = [(group, rule) for group, rule in waiting if not needs[id(rule)] & open_names]
        if not ready:
            return
        yield from ready
        done = {id(rule) for _, rule in ready}
        waiting = [(group, rule) for group, rule in waiting if id(rule) not in done]
