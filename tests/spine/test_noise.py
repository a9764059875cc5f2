"""Silences and windows: made, changed and ended by people, each time with a line in the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.ops.correlate.noise.scenes import alert, at
from tests.ops.correlate.noise.test_keeper import NoChanges
from tests.store.fixtures import state_in

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import ConflictError, InputError, NotFoundError
from wellkept.kernel.matching import Matcher
from wellkept.kernel.noise import Digest, Held, HeldFinding, HoldReason, Maintenance, SilenceState, Told
from wellkept.kernel.schedule import Schedule
from wellkept.spine.audit import Audit
from wellkept.spine.noise import NoiseDesk
from wellkept.spine.stream import Stream
from wellkept.store.state.state import State

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TEAM = (Matcher.of('team="shop"'),)


class Scene:
    def __init__(self, state: State) -> None:
        self.state = state
        self.clock, self.audit = SettableClock(NOON), Audit(state)
        self.desk = NoiseDesk(state, self.audit, self.clock)

    def verbs(self) -> list[str]:
        return [entry.verb for entry in reversed(self.audit.entries())]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    state = state_in(tmp_path)
    yield Scene(state)
    state.close()


def test_a_silence_is_made_changed_and_ended(scene: Scene) -> None:
    before = scene.desk.revision()
    made = scene.desk.add_silence(TEAM, None, NOON + HOUR, "ann", "known")
    longer = scene.desk.change_silence(replace(made, ends_at=NOON + 2 * HOUR))
    assert longer.id == made.id
    assert scene.desk.silence(made.id).ends_at == NOON + 2 * HOUR
    scene.clock.advance(HOUR)
    assert scene.desk.end_silence(made.id, "bob").state(scene.clock.now()) is SilenceState.EXPIRED
    with pytest.raises(ConflictError, match="over already"):
        scene.desk.end_silence(made.id, "bob")
    assert scene.verbs() == ["silence.added", "silence.changed", "silence.ended"]
    assert scene.desk.revision() == before + 3
    assert scene.desk.silences(over=False) == []
    assert [one.id for one in scene.desk.silences()] == [made.id]


def test_other_matchers_make_another_silence(scene: Scene) -> None:
    made = scene.desk.add_silence(TEAM, None, NOON + HOUR, "ann", "known")
    scene.clock.advance(timedelta(minutes=1))
    other = scene.desk.change_silence(replace(made, matchers=(Matcher.of("team=ops"),)))
    assert other.id != made.id
    assert scene.desk.silence(made.id).state(scene.clock.now()) is SilenceState.EXPIRED


def test_what_is_no_silence_is_told(scene: Scene) -> None:
    add = scene.desk.add_silence
    with pytest.raises(InputError, match="at least one must not match the empty value"):
        add((Matcher.of('team!="shop"'),), None, NOON + HOUR, "ann", "x")
    with pytest.raises(InputError, match="RE2"):
        add((Matcher.of('team=~"("'),), None, NOON + HOUR, "ann", "x")
    with pytest.raises(InputError, match="must not be in the past"):
        add(TEAM, None, NOON, "ann", "x")
    with pytest.raises(InputError, match=r"silence\.comment: must not be empty"):
        add(TEAM, None, NOON + HOUR, "ann", " ")
    with pytest.raises(NotFoundError):
        scene.desk.silence("none")
    assert scene.verbs() == []


def test_a_window_comes_again_until_it_is_ended(scene: Scene) -> None:
    schedule = Schedule("11:00", "13:00", "UTC", ("tue",))
    made = scene.desk.add_window(Maintenance("", "patching", "ann", "", NOON, entities=("host:a",), schedule=schedule))
    (stored,) = scene.desk.windows()
    assert stored == made
    assert stored.until(NOON) == NOON + HOUR
    assert stored.next(NOON) == NOON + timedelta(days=7, hours=-1)
    scene.desk.end_window(made.id, "ann")
    assert scene.desk.windows(over=False) == []
    assert scene.desk.window(made.id).until(NOON + timedelta(days=7)) is None
    assert scene.verbs() == ["maintenance.added", "maintenance.ended"]


def test_of_a_recurring_window_what_is_open_now_can_be_ended_alone(scene: Scene) -> None:
    schedule = Schedule("11:00", "13:00", "UTC", ("tue",))
    window = Maintenance("", "patching", "ann", "", NOON, entities=("host:a",), schedule=schedule)
    made = scene.desk.add_window(window)
    scene.desk.end_this_time(made.id, "bob")
    ended, week = scene.desk.window(made.id), timedelta(days=7)
    assert ended.until(NOON) is ended.until(NOON + HOUR) is None
    assert ended.next(NOON) == NOON + week - HOUR
    assert ended.until(NOON + week) == NOON + week + HOUR
    with pytest.raises(ConflictError, match="is not open now"):
        scene.desk.end_this_time(made.id, "bob")
    last = scene.desk.add_window(replace(window, ends_at=NOON + HOUR))
    once = scene.desk.add_window(replace(window, schedule=None, starts_at=NOON, ends_at=NOON + HOUR))
    for one in (last, once):
        assert scene.desk.end_this_time(one.id, "bob").is_over(NOON)
    assert scene.verbs().count("maintenance.ended_early") == 1


def test_a_day_that_is_ended_early_opens_again_at_midnight(scene: Scene) -> None:
    schedule = Schedule("00:00", "00:00", "Europe/Berlin")
    made = scene.desk.add_window(Maintenance("", "all", "ann", "", NOON, entities=("host:a",), schedule=schedule))
    midnight = NOON.replace(hour=23)
    ended = scene.desk.end_this_time(made.id, "bob")
    assert ended.until(NOON) is None
    assert ended.next(NOON) == midnight
    assert ended.until(midnight) == midnight + timedelta(days=1)


def test_a_window_that_can_never_open_is_refused(scene: Scene) -> None:
    never = Schedule("02:00", "03:00", monthdays=(30, -30), months=(2,))
    leap = replace(never, monthdays=(29,))
    window = Maintenance("", "patching", "ann", "", NOON, entities=("host:a",), schedule=never)
    with pytest.raises(InputError, match="monthdays: must be days that one of the months has"):
        scene.desk.add_window(window)
    assert scene.desk.add_window(replace(window, schedule=leap)).schedule == leap


def test_what_is_held_is_kept_and_counted(scene: Scene) -> None:
    held = Held(HoldReason.SILENCED, {"silence": "s"}, "silenced by ann", NOON + HOUR)
    one, other = (HeldFinding(f"fnd-{n}", "fp", "host:a", held, NOON) for n in (1, 2))
    scene.desk.keep_held([one, other])
    scene.desk.keep_held([replace(other, ended_at=NOON)])
    assert scene.desk.held() == [one]
    assert scene.desk.held_counts() == {"silenced": 1}
    assert scene.desk.held(HoldReason.FLAPPING) == []
    assert set(scene.desk.held_of(["fnd-1", "fnd-2"])) == {"fnd-1", "fnd-2"}
    assert len(scene.desk.held(over_s=60)) == 2


def test_a_digest_is_kept_once(scene: Scene) -> None:
    digest = Digest("dig-1", "night", NOON - HOUR, NOON, ("inc-1",), (), "one")
    scene.desk.keep_digest(digest)
    scene.desk.keep_digest(digest)
    found, position = scene.desk.digests()
    assert found == [digest]
    assert scene.desk.digests(position) == ([], position)


def test_what_was_over_long_ago_is_forgotten(scene: Scene) -> None:
    scene.desk.add_silence(TEAM, None, NOON + HOUR, "ann", "known")
    scene.clock.advance(timedelta(days=100))
    scene.desk.forget_old()
    scene.clock.set(NOON)
    assert scene.desk.silences() == []


def test_how_often_something_was_told(scene: Scene) -> None:
    stream = Stream(scene.state, NoChanges())
    for start, repeats in ((0, 3), (600, 1)):
        told = alert(starts=start, n="1")
        for again in range(repeats):
            stream.publish([told], at(start + again))
        stream.close([told.fingerprint], at(start + 60))
    found = scene.desk.told([told.fingerprint, "unknown"])  # four times that it is there, twice that it is over
    assert found == {told.fingerprint: Told(told.fingerprint, 2, 6, at(0), found[told.fingerprint].last_at)}
    assert found[told.fingerprint].last_at >= at(600)
