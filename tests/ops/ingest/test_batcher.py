"""Group commit: bodies stored together, each answered only when it is stored, a bad one refused alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait

import pytest

from wellkept.kernel.errors import InputError, OverloadError, StoreError
from wellkept.ops.ingest.base import IngestSettings
from wellkept.ops.ingest.batcher import BURST, Batcher
from wellkept.store.telemetry.receipt import Receipt

AT_ONCE = IngestSettings(group_s=0.0, pace_s=0.0)
PATIENCE_S = 20.0


class Shelf:
    """A place to store bodies; it can be held shut, and it refuses what its rule says."""

    def __init__(self, refuses: Callable[[Sequence[bytes]], Exception | None] = lambda bodies: None) -> None:
        self.groups: list[list[bytes]] = []
        self.tries = 0
        self.open = threading.Event()
        self.begun = threading.Event()
        self._refuses = refuses
        self.open.set()

    def write(self, bodies: Sequence[bytes]) -> Sequence[Receipt]:
        self.tries += 1
        self.begun.set()
        assert self.open.wait(PATIENCE_S)
        error = self._refuses(bodies)
        if error is not None:
            raise error
        self.groups.append(list(bodies))
        return [Receipt(items=len(body)) for body in bodies]

    @property
    def stored(self) -> list[bytes]:
        return [body for group in self.groups for body in group]


def held(shelf: Shelf, batcher: Batcher[bytes]) -> Future[Receipt]:
    """Keep the writer busy with a first body, so that what follows gathers behind it."""
    shelf.open.clear()
    first = batcher.submit(b"first")
    assert shelf.begun.wait(PATIENCE_S)
    return first


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    made = Shelf()
    yield made
    made.open.set()


def test_what_gathers_while_the_writer_is_busy_is_stored_together(shelf: Shelf) -> None:
    batcher = Batcher("logs", shelf.write, AT_ONCE)
    first = held(shelf, batcher)
    others = [batcher.submit(b"%d" % n) for n in range(50)]
    shelf.open.set()
    assert not wait([first, *others], PATIENCE_S).not_done
    assert shelf.groups == [[b"first"], [b"%d" % n for n in range(50)]]
    batcher.close()


def test_requests_that_come_close_together_are_one_group(shelf: Shelf) -> None:
    batcher = Batcher("logs", shelf.write, IngestSettings(group_s=PATIENCE_S, group_bytes=10, pace_s=0.0))
    futures = [batcher.submit(b"four") for _ in range(2)]
    assert not any(future.done() for future in futures)
    futures.append(batcher.submit(b"4444"))
    assert not wait(futures[:2], PATIENCE_S).not_done
    assert shelf.groups[0] == [b"four", b"four"]
    batcher.close()
    assert shelf.groups == [[b"four", b"four"], [b"4444"]]


def test_nobody_is_waited_for_when_all_the_senders_of_the_last_group_are_back(shelf: Shelf) -> None:
    batcher = Batcher("logs", shelf.write, IngestSettings(group_s=PATIENCE_S, group_bytes=9, pace_s=0.0))
    wait([batcher.submit(b"333") for _ in range(3)], PATIENCE_S)
    begun = time.monotonic()
    wait([batcher.submit(b"x") for _ in range(3)], PATIENCE_S)
    assert shelf.groups[-1] == [b"x", b"x", b"x"]
    assert time.monotonic() - begun < PATIENCE_S / 2
    batcher.close()


def test_after_a_burst_small_groups_are_paced_and_large_ones_are_not(shelf: Shelf) -> None:
    settings = IngestSettings(group_s=0.0, pace_s=PATIENCE_S, small_bytes=8)
    batcher = Batcher("logs", shelf.write, settings)
    for _ in range(BURST + 1):
        batcher.submit(b"burst").result(PATIENCE_S)
    small = batcher.submit(b"two")
    assert not small.done()
    large = batcher.submit(b"larger")
    assert not wait([small, large], PATIENCE_S).not_done
    assert shelf.groups == [[b"burst"]] * (BURST + 1) + [[b"two", b"larger"]]
    batcher.close()


def test_a_body_larger_than_a_group_is_a_group(shelf: Shelf) -> None:
    batcher = Batcher("logs", shelf.write, IngestSettings(group_s=0.0, pace_s=0.0, group_bytes=3))
    batcher.submit(b"much larger").result(PATIENCE_S)
    assert shelf.stored == [b"much larger"]
    batcher.close()


def test_it_is_acknowledged_only_when_it_is_stored(shelf: Shelf) -> None:
    batcher = Batcher("logs", shelf.write, AT_ONCE)
    future = held(shelf, batcher)
    assert not future.done()
    assert shelf.stored == []
    shelf.open.set()
    future.result(PATIENCE_S)
    assert shelf.stored == [b"first"]
    batcher.close()


@pytest.mark.parametrize("bad", [{b"7"}, {b"0", b"63"}, {b"%d" % n for n in range(0, 64, 9)}])
def test_a_poison_body_is_refused_alone(shelf: Shelf, bad: set[bytes]) -> None:
    def poison(bodies: Sequence[bytes]) -> Exception | None:
        return InputError("body", "is poison") if bad & set(bodies) else None

    picky = Shelf(poison)
    batcher = Batcher("logs", picky.write, AT_ONCE)
    held(picky, batcher)
    futures = {b"%d" % n: batcher.submit(b"%d" % n) for n in range(64)}
    picky.open.set()
    assert not wait(futures.values(), PATIENCE_S).not_done
    assert {body for body, future in futures.items() if future.exception()} == bad
    assert all(isinstance(futures[body].exception(), InputError) for body in bad)
    assert sorted(picky.stored) == sorted({*futures, b"first"} - bad)
    assert picky.tries <= 2 + 2 * 6 * len(bad)
    batcher.close()


def test_every_sender_gets_its_own_receipt(shelf: Shelf) -> None:
    batcher = Batcher("logs", shelf.write, AT_ONCE)
    first = held(shelf, batcher)
    others = [batcher.submit(b"x" * n) for n in range(1, 4)]
    shelf.open.set()
    assert first.result(PATIENCE_S) == Receipt(items=5)
    assert [future.result(PATIENCE_S).items for future in others] == [1, 2, 3]
    batcher.close()


def test_an_engine_that_fails_is_not_asked_for_every_body() -> None:
    broken = Shelf(lambda bodies: StoreError("no"))
    batcher = Batcher("logs", broken.write, AT_ONCE)
    first = held(broken, batcher)
    futures = [batcher.submit(b"%d" % n) for n in range(1000)]
    broken.open.set()
    assert not wait([first, *futures], PATIENCE_S).not_done
    assert all(isinstance(future.exception(), StoreError) for future in [first, *futures])
    assert broken.tries < 50
    batcher.close()


def test_one_body_that_breaks_the_engine_does_not_fail_its_neighbours() -> None:
    fragile = Shelf(lambda bodies: StoreError("no") if b"5" in bodies else None)
    batcher = Batcher("logs", fragile.write, AT_ONCE)
    held(fragile, batcher)
    futures = [batcher.submit(b"%d" % n) for n in range(16)]
    fragile.open.set()
    assert not wait(futures, PATIENCE_S).not_done
    assert [n for n, future in enumerate(futures) if future.exception()] == [5]
    batcher.close()


def test_an_engine_that_is_overloaded_is_left_alone() -> None:
    full = Shelf(lambda bodies: OverloadError("later", retry_after_s=5))
    batcher = Batcher("logs", full.write, AT_ONCE)
    held(full, batcher)
    futures = [batcher.submit(b"x") for _ in range(30)]
    full.open.set()
    assert not wait(futures, PATIENCE_S).not_done
    assert full.tries == 2
    error = futures[0].exception()
    assert isinstance(error, OverloadError)
    assert error.retry_after_s == 5
    batcher.close()


def test_a_surprise_is_an_error_of_ours_and_the_writer_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    odd = Shelf(lambda bodies: ZeroDivisionError("row 17 holds 4000-1234") if b"odd" in bodies else None)
    batcher = Batcher("logs", odd.write, AT_ONCE)
    error = batcher.submit(b"odd").exception(PATIENCE_S)
    assert isinstance(error, StoreError)
    assert str(error) == "ingest of logs: ZeroDivisionError"
    batcher.submit(b"even").result(PATIENCE_S)
    assert odd.stored == [b"even"]
    assert "ingest of logs failed" in caplog.text
    batcher.close()


def test_a_full_queue_tells_senders_to_come_again(shelf: Shelf) -> None:
    batcher = Batcher("logs", shelf.write, IngestSettings(group_s=0.0, pace_s=0.0, queue_bytes=10))
    first = held(shelf, batcher)
    second = batcher.submit(b"12345")
    with pytest.raises(OverloadError, match=r"ingest of logs: 10 bytes wait, at most 10 may") as refused:
        batcher.submit(b"6")
    assert refused.value.retry_after_s >= 1
    shelf.open.set()
    assert not wait([first, second], PATIENCE_S).not_done
    batcher.submit(b"6" * 9).result(PATIENCE_S)
    batcher.close()


def test_one_body_over_the_queue_is_taken_when_nothing_waits(shelf: Shelf) -> None:
    batcher = Batcher("logs", shelf.write, IngestSettings(group_s=0.0, pace_s=0.0, queue_bytes=10))
    batcher.submit(b"0123456789abcdef").result(PATIENCE_S)
    assert shelf.stored == [b"0123456789abcdef"]
    batcher.close()


def test_closing_stores_what_was_taken_and_takes_no_more(shelf: Shelf) -> None:
    batcher = Batcher("logs", shelf.write, IngestSettings(group_s=PATIENCE_S, pace_s=PATIENCE_S))
    futures = [batcher.submit(b"%d" % n) for n in range(5)]
    batcher.close()
    assert all(future.done() and future.exception() is None for future in futures)
    assert shelf.stored == [b"%d" % n for n in range(5)]
    with pytest.raises(OverloadError, match="the server is stopping"):
        batcher.submit(b"late")
    batcher.close()


def test_a_sender_that_went_away_does_not_disturb_the_rest(shelf: Shelf) -> None:
    batcher = Batcher("logs", shelf.write, AT_ONCE)
    held(shelf, batcher)
    gone, here = batcher.submit(b"gone"), batcher.submit(b"here")
    assert gone.cancel()
    shelf.open.set()
    here.result(PATIENCE_S)
    batcher.close()


def test_without_room_on_the_disk_nothing_is_taken() -> None:
    is_full = True

    def room() -> None:
        if is_full:
            raise OverloadError("disk", 5)

    shelf = Shelf()
    batcher = Batcher("logs", shelf.write, IngestSettings(group_s=0), room)
    with pytest.raises(OverloadError, match="disk"):
        batcher.submit(b"1")
    is_full = False
    batcher.submit(b"2").result(10)
    batcher.close()
    assert shelf.groups == [[b"2"]]


def test_a_store_that_does_not_answer_stalls_what_waits_for_it(shelf: Shelf) -> None:
    batcher = Batcher("metrics", shelf.write, AT_ONCE)
    assert batcher.stalled(60)[0] == 0.0
    first = held(shelf, batcher)
    assert batcher.stalled(60)[0] > 0.0
    shelf.open.set()
    first.result(PATIENCE_S)
    assert batcher.stalled(60) == (0.0, "")
    batcher.close()


def test_a_store_that_fails_stalls_what_comes_until_it_does_not_or_nothing_comes_any_more() -> None:
    errors = iter([StoreError("the disk is gone"), StoreError("the disk is gone"), InputError("body", "is bad", "x")])
    batcher = Batcher("metrics", Shelf(lambda _: next(errors, None)).write, AT_ONCE)
    for _ in range(2):
        assert batcher.submit(b"a").exception(PATIENCE_S) is not None
    seconds, why = batcher.stalled(60)
    assert (seconds > 0.0, why) == (True, "the disk is gone")
    assert batcher.stalled(0)[0] == 0.0, "what failed a while ago says nothing of now"
    assert batcher.submit(b"b").exception(PATIENCE_S) is not None
    assert batcher.stalled(60)[0] == 0.0, "a body that is at fault itself was looked at"
    batcher.submit(b"c").result(PATIENCE_S)
    assert batcher.counts.outcomes() == {"stored": 1, "refused": 1, "failed": 2}
    assert batcher.counts.stored_bytes == 1
    batcher.close()
