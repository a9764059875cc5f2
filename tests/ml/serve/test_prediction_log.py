"""The prediction log: every answer reaches the platform, whatever happens on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.app.running import until
from tests.ml.serve.doors import records_of, served
from tests.ml.serve.platform import Answer, FakePlatform, refused

from wellkept.kernel.errors import InputError, OverloadError, TooLargeError, WellkeptError
from wellkept.ml.serve import journal as journals
from wellkept.ml.serve import log as module
from wellkept.ml.serve.answered import Answered
from wellkept.ml.serve.log import PredictionLog
from wellkept.sdk.client import Client

MODEL = served()


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    found = FakePlatform()
    yield found
    found.go()


@pytest.fixture
def opened(
    platform: FakePlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., PredictionLog]]:
    """Opens a log on one folder, as a process would that starts again."""
    monkeypatch.setattr(module, "EVERY_S", 0.01)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.05)
    logs, client = [], Client(platform.url, "token", 5.0)

    def open_log(**arguments: Any) -> PredictionLog:
        logs.append(PredictionLog(client, tmp_path / "log", **arguments))
        return logs[-1]

    yield open_log
    for found in logs:
        found.close()
    client.close()


def one(number: int, rows: int = 1) -> Answered:
    """An answer, told from others by its id and by the value of an input."""
    values = np.full((rows, 4), float(number))
    return Answered(1_700_000_000_000 + number, MODEL, str(number), values, np.arange(rows) / 10)


def add(log: PredictionLog, first: int, last: int) -> None:
    for number in range(first, last):
        log.add(one(number))


def arrived(platform: FakePlatform) -> list[str]:
    return [prediction["id"] for prediction in platform.predictions]


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("log/*.seg"))


def test_every_prediction_arrives_once_and_in_order(
    platform: FakePlatform, opened: Callable[..., PredictionLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_BYTES", 20_000)
    log = opened()
    for first in range(0, 3000, 300):
        add(log, first, first + 300)

    until(lambda: log.backlog == 0, "everything is sent")

    assert arrived(platform) == [str(number) for number in range(3000)]
    assert log.dropped == 0


class Feeding:
    """A door; whenever something is sent through it, another answer comes in."""

    url = "http://feeding"

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.log: PredictionLog

    def send(self, path: str, body: bytes, media: str) -> bytes:
        self.rows.append(pa.ipc.open_stream(body).read_all().num_rows)
        self.log.add(one(1000 + len(self.rows)))
        return b""


def test_what_comes_during_a_send_waits_for_the_next_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY_S", 3600.0)
    door = Feeding()
    door.log = log = PredictionLog(door, tmp_path / "log")
    add(log, 0, 300)

    log.close()

    assert door.rows == [300]
    assert log.backlog == 1


def test_a_prediction_arrives_as_it_was_answered(platform: FakePlatform, opened: Callable[..., PredictionLog]) -> None:
    rows = np.array([[1.0, 2.0, 0.0, np.nan], [3.0, 4.0, 1.0, 0.5]])
    keys, marks = ("card-1", "card-2"), {"arm": "canary"}
    log = opened()
    answered = Answered(1_700_000_000_123, MODEL, "order", rows, np.array([0.4, 0.5]), 0.002, keys, "t", "s", marks)
    log.add(answered)
    log.add(Answered(1_700_000_000_123, MODEL, "order", rows[:1], np.array([0.1]), 0.002, ("k",), is_shadow=True))
    until(lambda: log.backlog == 0, "everything is sent")

    first, second, shadow = platform.predictions
    assert (first["id"], second["id"]) == ("order-0", "order-1")
    assert (first["entity_key"], second["entity_key"]) == keys
    assert first["features"] == {"amount": 1.0, "count": 2.0, "foreign": 0.0, "risk": None}
    assert (first["decision"], second["decision"]) == ("false", "true")
    assert first["time"].isoformat() == "2023-11-14T22:13:20.123000+00:00"
    assert (first["trace_id"], first["span_id"], first["latency_ms"]) == ("t", "s", 2.0)
    assert first["attributes"] == second["attributes"] == marks
    assert (shadow["id"], shadow["attributes"]) == ("order~7", {"shadow_of": "order"})


def test_a_platform_that_is_away_gets_everything_when_it_is_back(
    platform: FakePlatform, opened: Callable[..., PredictionLog]
) -> None:
    log = opened()
    add(log, 0, 5)
    until(lambda: log.backlog == 0, "the first are sent")
    platform.go()
    add(log, 5, 15)
    assert log.backlog == 10
    platform.come_back()

    until(lambda: log.backlog == 0, "the rest is sent")

    assert arrived(platform) == [str(number) for number in range(15)]


@pytest.mark.parametrize(
    "answer",
    [
        (500, "no JSON of ours"),
        (503, {"error": {"message": "later"}}),
        refused("no such door", 404, "NotFoundError"),
        (401, {}),
    ],
    ids=["broken", "overloaded", "no door", "no token"],
)
def test_what_is_not_taken_now_waits(
    answer: Answer, platform: FakePlatform, opened: Callable[..., PredictionLog]
) -> None:
    turns = iter([answer, answer])
    platform.judge = lambda _: next(turns, (200, {}))
    log = opened()
    add(log, 0, 3)

    until(lambda: log.backlog == 0, "everything is sent")

    assert arrived(platform) == ["0", "1", "2"]
    assert log.dropped == 0


def test_what_waits_at_the_end_is_on_disk_and_sent_by_the_next_start(
    platform: FakePlatform, opened: Callable[..., PredictionLog], tmp_path: Path
) -> None:
    platform.go()
    log = opened()
    add(log, 0, 4)
    log.close()
    assert segments(tmp_path)
    platform.come_back()

    again = opened()
    assert again.backlog == 4
    add(again, 4, 6)
    until(lambda: again.backlog == 0, "everything is sent")
    again.close()

    assert arrived(platform) == ["0", "1", "2", "3", "4", "5"]
    assert segments(tmp_path) == []


def test_what_was_acknowledged_is_not_sent_again_by_the_next_start(
    platform: FakePlatform, opened: Callable[..., PredictionLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_BYTES", 500)
    log = opened()
    add(log, 0, 6)
    until(lambda: log.backlog == 0, "everything is sent")
    platform.judge = lambda _: (503, {"error": {"message": "later"}})
    add(log, 6, 8)
    log.close()
    platform.judge = lambda _: (200, {})

    again = opened()
    until(lambda: again.backlog == 0, "everything is sent")

    assert arrived(platform) == [str(number) for number in range(8)]


KILLED = """
import sys, pathlib
import numpy as np
from tests.ml.serve.test_prediction_log import one
from wellkept.ml.serve.log import PredictionLog

class Away:
    url = ""
    def send(self, *_):
        from wellkept.kernel.errors import WellkeptError
        raise WellkeptError("away")

log = PredictionLog(Away(), pathlib.Path(sys.argv[1]))
number = 0
while True:
    log.add(one(number))
    print(number, flush=True)
    number += 1
"""


def test_a_process_that_is_killed_has_lost_no_answer_that_was_given(
    platform: FakePlatform, opened: Callable[..., PredictionLog], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()) as process:
        assert process.stdout is not None
        for _ in range(200):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        given = 200 + len(process.stdout.read().split())

    log = opened()
    until(lambda: log.backlog == 0, "everything is sent")

    assert len(arrived(platform)) >= given
    assert arrived(platform) == [str(number) for number in range(len(arrived(platform)))]


@settings(deadline=None, max_examples=40)
@given(cut=st.integers(0, 4000), flip=st.booleans())
def test_a_damaged_end_costs_what_is_damaged_alone(
    cut: int, flip: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    written = journals.Journal(folder, 1 << 20)
    ends = []
    for number in range(20):
        assert written.append(bytes([number]) * 100, 1, "k", lambda: b"first")
        ends.append(written.size)
    path = next(folder.glob("*.seg"))
    data = bytearray(path.read_bytes())
    cut = min(cut, len(data) - 1)
    if flip:
        data[cut] ^= 0xFF
        path.write_bytes(data)
    else:
        path.write_bytes(data[:cut])

    read = journals.Journal(folder, 1 << 20)
    frames = read.read(*read.begin(), 1 << 20)

    whole = sum(end <= cut for end in ends)
    assert [frame.payload for frame in frames if frame.rows] == [bytes([n]) * 100 for n in range(whole)]


def test_segments_are_removed_as_they_are_acknowledged(
    platform: FakePlatform, opened: Callable[..., PredictionLog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals.Journal.__init__, "__defaults__", (2000,))
    platform.judge = lambda _: (503, {"error": {"message": "later"}})
    log = opened()
    add(log, 0, 50)
    assert len(segments(tmp_path)) > 3
    platform.judge = lambda _: (200, {})

    until(lambda: log.backlog == 0, "everything is sent")

    assert arrived(platform) == [str(number) for number in range(50)]
    assert len(segments(tmp_path)) <= 1


def test_it_is_bounded_and_says_what_it_dropped(platform: FakePlatform, opened: Callable[..., PredictionLog]) -> None:
    platform.judge = lambda _: (503, {"error": {"message": "later"}})
    log = opened(budget=3000)
    add(log, 0, 40)
    kept = log.backlog
    assert 0 < kept < 40
    assert log.dropped == 40 - kept

    platform.judge = lambda _: (200, {})
    until(lambda: log.backlog == 0, "everything is sent")

    assert arrived(platform) == [str(number) for number in range(kept)]


def test_a_disk_that_takes_nothing_costs_predictions_and_they_are_counted(
    opened: Callable[..., PredictionLog], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = opened()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("wellkept.ml.serve.journal.os.write", full)
    add(log, 0, 3)

    assert log.dropped == 3
    assert caplog.text.count("takes nothing: No space left on device") == 1, "said once"


def test_a_damaged_segment_is_said_and_holds_nothing_up(
    platform: FakePlatform, opened: Callable[..., PredictionLog], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    platform.judge = lambda _: (503, {"error": {"message": "later"}})
    first = opened()
    add(first, 0, 5)
    first.close()
    (segment,) = segments(tmp_path)
    data = bytearray(segment.read_bytes())
    data[-100] ^= 0xFF  # the last answer
    segment.write_bytes(data)
    platform.judge = lambda _: (200, {})

    again = opened()
    add(again, 5, 7)
    until(lambda: arrived(platform)[-1:] == ["6"], "the rest is sent")

    assert arrived(platform) == ["0", "1", "2", "3", "5", "6"]
    assert "are damaged; what was there is lost" in caplog.text


class Judging:
    """A platform that refuses batches that hold a wrong record, or too many; it forgets nothing it took."""

    url = "http://127.0.0.1:9"

    def __init__(self, wrong: set[int], most: int) -> None:
        self._wrong, self._most = wrong, most
        self.taken: list[int] = []

    def send(self, _path: str, body: bytes, _media: str) -> bytes:
        ids = [int(name) for name in pa.ipc.open_stream(body).read_all()["id"].to_pylist()]
        if len(ids) > self._most:
            raise TooLargeError("predictions", "are too many")
        if self._wrong & set(ids):
            raise InputError("predictions", "hold a record that breaks a rule")
        self.taken += ids
        return b""


@settings(deadline=None, max_examples=30)
@given(count=st.integers(0, 60), wrong=st.sets(st.integers(0, 59), max_size=6), most=st.integers(1, 100))
def test_a_wrong_record_takes_no_right_one_with_it(
    count: int, wrong: set[int], most: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    judging = Judging(wrong, most)
    log = PredictionLog(judging, tmp_path_factory.mktemp("log"))
    add(log, 0, count)
    log.close()

    assert judging.taken == [number for number in range(count) if number not in wrong]
    assert log.dropped == len(wrong & set(range(count)))
    assert log.backlog == 0


class Tired(Judging):
    """Takes a few at a time, and after each that it took is away for once."""

    def __init__(self, wrong: set[int], most: int) -> None:
        super().__init__(wrong, most)
        self._is_tired = False

    def send(self, path: str, body: bytes, media: str) -> bytes:
        if self._is_tired:
            self._is_tired = False
            raise WellkeptError("does not answer in time")
        answer = super().send(path, body, media)
        self._is_tired = True
        return answer


def test_a_batch_that_was_cut_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY_S", 0.01)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.01)
    tired = Tired({5, 30}, most=8)
    log = PredictionLog(tired, tmp_path / "log")
    add(log, 0, 60)

    until(lambda: log.backlog == 0, "everything is sent")
    log.close()

    assert tired.taken == [number for number in range(60) if number not in {5, 30}], "each once"
    assert log.dropped == 2, "a wrong one is counted once"


@settings(deadline=None, max_examples=40)
@given(counts=st.lists(st.integers(1, 5), min_size=1, max_size=6), nulls=st.booleans())
def test_what_is_packed_is_what_is_read_back(counts: Sequence[int], nulls: bool) -> None:
    answers = [one(number, rows) for number, rows in enumerate(counts)]
    if nulls:
        answers[0].rows[0, 0] = np.nan

    rows = records_of(*answers)

    assert [row["id"] for row in rows] == [
        str(number) if count == 1 else f"{number}-{index}"
        for number, count in enumerate(counts)
        for index in range(count)
    ]
    assert [row["score"] for row in rows] == [index / 10 for count in counts for index in range(count)]
    values = [number for number, count in enumerate(counts) for _ in range(count)]
    assert [row["features"]["risk"] for row in rows] == values
    assert (rows[0]["features"]["amount"] is None) == nulls


@pytest.mark.parametrize("error", [RuntimeError("a surprise"), WellkeptError("not now"), OverloadError("later")])
def test_no_error_ends_the_thread(
    error: Exception, opened: Callable[..., PredictionLog], platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = opened()
    real, turns = log._door.send, iter([error, error])

    def send(path: str, body: bytes, media: str) -> bytes:
        if (raised := next(turns, None)) is not None:
            raise raised
        return real(path, body, media)

    monkeypatch.setattr(log._door, "send", send)
    add(log, 0, 2)

    until(lambda: log.backlog == 0, "everything is sent")

    assert arrived(platform) == ["0", "1"]
