"""Reading words about alerts: what is repeated is read once, and what differs between words counts each time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.ops.ingest.outside import Outside

from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.alerts import alertmanager
from wellkept.ops.ingest.alerts.alertmanager import Reader
from wellkept.ops.ingest.alerts.base import AlertSettings, Firing, Over

BEGAN = "2026-11-24T11:00:00Z"


def alert(**more: Any) -> dict[str, Any]:
    return {"labels": {"alertname": "Slow", "service": "pay"}, "startsAt": BEGAN, **more}


@pytest.fixture
def reader(world: Outside) -> Reader:
    return Reader(world.identity, AlertSettings())


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The places of the alerts that were read in full."""
    read, places = alertmanager._alert, list[str]()

    def counted(where: str, item: dict[str, Any]) -> alertmanager.Posted:
        places.append(where)
        return read(where, item)

    monkeypatch.setattr(alertmanager, "_alert", counted)
    return places


def test_what_prometheus_repeats_with_another_end_is_read_once(
    reader: Reader, world: Outside, readings: list[str]
) -> None:
    now = world.clock.now()
    ends = [(now + timedelta(minutes=minutes)).isoformat() for minutes in (4, 5, 6)]
    words = [reader.posted([alert(endsAt=end)], now).words[0] for end in ends]
    assert readings == ["alerts[0]"]
    assert [word.until for word in words if isinstance(word, Firing)] == [now + timedelta(minutes=m) for m in (4, 5, 6)]
    assert len({id(word.finding) for word in words if isinstance(word, Firing)}) == 1


def test_an_end_that_has_come_ends_what_was_read_before(reader: Reader, world: Outside, readings: list[str]) -> None:
    now = world.clock.now()
    firing = reader.posted([alert()], now).words[0]
    over = reader.posted([alert(endsAt=now.isoformat())], now).words[0]
    told = {"version": "4", "alerts": [alert(status="resolved", endsAt=now.isoformat())]}
    assert over == reader.webhook(told, now).words[0] == Over(firing.fingerprint, now)
    assert readings == ["alerts[0]"]


def test_an_end_at_fault_is_refused_however_often_the_alert_was_read(reader: Reader, world: Outside) -> None:
    now = world.clock.now()
    for _ in range(2):
        assert reader.posted([alert()], now).words
        (mistake,) = reader.posted([alert(endsAt="soon")], now).mistakes
        assert isinstance(mistake, InputError)
        assert str(mistake).startswith("alerts[0].endsAt: must be a moment")
        (mistake,) = reader.posted([alert(endsAt="2026-11-24T10:59:59Z")], now).mistakes
        assert "must not be before startsAt 2026-11-24T11:00:00Z" in str(mistake)
