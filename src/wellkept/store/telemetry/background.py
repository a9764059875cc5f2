"""Merging stands behind answering: the engine's background threads get the processor when nobody else wants it much."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

MERGING = "MergeMutate"
"""What the engine calls its threads that merge and mutate parts; they are there soon after the first connection."""
NICER = 5
"""About a third of the share of a thread that answers somebody. Less could leave parts unmerged on a busy machine."""
_TASKS = Path("/proc/self/task")


def niceness() -> int:
    """How nice merging threads are to be: more so than the thread that asks."""
    return os.getpriority(os.PRIO_PROCESS, 0) + NICER


def step_back(niceness: int) -> int:
    """Make this process's merging threads so nice; how many there are. Where the system does not tell threads, none."""
    found = 0
    for task in _TASKS.glob("*/comm"):
        with contextlib.suppress(OSError):  # a thread may end meanwhile
            if task.read_text(encoding="utf-8").strip() == MERGING:
                os.setpriority(os.PRIO_PROCESS, int(task.parent.name), niceness)
                found += 1
    return found
