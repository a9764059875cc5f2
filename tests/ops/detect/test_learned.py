"""What is learned outlives the process: a restart gives the scores of a run without one."""

from __future__ import annotations

import errno
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.store.telemetry.scenes import NOON, put_metric

from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.errors import StoreError
from wellkept.kernel.feedback import Feedback
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.baseline import SHIPPED, Parameters
from wellkept.ops.detect.baseline.base import Scores
from wellkept.ops.detect.feed import LOOKBACK_S, Fed
from wellkept.ops.detect.judged import Judged
from wellkept.ops.detect.learned import Learned
from wellkept.ops.detect.sight import Sight
from wellkept.spine.graph import Graph
from wellkept.store.checkpoint import Checkpoint
from wellkept.store.telemetry.telemetry import Telemetry
from wellkept.store.telemetry.window import SeriesInfo, Window

STEP_S = 10.0
SETTINGS = DetectSettings(step_s=STEP_S, window_s=600.0, min_points=8, save_s=100.0, long_days=0)
FIRST = round(NOON.timestamp() / STEP_S)
SERIES = tuple(SeriesInfo(n + 1, f"m{n}", "1", "gauge", f"service:s{n % 2}") for n in range(5))
EMPTY = Window(np.empty(0), np.empty((0, 0)), ())


class Alone:
    """A world without dependencies, and with the changes that were told."""

    def __init__(self) -> None:
        self.told: list[Change] = []

    def graph(self, at: datetime | None = None) -> Graph:
        return Graph((), ())

    def changes(self, start: datetime, end: datetime) -> list[Change]:
        return [change for change in self.told if start <= change.at < end]


def at(step: int) -> datetime:
    """A moment in which the step that ends ``step`` steps after noon is looked at."""
    return datetime.fromtimestamp((FIRST + step + SETTINGS.lag_steps) * STEP_S + 1, UTC)


def look(sight: Sight, step: int, feedback: tuple[Feedback, ...] = ()) -> View:
    return sight.view(at(step), (), Judged(feedback, at(step)))


def sight_of(telemetry: Telemetry, path: Path, world: Alone | None = None) -> Sight:
    world = world or Alone()
    return Sight(telemetry, world, world, SETTINGS, Checkpoint(path))


def put(telemetry: Telemetry, first: int, last: int) -> None:
    """Values of three metrics in the steps after ``first`` up to ``last``."""
    for number in range(3):
        random = np.random.default_rng(number).normal(100, 5, 1000)
        points = [(step * STEP_S - 5, float(random[step])) for step in range(first + 1, last + 1)]
        put_metric(telemetry, points, name=f"m{number}")


def windows(end: int, values: np.ndarray, series: tuple[SeriesInfo, ...] = SERIES) -> Fed:
    """Windows of metrics alone whose newest step is new."""
    times = STEP_S * np.arange(end - len(values) + 1, end + 1).astype(np.float64)
    return Fed(Window(times, values, series), EMPTY, EMPTY, EMPTY, 1)


def assert_same(left: Scores, right: Scores) -> None:
    for name in ("sudden", "unusual", "low", "high"):
        np.testing.assert_allclose(getattr(left, name), getattr(right, name), rtol=1e-4)  # single precision


def test_killed_between_checkpoints_it_says_what_it_would_have_said(telemetry: Telemetry, tmp_path: Path) -> None:
    straight = sight_of(telemetry, tmp_path / "straight.npz")
    killed = sight_of(telemetry, tmp_path / "killed.npz")
    put(telemetry, 0, 300)
    for step in (*range(262, 282), *range(284, 301, 4)):  # a checkpoint after ten steps, and killed before the next
        look(straight, step)
        if step < 282:
            look(killed, step)
    assert (tmp_path / "killed.npz").exists()
    again = sight_of(telemetry, tmp_path / "killed.npz")
    found, wanted = look(again, 300), look(straight, 300)
    order = [found.metrics.series.index(info) for info in wanted.metrics.series]
    assert wanted.scores["metrics"].ready.all()
    assert_same(_ordered(found.scores["metrics"], order), wanted.scores["metrics"])
    np.testing.assert_allclose(found.thresholds["metrics"][order], wanted.thresholds["metrics"], rtol=1e-4)


def _ordered(scores: Scores, order: list[int]) -> Scores:
    columns = {name: getattr(scores, name)[:, order] for name in ("sudden", "unusual", "low", "high")}
    return Scores(**columns, ready=scores.ready[order])


def test_after_a_pause_that_is_longer_than_a_window_nothing_is_left_out(telemetry: Telemetry, tmp_path: Path) -> None:
    """Also when the engine fails in the middle of making up for it."""
    put(telemetry, 0, 400)
    straight, paused = sight_of(telemetry, tmp_path / "a.npz"), sight_of(telemetry, tmp_path / "b.npz")
    for step in (150, 190, 230, 270, 310, 350, 390, 400):
        wanted = look(straight, step)
    look(paused, 150)
    with pytest.MonkeyPatch.context() as broken:
        asked: list[int] = []

        def fails_at_last(*span: object) -> Window:
            asked.append(1)
            if len(asked) == 3:
                raise StoreError("the engine is away")
            return counts(*span)  # type: ignore[arg-type]

        counts = telemetry.logs.counts
        broken.setattr(telemetry.logs, "counts", fails_at_last)
        with pytest.raises(StoreError):
            look(paused, 390)
    found = look(paused, 400)
    order = [found.metrics.series.index(info) for info in wanted.metrics.series]
    assert_same(_ordered(found.scores["metrics"], order), wanted.scores["metrics"])


def test_without_a_checkpoint_what_is_stored_is_learned(telemetry: Telemetry, tmp_path: Path) -> None:
    put(telemetry, 0, 400)
    assert look(sight_of(telemetry, tmp_path / "none.npz"), 400).scores["metrics"].ready.all()


@pytest.mark.parametrize("part", ["oldest", "counts"])
def test_what_is_stored_is_learned_too_where_the_first_look_fails(
    telemetry: Telemetry, tmp_path: Path, part: str
) -> None:
    put(telemetry, 0, 400)
    sight = sight_of(telemetry, tmp_path / "none.npz")

    def fails(*_: object) -> None:
        raise StoreError("the engine is not there yet")

    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(telemetry if part == "oldest" else telemetry.logs, part, fails)
        with pytest.raises(StoreError):
            look(sight, 398)
    assert look(sight, 400).scores["metrics"].ready.all()


def test_of_a_young_store_no_more_is_read_than_there_is(telemetry: Telemetry, tmp_path: Path) -> None:
    """A day back there is nothing, and to ask for it part by part takes longer than everything else of a start."""
    put(telemetry, 0, 300)
    read: list[datetime] = []
    with pytest.MonkeyPatch.context() as watched:
        counts = telemetry.logs.counts

        def noted(start: datetime, end: datetime, step_s: float) -> Window:
            read.append(start)
            return counts(start, end, step_s)

        watched.setattr(telemetry.logs, "counts", noted)
        scores = look(sight_of(telemetry, tmp_path / "none.npz"), 300).scores["metrics"]
    assert scores.ready.all()
    oldest = telemetry.oldest()
    assert oldest == NOON + timedelta(seconds=STEP_S - 5)
    assert timedelta(seconds=LOOKBACK_S) <= oldest - read[0] <= timedelta(seconds=LOOKBACK_S + 3 * STEP_S)
    assert len(read) < 10


@pytest.fixture
def told() -> Learned:
    learned = Learned(STEP_S)
    random = np.random.default_rng(1).normal(100, 5, (300, 5))
    for step in range(20, 300):
        learned.learn(windows(step, random[step - 20 : step]))
    return learned


def test_a_checkpoint_that_is_damaged_is_told_and_ignored(
    told: Learned, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    memory = Checkpoint(tmp_path / "it.npz")
    told.save(memory)
    whole = memory.path.read_bytes()
    for cut in (0, 100, len(whole) // 2, len(whole) - 1):
        memory.path.write_bytes(whole[:cut])
        assert not Learned(STEP_S).restore(memory)
    flipped = bytearray(whole)
    flipped[len(whole) // 3] ^= 0xFF
    memory.path.write_bytes(bytes(flipped))
    assert not Learned(STEP_S).restore(memory)
    assert "what was learned cannot be used, and is learned anew: checkpoint" in caplog.text
    memory.path.write_bytes(whole)
    assert Learned(STEP_S).restore(memory)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ((5.0, "0/1", SHIPPED), "step_s"),
        ((STEP_S, "1/2", SHIPPED), "shard"),
        ((STEP_S, "0/1", replace(SHIPPED, warm_up=100)), "parameters"),
    ],
)
def test_a_checkpoint_of_another_setting_is_told_and_ignored(
    told: Learned, other: tuple[float, str, Parameters], said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    memory = Checkpoint(tmp_path / "it.npz")
    told.save(memory)
    assert not Learned(*other).restore(memory)
    assert f"must be of the same {said} to be used" in caplog.text


def test_a_file_that_was_never_a_checkpoint_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "it.npz"
    path.write_text("learned by heart")
    assert not Learned(STEP_S).restore(Checkpoint(path))
    np.savez(path, other=np.arange(3))
    assert not Learned(STEP_S).restore(Checkpoint(path))
    assert not Learned(STEP_S).restore(Checkpoint(tmp_path / "none.npz"))


def test_a_full_disk_leaves_the_old_checkpoint_and_no_half_one(
    told: Learned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Checkpoint(tmp_path / "it.npz")
    told.save(memory)
    before = memory.path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("wellkept.store.checkpoint.os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        told.save(memory)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["it.npz"]
    assert memory.path.read_bytes() == before


def test_a_value_that_comes_late_is_learned_once() -> None:
    """A series whose values are always two steps late is known like any other."""
    learned = Learned(STEP_S)
    random = np.random.default_rng(1).normal(100, 5, (400, 1))
    for step in range(20, 400):
        values = random[step - 20 : step].copy()
        values[-2:] = np.nan
        learned.learn(windows(step, values, SERIES[:1]))
    scores = learned.scores(windows(399, random[379:399], SERIES[:1]))
    assert scores["metrics"].ready.all()
    assert np.isfinite(scores["metrics"].low[-1]).all()


NEW = SeriesInfo(99, "new", "1", "gauge", "service:new")


def test_series_come_and_go_and_what_was_not_seen_for_long_is_let_go(told: Learned) -> None:
    values = np.full((20, 6), 100.0)
    before = told.scores(windows(300, values, (*SERIES, NEW)))["metrics"]
    assert before.ready.tolist() == [True] * 5 + [False]
    for step in range(300, 340):
        told.learn(windows(step, values[:, 5:], (NEW,)))
    told.forget(20 * STEP_S, 10 * STEP_S)
    assert told.series == 1
    after = told.scores(windows(339, values, (*SERIES, NEW)))["metrics"]
    assert after.ready.tolist() == [False] * 6


def test_what_is_hardly_known_is_let_go_sooner(told: Learned) -> None:
    values = np.full((20, 6), 100.0)
    told.learn(windows(300, values, (*SERIES, NEW)))
    for step in range(301, 340):
        told.learn(windows(step, values[:, :1], SERIES[:1]))
    told.forget(1000 * STEP_S, 20 * STEP_S)
    assert told.series == 5
    assert told.scores(windows(339, values[:, :5]))["metrics"].ready.all()


def test_of_what_is_gone_the_newest_is_remembered(told: Learned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wellkept.ops.detect.learned.FEW", 0)
    values = np.full((20, 5), 100.0)
    for step, count in ((300, 4), *((step, 1) for step in range(301, 340))):
        told.learn(windows(step, values[:, :count], SERIES[:count]))
    told.forget(1000 * STEP_S, 20 * STEP_S)
    assert told.scores(windows(339, values))["metrics"].ready.tolist() == [True, True, True, True, False]


def test_a_step_is_learned_once_also_when_it_is_given_again(told: Learned, tmp_path: Path) -> None:
    values = np.full((20, 5), 100.0)
    told.learn(windows(300, values))
    memory = Checkpoint(tmp_path / "it.npz")
    told.save(memory)
    first = memory.path.read_bytes()
    told.learn(windows(300, values))
    told.save(memory)
    assert memory.path.read_bytes() == first


def test_a_deploy_has_the_usual_learned_anew_for_its_entity_alone(telemetry: Telemetry, tmp_path: Path) -> None:
    world = Alone()
    sight = sight_of(telemetry, tmp_path / "it.npz", world)
    put(telemetry, 0, 300)
    for _ in range(3):
        put_metric(telemetry, [(step * STEP_S - 5, 1.0 + step % 7) for step in range(1, 301)], name="q", service="b")
    assert look(sight, 299).scores["metrics"].ready.all()
    world.told.append(Change("service:shop", ChangeKind.DEPLOY, at(298), "ci", "version 2"))
    world.told.append(Change("service:b", ChangeKind.NOTE, at(298), "somebody", "looked"))
    view = look(sight, 300)
    assert list(view.deploys) == ["service:shop"]
    put(telemetry, 300, 302)
    put_metric(telemetry, [(301 * STEP_S - 5, 3.0), (302 * STEP_S - 5, 4.0)], name="q", service="b")
    view = look(sight, 302)
    ready = dict(zip([info.entity for info in view.metrics.series], view.scores["metrics"].ready.tolist(), strict=True))
    assert ready == {"service:shop": False, "service:b": True}
