"""Time and ids: exact, and the same again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kernel.values import MOMENTS

from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.clock import SettableClock, from_nanos, stable_id, to_nanos
from wellkept.kernel.finding import Finding, FindingKind, Severity, fingerprint

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


@given(MOMENTS)
def test_a_moment_survives_nanoseconds(moment: datetime) -> None:
    assert from_nanos(to_nanos(moment)) == moment
    assert from_nanos(to_nanos(moment)).tzinfo is UTC


@given(st.integers(0, 7_000_000_000_000_000_000))
def test_nanoseconds_are_cut_to_microseconds(nanos: int) -> None:
    assert to_nanos(from_nanos(nanos)) == nanos // 1000 * 1000


def test_a_stable_id_is_what_it_was_in_the_release_before() -> None:
    assert stable_id("inc", "fnd-1") == "inc-c33b7d9ce45a"


@given(st.lists(st.text(st.characters(exclude_characters="\x1f"), max_size=8), min_size=1, max_size=5))
def test_a_stable_id_tells_where_one_part_ends(parts: list[str]) -> None:
    assert stable_id("x", *parts) == stable_id("x", *parts)
    assert stable_id("x", *parts) != stable_id("x", *parts, "")
    assert stable_id("x", *parts) != stable_id("y", *parts)
    assert stable_id("x", "".join(parts), "tail") != stable_id("x", *parts, "tail") or len(parts) == 1


def test_a_settable_clock_keeps_to_utc() -> None:
    clock = SettableClock(datetime(2026, 11, 2, 14, tzinfo=timezone(timedelta(hours=2))))
    clock.advance(timedelta(seconds=1))

    assert clock.now() == NOON + timedelta(seconds=1)
    assert clock.now().tzinfo is UTC

    clock.set(NOON)
    assert clock.now() == NOON


def finding(starts_at: datetime, sentence: str = "s") -> Finding:
    mark = fingerprint("robust", "host:h1", "cpu")
    return Finding(
        mark, "robust", "1", "host:h1", FindingKind.ANOMALY, Severity.INFO, 0.5, "of a test", starts_at, sentence
    )


def test_a_finding_is_known_by_what_it_says_and_since_when() -> None:
    assert finding(NOON).id == finding(NOON, "worse by now").id
    assert finding(NOON).id != finding(NOON + timedelta(seconds=1)).id


@pytest.mark.parametrize("parts", [("a", "b", "d"), ("a", "c", "c"), ("b", "b", "c"), ("a", "b", "c", "d")])
def test_a_fingerprint_tells_detector_entity_signal_and_the_rest_apart(parts: tuple[str, ...]) -> None:
    assert fingerprint(*parts) != fingerprint("a", "b", "c")


def test_the_same_change_told_twice_is_one() -> None:
    def told(by: str) -> Change:
        return Change("service:a", ChangeKind.DEPLOY, NOON, by, "v2")

    assert told("ann").id == told("the pipeline").id
