"""Evaluates all groups of rules when they are due, and keeps the findings of what fires."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Protocol

from wellkept.kernel.clock import to_nanos
from wellkept.kernel.errors import WellkeptError
from wellkept.kernel.finding import Finding
from wellkept.ops.detect.rules.answers import Answers
from wellkept.ops.detect.rules.base import DETECTOR, Expression, Group
from wellkept.ops.detect.rules.evaluation import MOST_FINDINGS, GroupRun
from wellkept.ops.detect.rules.findings import GROUP, Locate, finding_of
from wellkept.ops.detect.rules.writing import Write
from wellkept.store.telemetry.bookkeeping import OF_RULES
from wellkept.store.telemetry.promql.values import Labels
from wellkept.store.telemetry.remote.encoded import Sample

REPEAT = timedelta(seconds=60)
"""An open finding is told anew so often, for its value changes all the time."""
LOOK = timedelta(seconds=15)
"""How often it is looked what fires where no group was evaluated."""
_NEVER = datetime.min.replace(tzinfo=UTC)
_log = logging.getLogger(__name__)


class Findings(Protocol):
    """What rules need of the stream."""

    def publish(self, findings: Iterable[Finding], now: datetime) -> list[Finding]: ...

    def close(self, fingerprints: Iterable[str], at: datetime) -> list[Finding]: ...

    def open_findings(self, detector_prefix: str = "") -> list[Finding]: ...


@dataclass(frozen=True, slots=True)
class RulesReport:
    """What one tick did: how many groups were evaluated, what fires, and what is over."""

    groups: int
    firing: tuple[Finding, ...]
    ended: tuple[Finding, ...]


class RuleEngine:
    """The groups that are on. Groups are evaluated one after the other, so rules take at most one reader's time."""

    def __init__(self, answers: Answers, write: Write, stream: Findings, locate: Locate) -> None:
        self._answers, self._write, self._stream, self._locate = answers, write, stream, locate
        self._runs: dict[str, GroupRun] = {}
        self._told: dict[str, datetime] = {}
        self._looked = _NEVER
        self._is_stopped = False
        self._ending: dict[Labels, None] = {}
        """Series of groups that are no more, which are still to be marked stale."""
        self._turn = threading.Lock()

    @property
    def runs(self) -> Sequence[GroupRun]:
        """Every group, with how it has gone."""
        return list(self._runs.values())

    def replace(self, groups: Sequence[Group]) -> None:
        """Let these groups be on. What is unchanged goes on where it was; the series of what is gone end."""
        with self._turn:
            runs: dict[str, GroupRun] = {}
            for group in groups:
                before = self._runs.get(group.key)
                run = before if before is not None and before.group == group else GroupRun(group)
                if before is not None and run is not before:
                    run.inherit(before)
                runs[group.key] = run
            for key, gone in self._runs.items():
                self._ending |= gone.ending if key not in runs else {}
            self._runs, self._looked = runs, _NEVER

    def stop(self) -> None:
        """Leave off after the rule that is being evaluated."""
        self._is_stopped = True

    def tick(self, now: datetime) -> RulesReport:
        """Evaluate the groups that are due, publish what fires and end what does not any more."""
        now_ms = to_nanos(now) // 1_000_000
        with self._turn:
            due = [(run, moment) for run in self._runs.values() if (moment := run.due_ms(now_ms)) is not None]
            done = self._evaluate(due)
            self._end(now_ms)
            if not due and abs(now - self._looked) < LOOK:
                return RulesReport(done, (), ())
            self._looked = _NEVER
            known = {f.fingerprint: f for f in self._stream.open_findings(DETECTOR) if f.detector == DETECTOR}
            firing = self._firing(known)
            fresh = [f for key, f in firing.items() if abs(now - self._told.get(key, now - REPEAT)) >= REPEAT]
            self._told = {key: at for key, at in self._told.items() if key in firing}
            published = self._stream.publish(fresh, now) if fresh else []
            self._told |= {finding.fingerprint: now for finding in fresh}
            ended = self._stream.close(self._over(firing, known), now)
            self._looked = now
        return RulesReport(done, tuple(published), tuple(ended))

    def _evaluate(self, due: Sequence[tuple[GroupRun, int]]) -> int:
        """Evaluate groups, and store what they give together: an insert costs the same, however little is in it.

        A group that cannot be evaluated leaves the others alone; it is tried again at the next tick.
        """
        waiting: list[tuple[int, Sequence[Sample]]] = []
        done: list[GroupRun] = []
        for looked_ms, alike in groupby(sorted(due, key=_looked_ms), key=_looked_ms):
            together = list(alike)
            self._read_ahead([run for run, _ in together], looked_ms)
            for run, moment in together:
                try:
                    waiting += run.evaluate(self._answers, moment, self._write, lambda: self._is_stopped)
                    done.append(run)
                except WellkeptError as error:
                    _log.warning("rule group %s: %s", run.group.name, error)
                    run.fail(str(error))
        try:
            if waiting:
                self._write(waiting)
        except WellkeptError as error:
            for run in done:
                run.fail(f"what the group gives could not be stored: {error}")
        return len(done)

    def _read_ahead(self, runs: Sequence[GroupRun], looked_ms: int) -> None:
        """Read what groups that look at one moment will ask, but for what they store meanwhile."""
        if not self._is_stopped:
            rules = [rule for run in runs for rule in run.group.rules]
            queries = [rule.question.query for rule in rules if isinstance(rule.question, Expression)]
            self._answers.ahead(queries, looked_ms, {*OF_RULES, *(name for run in runs for name in run.stored_early)})

    def _end(self, now_ms: int) -> None:
        """Mark the series stale that nothing gives any more; tried again at the next tick where that fails."""
        if not self._ending:
            return
        given = {labels for run in self._runs.values() for labels in run.written}
        over = [(labels, None) for labels in self._ending if labels not in given]
        try:
            if over:
                self._write([(now_ms, over)])
        except WellkeptError as error:
            _log.warning("series of rules that are gone could not be ended: %s", error)
        else:
            self._ending = {}

    def _firing(self, known: Mapping[str, Finding]) -> Mapping[str, Finding]:
        """The findings of what fires, by fingerprint. What is kept over a restart is said as it was said before."""
        found: dict[str, Finding] = {}
        for run in self._runs.values():
            for rule in run.rules:
                for alert in rule.firing[:MOST_FINDINGS]:
                    if rule.health.at_ms:
                        finding = finding_of(alert, rule.rule, run.group, self._locate)
                        before = None if alert.is_seen else known.get(finding.fingerprint)
                        found[finding.fingerprint] = before or finding
        return found

    def _over(self, firing: Mapping[str, Finding], known: Mapping[str, Finding]) -> list[str]:
        """Findings that nothing fires for any more; those of groups that were not evaluated yet are left alone."""
        waiting = {key for key, run in self._runs.items() if not run.at_ms}
        over = (finding for key, finding in known.items() if key not in firing)
        return [finding.fingerprint for finding in over if finding.attributes.get(GROUP) not in waiting]


def _looked_ms(due: tuple[GroupRun, int]) -> int:
    """The moment that a group looks at where it is due for another one."""
    run, moment = due
    return moment - run.group.offset_ms
