"""What holds for every worker of one run: where its log lies, what it may take, and whether somebody called it off.

The stages between a run and its workers need not know of this, so it travels beside their arguments.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

LOG = "run.log"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a worker may take. ``memory_mb`` is resident memory, in MiB, of the process and all that it started."""

    time_s: float
    memory_mb: float | None = None
    threads: int | None = None

    def within(self, time_s: float) -> Limits:
        """The same, and not longer than ``time_s``."""
        return Limits(min(self.time_s, time_s), self.memory_mb, self.threads)


class Oversight:
    """One run, as its workers are told of it. May be cancelled from any thread."""

    def __init__(self, folder: Path, limits: Limits, seed: int = 0) -> None:
        self.folder, self.limits, self.seed = folder, limits, seed
        self._cancelled = threading.Event()
        self._by = ""

    @property
    def log(self) -> Path:
        """The file that every worker's output is appended to."""
        return self.folder / LOG

    def say(self, line: str) -> None:
        """Write a line of our own into the log."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("a", encoding="utf-8") as file:
            file.write(f"-- {line}\n")

    def cancel(self, by: str) -> None:
        """Have the worker that runs ended, and none started any more."""
        self._by = by
        self._cancelled.set()

    @property
    def cancelled_by(self) -> str | None:
        """Who called the run off; None while nobody did."""
        return self._by if self._cancelled.is_set() else None


_present: ContextVar[Oversight | None] = ContextVar("oversight", default=None)


def present() -> Oversight | None:
    """The run that this thread works for; None outside of any."""
    return _present.get()


@contextlib.contextmanager
def overseen(oversight: Oversight) -> Iterator[None]:
    """Workers that are started inside belong to a run."""
    token = _present.set(oversight)
    try:
        yield
    finally:
        _present.reset(token)
