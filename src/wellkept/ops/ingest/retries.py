"""Requests that are sent again: a sender that did not hear of its acknowledgement must not double what is stored."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial

from wellkept.store.telemetry.receipt import ALL, Receipt

REMEMBERED = 200_000
"""So many stored requests of a signal are remembered at most; the oldest make room."""


class Retries:
    """Knows the requests of one signal that are under way or were stored within the window, by their identities.

    A request that is under way is waited for, one that is stored is acknowledged with the same receipt, and one that
    failed is forgotten, so that it can be tried again. Two requests are one if their bodies are equal: a sender whose
    records carry no time cannot say the same thing twice within the window.
    """

    def __init__(self, window_ns: int, now: Callable[[], int], known: Mapping[int, int]) -> None:
        self.duplicates = 0
        self._window, self._now = window_ns, now
        self._stored = OrderedDict((request, (at, ALL)) for request, at in known.items())
        self._under_way: dict[int, Future[Receipt]] = {}
        # Reentrant: a future that is done already calls back at once.
        self._lock = threading.RLock()

    def submit(self, request: int, store: Callable[[], Future[Receipt]]) -> Future[Receipt]:
        """What became of the request; ``store`` begins to store it, and is called only if it is not known.

        The future is the caller's own: a sender that goes away cancels it, and nothing else.
        """
        with self._lock:
            self._forget(self._now() - self._window)
            stored = self._stored.get(request)
            if stored is not None:
                self.duplicates += 1
                return _done(stored[1])
            shared = self._under_way.get(request)
            if shared is not None:
                self.duplicates += 1
            else:
                shared = self._under_way[request] = store()
                shared.add_done_callback(partial(self._settle, request))
        own: Future[Receipt] = Future()
        shared.add_done_callback(partial(_pass_on, own))
        return own

    def _settle(self, request: int, shared: Future[Receipt]) -> None:
        with self._lock:
            del self._under_way[request]
            if shared.exception() is None:
                self._stored[request] = (self._now(), shared.result())

    def _forget(self, before: int) -> None:
        while self._stored:
            oldest = next(iter(self._stored))
            if self._stored[oldest][0] >= before and len(self._stored) <= REMEMBERED:
                return
            del self._stored[oldest]


def _pass_on(own: Future[Receipt], shared: Future[Receipt]) -> None:
    if not own.set_running_or_notify_cancel():
        return
    error = shared.exception()
    if error is not None:
        own.set_exception(error)
    else:
        own.set_result(shared.result())


def _done(receipt: Receipt) -> Future[Receipt]:
    future: Future[Receipt] = Future()
    future.set_result(receipt)
    return future
