"""A request that is sent again: waited for, acknowledged again, or stored if it is not there; never stored twice."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from wellkept.kernel.errors import StoreError
from wellkept.ops.ingest import retries as module
from wellkept.ops.ingest.retries import Retries
from wellkept.store.telemetry.receipt import ALL, Receipt

WINDOW = 100


class Shelf:
    """Stores when it is told to."""

    def __init__(self) -> None:
        self.now = 0
        self.futures: list[Future[Receipt]] = []
        self.retries = Retries(WINDOW, lambda: self.now, {})

    def send(self, request: int) -> Future[Receipt]:
        return self.retries.submit(request, self._store)

    def _store(self) -> Future[Receipt]:
        self.futures.append(Future())
        return self.futures[-1]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def test_a_request_under_way_is_waited_for(shelf: Shelf) -> None:
    first, second = shelf.send(1), shelf.send(1)
    assert not first.done()
    assert not second.done()
    shelf.futures[0].set_result(Receipt(items=3))
    assert first.result(0) == second.result(0) == Receipt(items=3)
    assert len(shelf.futures) == 1
    assert shelf.retries.duplicates == 1


def test_a_stored_request_is_acknowledged_at_once_with_the_same_receipt(shelf: Shelf) -> None:
    shelf.send(1)
    shelf.futures[0].set_result(Receipt(items=3))
    assert shelf.send(1).result(0) == Receipt(items=3)
    assert len(shelf.futures) == 1
    assert shelf.retries.duplicates == 1


def test_another_request_is_another(shelf: Shelf) -> None:
    shelf.send(1)
    shelf.send(2)
    assert len(shelf.futures) == 2
    assert shelf.retries.duplicates == 0


def test_a_failed_request_is_tried_again(shelf: Shelf) -> None:
    told: list[int] = []
    first, second = shelf.send(1), shelf.send(1)
    first.add_done_callback(lambda _: told.append(len(shelf.futures)))
    shelf.futures[0].set_exception(StoreError("disk gone"))
    for future in (first, second):
        assert isinstance(future.exception(0), StoreError)
    third = shelf.send(1)
    shelf.futures[1].set_result(ALL)
    assert third.result(0) == ALL


def test_who_is_told_of_a_failure_can_send_again_at_once(shelf: Shelf) -> None:
    first = shelf.send(1)
    again: list[Future[Receipt]] = []
    first.add_done_callback(lambda _: again.append(shelf.send(1)))
    shelf.futures[0].set_exception(StoreError("disk gone"))
    shelf.futures[1].set_result(ALL)
    assert again[0].result(0) == ALL


def test_a_queue_that_is_full_notes_nothing(shelf: Shelf) -> None:
    def full() -> Future[Receipt]:
        raise StoreError("full")

    with pytest.raises(StoreError):
        shelf.retries.submit(1, full)
    shelf.send(1)
    assert len(shelf.futures) == 1
    assert shelf.retries.duplicates == 0


def test_a_sender_that_goes_away_does_not_disturb_another_that_sends_the_same(shelf: Shelf) -> None:
    first, second = shelf.send(1), shelf.send(1)
    assert first.cancel()
    shelf.futures[0].set_result(ALL)
    assert second.result(0) == ALL
    assert shelf.send(1).result(0) == ALL, "it is stored, though who sent it first did not wait"
    assert len(shelf.futures) == 1


def test_after_the_window_it_is_a_new_request(shelf: Shelf) -> None:
    shelf.send(1)
    shelf.now = 50
    shelf.futures[0].set_result(ALL)
    shelf.now = 50 + WINDOW
    shelf.send(1)
    assert len(shelf.futures) == 1
    shelf.now += 1
    shelf.send(1)
    assert len(shelf.futures) == 2


def test_one_under_way_is_known_however_long_it_takes(shelf: Shelf) -> None:
    shelf.send(1)
    shelf.now = 10 * WINDOW
    shelf.send(1)
    assert len(shelf.futures) == 1


def test_what_was_stored_before_is_known_for_the_rest_of_the_window() -> None:
    now = 80
    retries = Retries(WINDOW, lambda: now, {1: -30, 2: 0})
    new: Future[Receipt] = Future()
    assert retries.submit(1, lambda: new) is not new
    assert not new.done()
    assert retries.submit(2, Future).result(0) == ALL
    assert retries.duplicates == 1


def test_what_is_remembered_is_bounded(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 3)
    for request in range(5):
        shelf.send(request)
        shelf.futures[-1].set_result(ALL)
    shelf.send(4)
    shelf.send(0)
    assert len(shelf.futures) == 6, "the newest is known, and the oldest made room"
