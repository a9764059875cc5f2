"""Findings in the state store: merged by fingerprint, ended, and read on from where one was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete
from tests.store.telemetry.scenes import at

from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity
from wellkept.store.state.findings import FindingRows, Kept
from wellkept.store.state.state import State
from wellkept.store.state.tables import findings


@pytest.fixture
def rows(state: State) -> FindingRows:
    return FindingRows(state)


def finding(name: str = "a", starts: float = 0, ends: float | None = None, **fields: Any) -> Finding:
    defaults: dict[str, Any] = {
        "detector": "robust",
        "detector_version": "1",
        "entity": "service:shop",
        "kind": FindingKind.ANOMALY,
        "severity": Severity.WARNING,
        "score": 1.0,
        "score_meaning": "how far",
        "sentence": "it is high",
    }
    ends_at = None if ends is None else at(ends)
    return Finding(fingerprint=name, starts_at=at(starts), ends_at=ends_at, **{**defaults, **fields})


def test_a_finding_comes_back_whole(rows: FindingRows) -> None:
    evidence = Evidence("load", {"cpu": "1"}, "1", at(0), at(60), ((1.5, 2.5),), (0.0, 1.0), 9.0, {"p": 0.5}, ("line",))
    whole = finding(evidence=(evidence,), attributes={"why": "é"})
    assert rows.merge([whole], at(0)) == [whole]
    assert rows.open("") == [whole]
    assert rows.by_ids([whole.id]) == [whole]


def test_what_is_open_keeps_its_start_and_takes_the_rest(rows: FindingRows) -> None:
    rows.merge([finding(starts=0)], at(0))
    (merged,) = rows.merge([finding(starts=30, score=5.0, severity=Severity.CRITICAL)], at(30))
    assert (merged.starts_at, merged.score, merged.severity) == (at(0), 5.0, Severity.CRITICAL)
    assert rows.open("") == [merged]
    assert rows.last_seen(merged.id) == at(30)


def test_of_several_in_one_batch_the_last_counts(rows: FindingRows) -> None:
    merged = rows.merge([finding(score=1.0), finding("b"), finding(score=2.0)], at(0))
    assert [(found.fingerprint, found.score) for found in merged] == [("a", 2.0), ("b", 1.0)]


def test_what_ended_stays_ended_and_what_comes_back_is_another(rows: FindingRows) -> None:
    (first,) = rows.merge([finding(starts=0)], at(0))
    (ended,) = rows.end(["a", "unknown"], at(60))
    assert ended == replace(first, ends_at=at(60))
    assert rows.open("") == []
    assert rows.end(["a"], at(70)) == []
    (again,) = rows.merge([finding(starts=100)], at(100))
    assert again.id != first.id
    assert {found.id for found in rows.between(None, None, None, 10)} == {first.id, again.id}


def test_nothing_ends_before_it_began(rows: FindingRows) -> None:
    rows.merge([finding(starts=50)], at(50))
    (ended,) = rows.end(["a"], at(10))
    assert ended.ends_at == at(50)


def test_a_finding_that_comes_ended_ends_what_was_open(rows: FindingRows) -> None:
    rows.merge([finding(starts=0)], at(0))
    rows.merge([finding(starts=20, ends=40)], at(40))
    assert rows.open("") == []
    (kept,) = rows.between(None, None, None, 10)
    assert (kept.starts_at, kept.ends_at) == (at(0), at(40))


def test_open_ones_by_the_beginning_of_their_detectors_name(rows: FindingRows) -> None:
    rows.merge(
        [finding("a", detector="robust"), finding("b", detector="ro_ust"), finding("c", detector="ml.drift")], at(0)
    )
    assert [found.fingerprint for found in rows.open("ml.")] == ["c"]
    assert [found.fingerprint for found in rows.open("ro_")] == ["b"]
    assert len(rows.open("")) == 3


def test_a_span_of_time_holds_what_was_open_in_it(rows: FindingRows) -> None:
    rows.merge(
        [finding("over", 0, 10), finding("open", 5), finding("later", 50), finding("other", 5, entity="host:h")], at(0)
    )

    def between(start: float | None, end: float | None, *entities: str, limit: int = 10) -> list[str]:
        first, last = (None if moment is None else at(moment) for moment in (start, end))
        return [found.fingerprint for found in rows.between(first, last, entities or None, limit)]

    assert between(None, None) == ["later", *sorted(["open", "other"], key=lambda n: finding(n, 5).id), "over"]
    assert set(between(20, 30)) == {"open", "other"}
    assert set(between(10, 10)) == {"over", "open", "other"}
    assert between(0, 100, "host:h") == ["other"]
    assert between(None, None, limit=1) == ["later"]
    assert between(60, None, "host:h") == ["other"]
    assert between(0, 100, "host:h", "host:none") == ["other"]


def test_reading_on_gives_every_change_once_and_in_order(rows: FindingRows) -> None:
    rows.merge([finding("a"), finding("b")], at(0))
    first, cursor = rows.after(0)
    assert [found.fingerprint for found in first] == ["a", "b"]
    assert rows.after(cursor) == ([], cursor)
    rows.end(["a"], at(10))
    rows.merge([finding("c", 20)], at(20))
    second, cursor = rows.after(cursor)
    assert [(found.fingerprint, found.is_open) for found in second] == [("a", False), ("c", True)]
    assert rows.after(cursor) == ([], cursor)


def test_reading_on_in_small_steps_leaves_nothing_out(rows: FindingRows) -> None:
    rows.merge([finding(f"{number}") for number in range(25)], at(0))
    seen: list[str] = []
    cursor = 0
    while True:
        found, cursor = rows.after(cursor, limit=4)
        if not found:
            break
        seen += [one.fingerprint for one in found]
    assert seen == [f"{number}" for number in range(25)]


def test_nothing_to_do(rows: FindingRows) -> None:
    assert rows.merge([], at(0)) == []
    assert rows.end([], at(0)) == []
    assert rows.by_ids([]) == []
    assert rows.last_seen("unknown") is None


steps = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["merge", "merge ended", "end"]), st.integers(0, 20)), max_size=15
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_at_most_one_of_a_fingerprint_is_open_and_the_cursor_misses_nothing(
    rows: FindingRows, state: State, taken: list[tuple[str, str, int]]
) -> None:
    with state.transaction() as connection:
        connection.execute(delete(findings))
    known: dict[str, Finding] = {}
    cursor = 0
    for now, (name, what, starts) in enumerate(taken):
        if what == "end":
            rows.end([name], at(now))
        else:
            rows.merge([finding(name, starts, starts + 5 if what == "merge ended" else None)], at(now))
        changed, cursor = rows.after(cursor)
        known.update({found.id: found for found in changed})
        opened = [found.fingerprint for found in rows.open("")]
        assert len(opened) == len(set(opened))
    assert sorted(known.values(), key=lambda f: f.id) == sorted(
        rows.between(None, None, None, 1000), key=lambda f: f.id
    )


def test_what_is_only_repeated_is_counted_and_is_no_news(rows: FindingRows) -> None:
    known = finding()
    rows.keep([Kept(known, at(300), 1, is_changed=True)], at(0))
    revision = rows.last_revision()
    rows.keep([Kept(known, at(400), 3, is_changed=False)], at(100))
    assert rows.last_revision() == revision
    assert (rows.times_said([known.id]), rows.held_until([known.id])) == ({known.id: 4}, {known.id: at(400)})
    assert rows.last_seen(known.id) == at(100)
    rows.keep([Kept(replace(known, score=2.0), at(500), 1, is_changed=True)], at(200))
    assert (rows.times_said([known.id]), rows.open("")[0].score) == ({known.id: 5}, 2.0)
    assert rows.last_revision() == revision + 1


def test_marks_lead_to_what_was_written_last_whoever_wrote_it(state: State, rows: FindingRows) -> None:
    other = FindingRows(state)
    (mine,) = rows.merge([finding()], at(0))
    marks, cursor = rows.marks(0, 10)
    assert rows.marked(marks) == other.marked(marks) == [mine]
    (theirs,) = other.merge([finding(score=9.0)], at(10))
    marks, _ = rows.marks(cursor, 10)
    assert rows.marked(marks) == [theirs]
    assert rows.known([mine.id, "unknown"]) == {mine.id}
