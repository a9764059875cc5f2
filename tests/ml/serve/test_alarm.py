"""What cannot be served is told at the door for alerts, again and again while it lasts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from tests.ops.ingest.outside import NOON, outside

from wellkept.kernel.errors import WellkeptError
from wellkept.kernel.finding import Severity
from wellkept.ml.serve.alarm import DOOR, Alarm
from wellkept.ops.ingest.alerts.base import Firing
from wellkept.sdk.client import Client

TROUBLES = {"fraud": {"2": "artifacts: the bytes are not what their digest says"}}


class Door:
    """Takes what is sent, or is away."""

    def __init__(self) -> None:
        self.sent: list[list[dict[str, Any]]] = []
        self.is_away = False
        self.now = 0.0

    def send(self, path: str, body: bytes, media: str) -> bytes:
        assert (path, media) == (DOOR, "application/json")
        if self.is_away:
            raise WellkeptError("the server does not answer")
        self.sent.append(json.loads(body))
        return b""

    def alarm(self) -> Alarm:
        return Alarm(cast("Client", self), lambda: self.now)


def test_what_lasts_is_told_every_minute_until_it_is_over() -> None:
    door = Door()
    alarm = door.alarm()
    for second in range(0, 200, 5):
        door.now = float(second)
        alarm.tell(TROUBLES if second < 160 else {}, set())
    assert [len(alerts) for alerts in door.sent] == [1, 1, 1]
    assert [alert["labels"]["severity"] for (alert,) in door.sent] == ["critical"] * 3


def test_what_is_over_within_half_a_minute_is_not_told() -> None:
    door = Door()
    alarm = door.alarm()
    for second in (0, 20, 25, 45, 65):
        door.now = float(second)
        alarm.tell({} if second == 25 else TROUBLES, set())
    assert door.sent == []


def test_a_platform_that_is_away_is_told_when_it_is_back() -> None:
    door = Door()
    alarm, door.is_away = door.alarm(), True
    for second in (0, 30, 35):
        door.now = float(second)
        alarm.tell(TROUBLES, {"fraud"})
    door.is_away, door.now = False, 40.0
    alarm.tell(TROUBLES, {"fraud"})
    assert [alert["labels"]["severity"] for (alert,) in door.sent] == ["error"]


def test_the_door_reads_it_as_a_finding_about_the_model(tmp_path: Path) -> None:
    door, platform = Door(), outside(tmp_path)
    alarm = door.alarm()
    alarm.tell(TROUBLES, set())
    door.now = 30.0
    alarm.tell(TROUBLES, set())

    (word,) = platform.reader.posted(door.sent[0], NOON).words
    platform.close()

    assert isinstance(word, Firing)
    assert (word.finding.entity, word.finding.severity) == ("model:fraud", Severity.CRITICAL)
    assert word.finding.sentence == (
        "Version 2 of fraud is to be served and cannot be: artifacts: the bytes are not what their digest says. "
        "Meanwhile requests for the model are refused."
    )
