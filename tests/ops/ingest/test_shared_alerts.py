"""Two servers are told the same alerts: what both make of them is what one would have made of them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from tests.ops.ingest.outside import Changes
from tests.store.postgres import database
from tests.store.telemetry.scenes import NOON

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.ops.ingest.alerts.base import Firing, Over, Word
from wellkept.ops.ingest.alerts.intake import ALERTMANAGER, Alerts
from wellkept.spine.stream import Stream
from wellkept.store.state.state import State

LATER = NOON + timedelta(hours=1)


class Pair:
    """Two servers on one store, under one clock."""

    def __init__(self, url: str) -> None:
        self.clock = SettableClock(NOON)
        self.states = State.open(url), State.open(url)
        self.streams = [Stream(state, Changes()) for state in self.states]
        self.left, self.right = (Alerts(stream, self.clock, is_shared=True) for stream in self.streams)

    def findings(self) -> list[Finding]:
        return sorted(self.streams[0].findings(), key=lambda finding: (finding.starts_at, finding.id))

    def close(self) -> None:
        for alerts in (self.left, self.right):
            alerts.close()
        for state in self.states:
            state.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    with database() as url:
        made = Pair(url)
        yield made
        made.close()


def firing(name: str = "a") -> Word:
    found = Finding(
        fingerprint=name,
        detector=ALERTMANAGER,
        detector_version="1",
        entity="service:shop",
        kind=FindingKind.EXTERNAL,
        severity=Severity.ERROR,
        score=0.75,
        score_meaning="of a test",
        starts_at=NOON,
        sentence="it is slow",
    )
    return Firing(found, LATER)


def test_both_are_told_and_it_is_one_finding(pair: Pair) -> None:
    names = [f"n{number}" for number in range(40)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda alerts: alerts.take([firing(name) for name in names]), (pair.left, pair.right)))
    assert sorted(finding.fingerprint for finding in pair.findings()) == sorted(names)
    assert pair.left.counts.opened + pair.right.counts.opened == len(names)


def test_what_one_ended_the_other_does_not_open_again(pair: Pair) -> None:
    """The other heard late that it was firing: that is a new trouble, never the old one opened again."""
    pair.left.take([firing()])
    pair.right.take([firing()])
    pair.clock.advance(timedelta(seconds=30))
    pair.left.take([Over("a", pair.clock.now())])
    pair.right.take([firing()])
    first, second = pair.findings()
    assert (first.is_open, second.is_open) == (False, True)
    assert second.starts_at == pair.clock.now()


def test_one_ends_what_the_other_was_told_of(pair: Pair) -> None:
    pair.left.take([firing()])
    pair.right.take([Over("a", NOON)])
    (only,) = pair.findings()
    assert not only.is_open
    assert pair.left.open(ALERTMANAGER) == []


def test_a_repeat_that_the_other_heard_keeps_it_open(pair: Pair) -> None:
    pair.left.take([firing()])
    word = firing()
    assert isinstance(word, Firing)
    pair.right.take([Firing(word.finding, LATER + timedelta(hours=1))])
    pair.clock.advance(timedelta(hours=1, minutes=1))
    pair.left.tick(pair.clock.now())
    assert len(pair.left.open(ALERTMANAGER)) == 1
    pair.clock.advance(timedelta(hours=1))
    pair.left.tick(pair.clock.now())
    assert [finding.is_open for finding in pair.findings()] == [False]
    assert pair.right.open(ALERTMANAGER) == []


def test_words_that_contradict_each_other_leave_at_most_one_open(pair: Pair) -> None:
    def say(number: int) -> None:
        alerts = (pair.left, pair.right)[number % 2]
        alerts.take([firing() if number % 3 else Over("a", pair.clock.now())])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(say, range(40)))
    assert sum(finding.is_open for finding in pair.findings()) <= 1
    pair.left.take([Over("a", pair.clock.now())])
    assert not any(finding.is_open for finding in pair.findings())
