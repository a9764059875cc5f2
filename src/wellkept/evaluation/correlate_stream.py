"""Alerts through the real grouper, as they come: placed, grouped, learned from, and let go of."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import timedelta

from wellkept.evaluation.correlate_alerts import Stream
from wellkept.evaluation.correlate_scores import Placed
from wellkept.ops.correlate.base import CorrelateSettings
from wellkept.ops.correlate.grouper import Grouper

STEP_S = 10.0
"""Between two steps of the grouper."""
KEEP_S = 900.0
"""Findings that were over longer ago than this are let go of; the group that they had then is theirs."""
WINDOW_S = 120.0
SEED = 0


@dataclass(slots=True)
class _Run:
    """The group of every finding: of those that are gone, and what was carried over to those that are not."""

    grouper: Grouper
    system: str
    final: dict[str, str]
    carried: dict[str, str]

    def let_go(self, ids: set[str]) -> None:
        for group in self.grouper.groups(touched_only=False):
            members = [finding.id for finding in group.findings]
            if ids.isdisjoint(members):
                continue
            name = next((self.carried[i] for i in members if i in self.carried), f"{self.system}/{members[0]}")
            self.final.update((i, name) for i in members if i in ids)
            self.carried.update((i, name) for i in members if i not in ids)
        self.grouper.drop(ids)


def grouped(stream: Stream, settings: CorrelateSettings) -> tuple[list[Placed], float]:
    """Where every alert of a stream came, and how many seconds of processor time grouping took."""
    run = _Run(Grouper(settings, stream.graph), stream.system, {}, {})
    alerts = stream.alerts
    took, at, gone = 0.0, 0, 0
    begin = alerts[0].finding.starts_at if alerts else None
    while at < len(alerts) and begin is not None:
        now = alerts[at].finding.starts_at + timedelta(seconds=STEP_S)
        following = at
        while following < len(alerts) and alerts[following].finding.starts_at < now:
            following += 1
        started = time.process_time()
        run.grouper.put(alert.finding for alert in alerts[at:following])
        run.grouper.groups()
        run.grouper.learn(now - timedelta(seconds=settings.onset_s))
        took += time.process_time() - started
        at = following
        while gone < at and alerts[gone].finding.starts_at < now - timedelta(seconds=KEEP_S):
            gone += 1
        old = {alert.finding.id for alert in alerts[gone - 500 if gone > 500 else 0 : gone]} - run.final.keys()
        if len(old) >= 250 or (old and len(run.grouper) > 20_000):
            started = time.process_time()
            run.let_go(old)
            took += time.process_time() - started
    run.let_go({alert.finding.id for alert in alerts} - run.final.keys())
    return placed(stream, [run.final[alert.finding.id] for alert in alerts]), took


def by_window(stream: Stream) -> list[Placed]:
    """A baseline: everything of one system within fixed windows of 120 s is one group."""
    names = [f"{stream.system}/{int(a.finding.starts_at.timestamp() // WINDOW_S)}" for a in stream.alerts]
    return placed(stream, names)


def at_random(stream: Stream, groups: int) -> list[Placed]:
    """A baseline: as many groups as the grouper made, and every alert into any of them."""
    dice = random.Random(SEED)
    return placed(stream, [f"{stream.system}/{dice.randrange(max(groups, 1))}" for _ in stream.alerts])


def placed(stream: Stream, names: list[str]) -> list[Placed]:
    """Every alert of a stream in the group of that name."""
    return [
        Placed(fault, name, alert.finding.starts_at.timestamp(), count)
        for alert, name in zip(stream.alerts, names, strict=True)
        for fault, count in alert.faults.items()
    ]
