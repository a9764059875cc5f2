"""Alerts of others and the incidents that come of them, from the words of a webhook on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from tests.ops.ingest.outside import NOON, Outside, outside

from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.incident import Incident, IncidentState
from wellkept.ops.correlate.base import CorrelateSettings
from wellkept.ops.correlate.stage import CorrelateRunner
from wellkept.spine.graph import Graph


class Nowhere:
    """Nothing depends on anything."""

    def graph(self, at: object = None) -> Graph:
        return Graph([], [])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Outside]:
    made = outside(tmp_path)
    yield made
    made.close()


def say(world: Outside, status: str, **labels: str) -> None:
    alert = {"status": status, "labels": labels, "startsAt": NOON.isoformat(), "endsAt": world.now.isoformat()}
    world.alerts.take(world.reader.webhook({"alerts": [alert]}, world.now).words)


def tick(world: Outside) -> Sequence[Incident]:
    CorrelateRunner(world.stream, Nowhere(), CorrelateSettings(quiet_s=60)).tick(world.now)
    return world.stream.incidents()


def test_what_its_sender_calls_information_opens_no_incident_however_long_it_fires(world: Outside) -> None:
    say(world, "firing", alertname="Watchdog", severity="none")
    world.later(hours=10)
    say(world, "firing", alertname="InfoInhibitor", severity="info", service="checkout")
    assert tick(world) == []


def test_a_warning_opens_one_and_repeats_do_not_open_another(world: Outside) -> None:
    for _ in range(3):
        say(world, "firing", alertname="Slow", severity="warning", service="checkout")
        (incident,) = tick(world)
        world.later(minutes=1)
    assert len(incident.members) == 1


def test_over_and_back_it_is_another_incident_that_points_back(world: Outside) -> None:
    labels = {"alertname": "Slow", "severity": "critical", "service": "checkout"}
    say(world, "firing", **labels)
    (first,) = tick(world)
    say(world, "resolved", **labels)
    world.later(minutes=5)
    assert tick(world)[0].state is IncidentState.CLOSED

    say(world, "firing", **labels)

    second, before = tick(world)
    assert (before.id, before.state) == (first.id, IncidentState.CLOSED)
    assert second.reopens == first.id
    assert second.opened_at == world.now


def test_alerts_about_nothing_known_stay_apart_and_share_no_change(world: Outside) -> None:
    world.stream.record(Change("", ChangeKind.NOTE, NOON - timedelta(minutes=1), "ann", "of nobody knows what"))
    say(world, "firing", alertname="A", severity="critical")
    say(world, "firing", alertname="B", severity="critical")

    incidents = tick(world)

    assert len(incidents) == 2
    assert not any("of nobody knows what" in entry.what for incident in incidents for entry in incident.timeline)
