"""Alerts from outside: labels are identity, the latest word counts, and what is over never comes back as it was."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import wait
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.ops.ingest.outside import NOON, Outside

from wellkept.kernel.entity import Entity, EntityKind
from wellkept.kernel.errors import InputError, OverloadError, StoreError
from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.kernel.matching import Matcher
from wellkept.ops.ingest.alerts import intake
from wellkept.ops.ingest.alerts.base import ENDED_BY, AlertSettings, Firing, Word
from wellkept.ops.ingest.alerts.gettable import Wanted, fnv, gettable, labels_of
from wellkept.ops.ingest.alerts.intake import ALERTMANAGER
from wellkept.spine.pauses import Pause
from wellkept.spine.topology import Topology
from wellkept.store.state.findings import Kept

LABELS = {"alertname": "HighLatency", "service": "checkout", "severity": "critical"}
PATIENCE_S = 20.0
ZERO = "0001-01-01T00:00:00Z"


def iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def alert(**fields: Any) -> dict[str, Any]:
    return {"labels": LABELS, "annotations": {"summary": "Checkout is slow"}, "startsAt": iso(NOON), **fields}


def post(world: Outside, *alerts: Any) -> list[str]:
    """Post to the API as Prometheus does; what is wrong with the ones that were not taken."""
    read = world.reader.posted(list(alerts), world.now)
    world.alerts.take(read.words)
    return [str(mistake) for mistake in read.mistakes]


def notify(world: Outside, status: str = "firing", **fields: Any) -> list[str]:
    """One alert in a notification of the webhook."""
    document = {"version": "4", "receiver": "all", "alerts": [{"status": status, **alert(**fields)}]}
    read = world.reader.webhook(document, world.now)
    world.alerts.take(read.words)
    return [str(mistake) for mistake in read.mistakes]


def told(world: Outside, document: dict[str, Any]) -> Finding:
    """The finding of the one alert of a notification, as it is read."""
    (word,) = world.reader.webhook(document, world.now).words
    assert isinstance(word, Firing)
    return word.finding


def test_a_firing_alert_is_an_open_finding_about_its_entity(world: Outside) -> None:
    notify(
        world,
        endsAt=ZERO,
        generatorURL="http://prometheus/graph",
        annotations={
            "summary": "Checkout is slow",
            "description": "p99 is 4 s",
            "runbook_url": "https://runbooks/1",
            "bad": "javascript:x",
        },
    )

    found = world.only()
    assert (found.detector, found.kind, found.severity) == (ALERTMANAGER, FindingKind.EXTERNAL, Severity.CRITICAL)
    assert (found.entity, found.starts_at, found.is_open) == ("service:checkout", NOON, True)
    assert (found.attributes["title"], found.sentence) == ("Checkout is slow", "p99 is 4 s")
    (evidence,) = found.evidence
    assert (evidence.signal, dict(evidence.attributes)) == ("HighLatency", LABELS)
    assert evidence.samples == ("http://prometheus/graph", "https://runbooks/1")


def test_labels_are_identity_and_annotations_are_not(world: Outside) -> None:
    notify(world)
    first = world.only()
    world.later(minutes=1)

    notify(world, annotations={"summary": "Checkout is very slow"})

    again = world.only()
    assert (again.id, again.starts_at) == (first.id, first.starts_at)
    assert again.sentence == "Checkout is very slow"
    notify(world, labels={**LABELS, "pod": "x"})
    assert len(world.findings()) == 2


def test_an_empty_label_is_as_good_as_none_and_order_means_nothing(world: Outside) -> None:
    notify(world)
    notify(world, labels={**dict(reversed(LABELS.items())), "pod": ""})
    assert world.only().is_open


def test_the_same_alert_by_both_ways_is_one(world: Outside) -> None:
    notify(world)
    assert post(world, alert(endsAt=iso(NOON + timedelta(minutes=4)))) == []
    assert world.only().is_open


def test_what_one_way_alone_tells_stays_so_that_an_alert_by_both_ways_is_no_news_each_time(world: Outside) -> None:
    end = iso(NOON + timedelta(minutes=4))
    notify(world)
    cursor = world.stream.last_finding_revision()
    post(world, alert(endsAt=end))
    notify(world)

    assert world.only().attributes["receiver"] == "all"
    assert world.stream.last_finding_revision() == cursor
    assert world.stream.times_said([world.only().id]) == {world.only().id: 3}


def test_an_alert_that_is_repeated_word_by_word_is_read_once(world: Outside) -> None:
    document = {"version": "4", "receiver": "all", "alerts": [{"status": "firing", **alert()}]}
    first, again = (told(world, document) for _ in range(2))
    assert again is first
    assert told(world, {**document, "receiver": "some"}).attributes["receiver"] == "some"

    without = {"alerts": [{"status": "firing", "labels": LABELS}]}
    before = told(world, without)
    world.later(minutes=1)
    assert told(world, without).starts_at > before.starts_at, "what does not say when it began began now"


def test_what_was_read_is_read_anew_when_other_entities_are_known(world: Outside) -> None:
    document = {"alerts": [{"status": "firing", **alert(labels={"alertname": "Down", "instance": "box:9100"})}]}
    before = told(world, document)
    known = Entity(EntityKind.HOST, "host:m-1", "box", {"host.name": "box"})
    Topology(world.state).observe([known], (), world.now)
    world.later(minutes=1)
    assert (before.entity, told(world, document).entity) == ("host:box", "host:m-1")


def test_what_is_nested_too_deeply_is_no_alert(world: Outside) -> None:
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    (mistake,) = post(world, alert(labels={"alertname": deep}))
    assert "labels.alertname: must be a text" in mistake


def test_a_resolved_alert_ends_its_finding_when_it_says(world: Outside) -> None:
    notify(world)
    world.later(minutes=5)

    notify(world, "resolved", endsAt=iso(NOON + timedelta(minutes=3)))

    found = world.only()
    assert found.ends_at == NOON + timedelta(minutes=3)
    assert found.attributes[ENDED_BY] == "its sender"


@pytest.mark.parametrize("status", ["webhook", "api"])
def test_a_resolved_alert_never_creates_a_finding(status: str, world: Outside) -> None:
    if status == "webhook":
        notify(world, "resolved", endsAt=iso(NOON))
    else:
        post(world, alert(endsAt=iso(NOON)))

    assert world.findings() == []
    assert world.alerts.counts.unheard_of == 1


def test_the_end_is_neither_before_the_beginning_nor_in_the_future(world: Outside) -> None:
    notify(world)
    world.later(minutes=1)
    notify(world, "resolved", endsAt=iso(NOON - timedelta(hours=1)))
    assert world.only().ends_at == NOON

    notify(world, labels={"alertname": "B"})
    notify(world, "resolved", labels={"alertname": "B"}, endsAt=iso(world.now + timedelta(hours=1)))
    assert {finding.ends_at for finding in world.findings()} == {NOON, world.now}


def test_a_beginning_in_the_future_is_now_and_none_is_now(world: Outside) -> None:
    notify(world, startsAt=iso(NOON + timedelta(hours=2)))
    notify(world, startsAt=ZERO, labels={"alertname": "B"})
    assert [finding.starts_at for finding in world.findings()] == [NOON, NOON]


def test_what_is_over_comes_back_as_a_new_finding_even_with_its_old_beginning(world: Outside) -> None:
    notify(world)
    world.later(minutes=1)
    notify(world, "resolved", endsAt=iso(world.now))
    world.later(minutes=1)

    notify(world)

    first, second = world.findings()
    assert first.ends_at == NOON + timedelta(minutes=1)
    assert (second.starts_at, second.is_open) == (world.now, True)
    assert first.fingerprint == second.fingerprint


def test_words_of_one_request_are_taken_in_their_order(world: Outside) -> None:
    def told(status: str) -> dict[str, Any]:
        return {"status": status, **alert(endsAt=iso(NOON))}

    read = world.reader.webhook(
        {"alerts": [told(s) for s in ("firing", "resolved", "firing", "resolved", "firing")]}, NOON
    )
    world.alerts.take(read.words)

    assert [finding.is_open for finding in world.findings()] == [False, False, True]
    assert len({finding.id for finding in world.findings()}) == 3


def test_an_alert_without_an_end_is_over_when_it_is_not_repeated(world: Outside) -> None:
    post(world, alert())
    world.alerts.tick(world.later(minutes=4))
    post(world, alert())
    world.alerts.tick(world.later(minutes=4))
    assert world.only().is_open

    world.alerts.tick(world.later(minutes=1))

    found = world.only()
    assert found.ends_at == NOON + timedelta(minutes=9)
    assert found.attributes[ENDED_BY] == "silence"
    assert world.alerts.counts.expired == 1


def test_an_end_in_the_future_is_how_long_it_holds(world: Outside) -> None:
    post(world, alert(endsAt=iso(NOON + timedelta(minutes=20))))
    world.alerts.tick(world.later(minutes=19))
    assert world.only().is_open
    world.alerts.tick(world.later(minutes=1))
    assert world.only().ends_at == NOON + timedelta(minutes=20)


def test_an_alert_of_the_webhook_outlasts_any_repeat_interval(world: Outside) -> None:
    notify(world, endsAt=ZERO)
    world.alerts.tick(world.later(hours=119))
    assert world.only().is_open
    world.alerts.tick(world.later(hours=1))
    assert not world.only().is_open


def test_the_time_in_which_nobody_could_repeat_it_does_not_count(world: Outside) -> None:
    post(world, alert())
    start_s = world.later(minutes=1).timestamp()
    world.alerts._pauses = lambda: [Pause(start_s, start_s + 240)]
    world.alerts.tick(world.later(minutes=5))
    assert world.only().is_open
    world.alerts.tick(world.later(minutes=3))
    assert not world.only().is_open


def test_after_a_start_nothing_is_over_before_it_could_be_repeated(world: Outside) -> None:
    post(world, alert())
    world.later(hours=3)
    alerts = world.restarted()

    alerts.tick(world.later(seconds=1))
    assert world.only().is_open
    post(world, alert())
    assert world.only().is_open
    alerts.tick(world.later(minutes=6))
    assert not world.only().is_open


def test_after_a_start_a_resolved_alert_still_ends_its_finding(world: Outside) -> None:
    notify(world)
    world.restarted()
    notify(world, "resolved", endsAt=iso(world.later(minutes=1)))
    assert world.only().ends_at == world.now


def test_a_bad_alert_takes_no_other_with_it(world: Outside) -> None:
    told = post(world, alert(), {"labels": {}}, alert(labels={"alertname": "B"}))

    assert told == ["alerts[1].labels: must hold at least one label with a value"]
    assert len(world.findings()) == 2


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"labels": None}, "labels: must hold at least one label with a value"),
        ({"labels": {"alertname": ""}}, "labels: must hold at least one label with a value"),
        ({"labels": []}, "labels: must be an object of texts, got []"),
        ({"labels": {"alertname": "A", "n": 1}}, "labels.n: must be a text, got 1"),
        ({"labels": {"alertname": "A", "": "x"}}, "labels: must not hold an empty name"),
        ({"annotations": {"summary": ["x"]}}, "annotations.summary: must be a text, got ['x']"),
        (
            {"startsAt": "yesterday"},
            "startsAt: must be a moment in RFC 3339 such as 2026-01-31T12:00:00Z, got 'yesterday'",
        ),
        ({"startsAt": 17}, "startsAt: must be a moment in RFC 3339 such as 2026-01-31T12:00:00Z, got 17"),
        (
            {"startsAt": "2026-02-30T00:00:00Z"},
            "startsAt: must be a moment in RFC 3339 that exists, got '2026-02-30T00:00:00Z'",
        ),
        (
            {"endsAt": iso(NOON - timedelta(hours=1))},
            f"endsAt: must not be before startsAt {iso(NOON)}, got '2026-11-25T16:54:00Z'",
        ),
        ({"generatorURL": 7}, "generatorURL: must be a text, got 7"),
    ],
)
def test_what_is_wrong_with_an_alert_is_named(fields: dict[str, Any], told: str, world: Outside) -> None:
    assert post(world, alert(**fields)) == [f"alerts[0].{told}"]
    assert world.findings() == []


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([], "Alertmanager notification: must be an object, got []"),
        ({"version": "5", "alerts": []}, "Alertmanager notification.version: must be \"4\", got '5'"),
        (
            {"text": "mine"},
            "Alertmanager notification.alerts: must be a list (a receiver with a payload of its own is not read)",
        ),
    ],
)
def test_what_is_no_notification_is_refused(document: Any, told: str, world: Outside) -> None:
    with pytest.raises(InputError) as refused:
        world.reader.webhook(document, NOON)
    assert str(refused.value) == told


def test_a_status_that_nobody_knows_is_named(world: Outside) -> None:
    assert notify(world, "suppressed") == [
        "Alertmanager notification.alerts[0].status: must be firing or resolved, got 'suppressed'"
    ]


@pytest.mark.parametrize(
    ("labels", "severity"),
    [
        ({"severity": "critical"}, Severity.CRITICAL),
        ({"severity": "page"}, Severity.CRITICAL),
        ({"priority": "P2"}, Severity.ERROR),
        ({"severity": "Warning"}, Severity.WARNING),
        ({"severity": "info"}, Severity.INFO),
        ({"severity": "none"}, Severity.INFO),
        ({}, Severity.WARNING),
        ({"severity": "purple"}, Severity.WARNING),
    ],
)
def test_how_bad_it_is(labels: dict[str, str], severity: Severity, world: Outside) -> None:
    notify(world, labels={"alertname": "A", **labels})
    assert world.only().severity is severity


def test_alerts_that_speak_of_nothing_known_have_no_entity_and_are_two(world: Outside) -> None:
    notify(world, labels={"alertname": "A"})
    notify(world, labels={"alertname": "B"})
    assert [finding.entity for finding in world.findings()] == ["", ""]
    assert len({finding.fingerprint for finding in world.findings()}) == 2


def test_more_alerts_than_one_transaction_takes(world: Outside) -> None:
    many = [alert(labels={"alertname": "A", "n": str(n)}) for n in range(1201)]
    assert post(world, *many) == []
    assert len(world.alerts.open(ALERTMANAGER)) == 1201
    post(world, *(alert(labels={"alertname": "A", "n": str(n)}, endsAt=iso(NOON)) for n in range(1201)))
    assert world.alerts.open(ALERTMANAGER) == []


def test_a_storm_from_many_senders_is_stored_together(world: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    commits: list[int] = []
    keep, gate = world.stream.keep, threading.Event()

    def counted(kept: Sequence[Kept], now: datetime) -> None:
        assert gate.wait(PATIENCE_S)
        keep(kept, now)
        commits.append(len(kept))

    monkeypatch.setattr(world.stream, "keep", counted)
    words = [world.reader.posted([alert(labels={"alertname": "A", "n": str(n)})], NOON).words for n in range(200)]
    futures = [world.alerts.submit(said) for said in words]
    gate.set()

    assert not wait(futures, PATIENCE_S).not_done
    assert sum(commits) == 200
    assert len(commits) <= 3


def test_too_much_waiting_is_refused_and_what_waits_is_stored(world: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    keep, gate, begun = world.stream.keep, threading.Event(), threading.Event()

    def slow(kept: Sequence[Kept], now: datetime) -> None:
        begun.set()
        assert gate.wait(PATIENCE_S)
        keep(kept, now)

    monkeypatch.setattr(world.stream, "keep", slow)
    monkeypatch.setattr(intake, "MOST_WAITING", 2)
    words = [world.reader.posted([alert(labels={"alertname": "A", "n": str(n)})], NOON).words for n in range(4)]
    futures = [world.alerts.submit(words[0])]
    assert begun.wait(PATIENCE_S)
    futures += [world.alerts.submit(said) for said in words[1:3]]
    with pytest.raises(OverloadError, match="alerts: 2 words wait, at most 2 may"):
        world.alerts.submit(words[3])
    gate.set()

    assert not wait(futures, PATIENCE_S).not_done
    assert len(world.alerts.open(ALERTMANAGER)) == 3


def test_a_store_that_refuses_is_told_to_everybody_and_the_next_word_is_taken(
    world: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StoreError("broken")

    monkeypatch.setattr(world.stream, "keep", refuse)
    with pytest.raises(StoreError, match="broken"):
        post(world, alert())
    monkeypatch.undo()
    post(world, alert())
    assert world.only().is_open


def test_closing_stores_what_waits_and_refuses_the_rest(world: Outside) -> None:
    words = world.reader.posted([alert()], NOON).words
    future = world.alerts.submit(words)
    world.alerts.close()
    assert future.done()
    assert world.only().is_open
    with pytest.raises(OverloadError, match="stopping"):
        world.alerts.submit(words)


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(InputError, match=r"ingest\.alerts\.resolve_timeout_s: must be more than 0, got 0"):
        AlertSettings(resolve_timeout_s=0)


@given(words=st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), st.integers(0, 400)), max_size=12))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_by_one_or_at_once_the_same_is_open(words: list[tuple[str, bool, int]], world: Outside) -> None:
    def said(tag: str) -> list[Word]:
        told: list[Word] = []
        for name, is_firing, second in words:
            item = alert(labels={"alertname": name, "run": tag}, startsAt=iso(NOON - timedelta(seconds=second)))
            status = "firing" if is_firing else "resolved"
            told += world.reader.webhook({"alerts": [{"status": status, **item}]}, NOON).words
        return told

    def opened(tag: str) -> set[str]:
        return {labels["alertname"] for a in world.alerts.open(ALERTMANAGER) if (labels := labels_of(a))["run"] == tag}

    world.alerts.take(said("at once"))
    for word in said("one by one"):
        world.alerts.take([word])

    last = {name: is_firing for name, is_firing, _ in words}
    assert opened("at once") == opened("one by one") == {name for name, is_firing in last.items() if is_firing}
    world.alerts.take(
        [
            w
            for name in "ab"
            for tag in ("at once", "one by one")
            for w in world.reader.webhook(
                {"alerts": [{"status": "resolved", **alert(labels={"alertname": name, "run": tag})}]}, NOON
            ).words
        ]
    )


def test_open_alerts_are_shown_as_an_alertmanager_shows_them(world: Outside) -> None:
    notify(world, generatorURL="http://prometheus/graph")
    (shown,) = gettable(world.alerts.open(ALERTMANAGER))

    assert shown["labels"] == LABELS
    assert shown["annotations"] == {"summary": "Checkout is slow"}
    assert shown["status"] == {"inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active"}
    assert (shown["startsAt"], shown["generatorURL"]) == (NOON.isoformat(), "http://prometheus/graph")


def test_the_fingerprint_is_the_one_of_alertmanager() -> None:
    labels = {"severity": "critical", "alertname": "HighLatency", "cluster": "test", "service": "checkout"}
    assert fnv(labels) == "e8468684030b3b8b"


def test_what_silences_hold_is_suppressed(world: Outside) -> None:
    notify(world)
    open_ones = world.alerts.open(ALERTMANAGER)
    (shown,) = gettable(open_ones, None, lambda many: [["s-1"] for _ in many])
    assert shown["status"]["state"] == "suppressed"
    assert shown["status"]["silencedBy"] == ["s-1"]
    assert gettable(open_ones, Wanted(silenced=False), lambda many: [["s-1"] for _ in many]) == []
    assert gettable(open_ones, Wanted(active=False)) == []
    assert gettable(open_ones, Wanted((Matcher.of("service=elsewhere"),))) == []
