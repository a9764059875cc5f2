"""Model servers come first: the platform's own work gets the processor behind the answers that users wait for."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from wellkept.app.children import KEEPER

NICENESS = 10
"""A ninth of the share of a thread that answers, where both want the processor. An idle one is used as before."""
_TASKS = Path("/proc/self/task")


def stand_behind(niceness: int = NICENESS) -> int:
    """Make every thread of this process at least so nice, but those that start children; how many there are.

    Children are as nice as the thread that starts them, and what is nice can't be made less so: their keepers stay as
    they are, and all of them are there before. New threads are as nice as the one that makes them, so once is enough.
    Where the system does not tell threads apart, nothing is done.
    """
    front = {one.native_id for one in threading.enumerate() if one.name.startswith(KEEPER)}
    behind = 0
    for task in (int(path.name) for path in _TASKS.glob("*")):
        if task in front:
            continue
        with contextlib.suppress(OSError):  # a thread may end meanwhile
            if os.getpriority(os.PRIO_PROCESS, task) < niceness:
                os.setpriority(os.PRIO_PROCESS, task, niceness)
            behind += 1
    return behind
