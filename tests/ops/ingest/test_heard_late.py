"""An alert that its sender told of late says so, where the sender could have told of it before."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.ops.ingest.outside import NOON, Outside
from tests.ops.ingest.test_alerts import alert, iso, notify, post

from wellkept.kernel.errors import StoreError


def late(world: Outside, began: datetime) -> str:
    post(world, alert(startsAt=iso(began)))
    (found,) = world.stream.open_findings()
    return found.heard_late


def test_what_is_told_of_long_after_it_began_says_so_also_when_it_is_repeated(world: Outside) -> None:
    world.clock.advance(timedelta(hours=2))
    assert late(world, NOON) == "alertmanager told of it 120 min after it began"
    world.clock.advance(timedelta(minutes=1))
    notify(world, alerts=[alert(status="firing", startsAt=iso(NOON))])
    (found,) = world.stream.open_findings()
    assert found.heard_late == "alertmanager told of it 120 min after it began"


def test_what_a_sender_gathers_for_some_minutes_is_told_in_time(world: Outside) -> None:
    world.clock.advance(timedelta(hours=2))
    assert late(world, world.clock.now() - timedelta(minutes=6)) == ""


def test_what_began_before_the_platform_could_be_told_is_not_its_senders_fault(world: Outside) -> None:
    world.clock.advance(timedelta(hours=2))
    assert late(world, NOON - timedelta(hours=1)) == ""


def test_what_could_not_be_stored_when_it_was_told_is_not_its_senders_fault(
    world: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.clock.advance(timedelta(hours=1))

    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(world.stream, "keep", full)
        with pytest.raises(StoreError):
            post(world, alert(startsAt=iso(NOON + timedelta(minutes=59))))
    world.clock.advance(timedelta(hours=1))
    assert late(world, NOON + timedelta(minutes=59)) == ""
