"""A noisy neighbour: takes the CPU away from one process, as a host does that has been sold twice.

The process is stopped and continued, so that it runs for a small share of the time; nobody else is touched.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from pathlib import Path
from types import FrameType

PERIOD_S = 8.0
SHARE = 0.01
"""What is left to the process of each period."""


def squeeze(victim: Path) -> None:
    """Squeeze the process of a pid file until told to stop (SIGTERM); then it runs freely again."""
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    pid = int(victim.read_text(encoding="ascii"))
    try:
        while not stopped.is_set():
            os.kill(pid, signal.SIGSTOP)
            stopped.wait(PERIOD_S * (1 - SHARE))
            os.kill(pid, signal.SIGCONT)
            stopped.wait(PERIOD_S * SHARE)
    except ProcessLookupError:
        return
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
