"""PagerDuty's events: a key opens, acknowledges and ends one alert, and opens another after that."""

from __future__ import annotations

from typing import Any

import pytest
from tests.ops.ingest.outside import NOON, Outside

from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Severity
from wellkept.ops.ingest.alerts.base import ACKNOWLEDGED

ROUTING_KEY = "r" * 32
PAYLOAD = {"summary": "Disk is full", "source": "web-1", "severity": "error", "component": "disk"}
EVENT: dict[str, Any] = {
    "routing_key": ROUTING_KEY,
    "event_action": "trigger",
    "dedup_key": "disk/web-1",
    "payload": PAYLOAD,
    "links": [{"href": "https://wiki/disk", "text": "wiki"}],
    "client": "Nagios",
    "client_url": "https://nagios/1",
}


def event(world: Outside, action: str = "trigger", **fields: Any) -> str:
    found = world.events.event({**EVENT, "event_action": action, **fields}, world.now)
    world.alerts.take([found.word])
    return found.dedup_key


def test_a_trigger_is_a_finding_and_again_the_same(world: Outside) -> None:
    event(world)
    event(world, payload={**PAYLOAD, "summary": "Disk is very full"})

    found = world.only()
    assert (found.entity, found.severity, found.sentence) == ("host:4c4c-web-1", Severity.ERROR, "Disk is very full")
    assert found.evidence[0].samples == ("https://wiki/disk", "https://nagios/1")
    assert ROUTING_KEY not in str(found)


def test_acknowledged_it_is_open_and_stays_acknowledged(world: Outside) -> None:
    event(world)
    event(world, "acknowledge")
    assert world.only().attributes[ACKNOWLEDGED] == NOON.isoformat()
    event(world)
    assert world.only().attributes[ACKNOWLEDGED] == NOON.isoformat()
    assert world.only().is_open


def test_resolved_it_is_over_and_the_same_key_opens_another(world: Outside) -> None:
    event(world)
    world.later(minutes=1)
    event(world, "resolve", payload=None)
    assert world.only().ends_at == world.now
    world.later(minutes=1)
    event(world)
    assert [finding.is_open for finding in world.findings()] == [False, True]


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
@pytest.mark.parametrize("other", [{"dedup_key": "other"}, {"routing_key": "s" * 32}])
def test_another_key_is_another_alert(action: str, other: dict[str, str], world: Outside) -> None:
    event(world)
    event(world, action, **other)
    assert world.only().is_open
    assert ACKNOWLEDGED not in world.only().attributes


def test_without_a_key_the_content_is_the_key(world: Outside) -> None:
    keys = {event(world, dedup_key=None) for _ in range(2)}
    (key,) = keys
    assert len(world.findings()) == 1
    event(world, "resolve", dedup_key=key)
    assert not world.only().is_open


def test_the_sending_tool_is_not_what_is_unwell(world: Outside) -> None:
    event(world, client="Alertmanager", payload={"summary": "s", "source": "Alertmanager", "severity": "info"})
    assert world.only().entity == ""


def test_details_and_known_services_name_the_entity(world: Outside) -> None:
    payload = {"summary": "s", "source": "somewhere", "severity": "info"}
    event(world, dedup_key="1", payload={**payload, "component": "payments"})
    event(world, dedup_key="2", payload={**payload, "custom_details": {"service": "checkout", "free": {"x": 1}}})
    event(world, dedup_key="3", payload={**payload, "source": "checkout"})
    assert sorted(finding.entity for finding in world.findings()) == [
        "service:checkout",
        "service:checkout",
        "service:shop/payments",
    ]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"event_action": "page"}, "event_action: must be one of trigger, acknowledge, resolve, got 'page'"),
        ({"dedup_key": "k" * 256}, "dedup_key: must be a text of at most 255 characters"),
        ({"event_action": "resolve", "dedup_key": None}, "dedup_key: is required to resolve"),
        ({"payload": None}, "payload: must be an object"),
        (
            {"payload": {"summary": " ", "source": "x", "severity": "info"}},
            "payload.summary: must be a text that is not empty, got ' '",
        ),
        (
            {"payload": {"summary": "x" * 1025, "source": "x", "severity": "info"}},
            "payload.summary: must be at most 1024 characters, got 1025",
        ),
        ({"payload": {"summary": "s", "severity": "info"}}, "payload.source: must be a text that is not empty"),
        (
            {"payload": {"summary": "s", "source": "x", "severity": "bad"}},
            "payload.severity: must be one of critical, error, warning, info, got 'bad'",
        ),
        (
            {"payload": {"summary": "s", "source": "x", "severity": "info", "timestamp": "now"}},
            "payload.timestamp: must be a moment in RFC 3339 such as 2026-01-31T12:00:00Z, got 'now'",
        ),
        (
            {"payload": {"summary": "s", "source": "x", "severity": "info", "group": 1}},
            "payload.group: must be a text, got 1",
        ),
    ],
)
def test_what_is_wrong_with_an_event_is_named(fields: dict[str, Any], told: str, world: Outside) -> None:
    with pytest.raises(InputError) as refused:
        world.events.event({**EVENT, **fields}, NOON)
    assert str(refused.value).startswith(told)
