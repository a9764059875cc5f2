"""The prediction log: every answer reaches the platform, whatever happens on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.app.running import until
from tests.ml.serve.platform import Answer, FakePlatform, refused

from wellkept.kernel.errors import InputError, OverloadError, WellkeptError
from wellkept.ml.serve import log as module
from wellkept.ml.serve.log import PredictionLog
from wellkept.sdk.client import Client


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    found = FakePlatform()
    yield found
    found.go()


@pytest.fixture
def opened(
    platform: FakePlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., PredictionLog]]:
    """Opens a log on one spill file, as a process would that starts again."""
    monkeypatch.setattr(module, "EVERY_S", 0.01)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.05)
    logs, client = [], Client(platform.url, "token", 5.0)

    def open_log(**arguments: Any) -> PredictionLog:
        logs.append(PredictionLog(client, tmp_path / "predictions.jsonl", **arguments))
        return logs[-1]

    yield open_log
    for found in logs:
        found.close()
    client.close()


def some(first: int, last: int) -> list[dict[str, Any]]:
    return [{"id": str(number), "score": number / 10} for number in range(first, last)]


def arrived(platform: FakePlatform) -> list[str]:
    return [prediction["id"] for prediction in platform.predictions]


def test_every_prediction_arrives_once_and_in_order(
    platform: FakePlatform, opened: Callable[..., PredictionLog]
) -> None:
    log = opened()
    for first in range(0, 3000, 300):
        log.add(some(first, first + 300))

    until(lambda: log.backlog == 0, "everything is sent")

    assert arrived(platform) == [str(number) for number in range(3000)]
    assert log.dropped == 0


def test_a_platform_that_is_away_gets_everything_when_it_is_back(
    platform: FakePlatform, opened: Callable[..., PredictionLog]
) -> None:
    log = opened()
    log.add(some(0, 5))
    until(lambda: log.backlog == 0, "the first are sent")
    platform.go()
    log.add(some(5, 10))
    log.add(some(10, 15))
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
    log.add(some(0, 3))

    until(lambda: log.backlog == 0, "everything is sent")

    assert arrived(platform) == ["0", "1", "2"]
    assert log.dropped == 0


def test_what_waits_at_the_end_is_on_disk_and_sent_by_the_next_start(
    platform: FakePlatform, opened: Callable[..., PredictionLog], tmp_path: Path
) -> None:
    platform.go()
    log = opened()
    log.add(some(0, 4))
    log.close()
    assert tmp_path.joinpath("predictions.jsonl").read_text("utf-8").count("\n") == 4
    platform.come_back()

    again = opened()
    again.add(some(4, 6))
    until(lambda: again.backlog == 0, "everything is sent")

    assert arrived(platform) == ["0", "1", "2", "3", "4", "5"]
    assert not tmp_path.joinpath("predictions.jsonl").exists()


def test_the_file_stays_until_all_of_it_is_acknowledged(
    platform: FakePlatform, opened: Callable[..., PredictionLog], tmp_path: Path
) -> None:
    spill = tmp_path / "predictions.jsonl"
    spill.write_text('{"id": "0"}\n{"id": "1"}\n', encoding="utf-8")
    platform.judge = lambda _: (503, {"error": {"message": "later"}})
    log = opened()
    until(lambda: log.backlog == 2, "they are read")
    assert spill.exists()  # a process that is killed now loses nothing

    platform.judge = lambda _: (200, {})
    until(lambda: not spill.exists(), "the file is done with")

    assert arrived(platform) == ["0", "1"]


def test_a_damaged_line_costs_that_line_alone(
    platform: FakePlatform, opened: Callable[..., PredictionLog], tmp_path: Path
) -> None:
    tmp_path.joinpath("predictions.jsonl").write_bytes(b'{"id": "0"}\n\xff\xfe\n{"id": "1", "sc\n{"id": "2"}\n')

    log = opened()
    until(lambda: log.backlog == 0, "everything is sent")

    assert arrived(platform) == ["0", "2"]


def test_closing_sends_what_came_last(
    platform: FakePlatform, opened: Callable[..., PredictionLog], tmp_path: Path
) -> None:
    log = opened()
    log.add(some(0, 3))
    log.close()

    assert arrived(platform) == ["0", "1", "2"]
    assert not tmp_path.joinpath("predictions.jsonl").exists()


def test_it_is_bounded_and_says_what_it_dropped(platform: FakePlatform, opened: Callable[..., PredictionLog]) -> None:
    platform.judge = lambda _: (503, {"error": {"message": "later"}})
    log = opened(limit=10)
    log.add(some(0, 8))
    log.add(some(8, 16))
    assert (log.backlog, log.dropped) == (10, 6)

    platform.judge = lambda _: (200, {})
    until(lambda: log.backlog == 0, "everything is sent")

    assert arrived(platform) == [str(number) for number in range(10)]


class Judging:
    """A platform that refuses batches that hold a wrong record, or too many; it forgets nothing it took."""

    url = "http://127.0.0.1:9"

    def __init__(self, wrong: set[int], most: int) -> None:
        self._wrong, self._most = wrong, most
        self.taken: list[int] = []

    def post(self, _path: str, body: dict[str, list[dict[str, int]]]) -> None:
        ids = [record["id"] for record in body["predictions"]]
        if len(ids) > self._most or self._wrong & set(ids):
            raise InputError("predictions", "hold a record that breaks a rule, or are too many")
        self.taken += ids


@settings(deadline=None, max_examples=60)
@given(
    count=st.integers(0, 200),
    wrong=st.sets(st.integers(0, 199), max_size=6),
    most=st.integers(1, 1000),
)
def test_a_wrong_record_takes_no_right_one_with_it(count: int, wrong: set[int], most: int) -> None:
    log = PredictionLog.__new__(PredictionLog)  # without its thread: sending is looked at alone
    judging = Judging(wrong, most)
    vars(log).update(_client=judging, _lock=threading.Lock(), _on_disk=0, dropped=0)
    vars(log).update(_waiting=[{"id": number} for number in range(count)])

    assert log._send()

    assert judging.taken == [number for number in range(count) if number not in wrong]
    assert log.dropped == len(wrong & set(range(count)))


@pytest.mark.parametrize("error", [RuntimeError("a surprise"), WellkeptError("not now"), OverloadError("later")])
def test_no_error_ends_the_thread(
    error: Exception, opened: Callable[..., PredictionLog], platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = opened()
    real, turns = log._client.post, iter([error, error])

    def post(path: str, body: Any) -> Any:
        if (raised := next(turns, None)) is not None:
            raise raised
        return real(path, body)

    monkeypatch.setattr(log._client, "post", post)
    log.add(some(0, 2))

    until(lambda: log.backlog == 0, "everything is sent")

    assert arrived(platform) == ["0", "1"]
