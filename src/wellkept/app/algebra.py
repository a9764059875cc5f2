"""Linear algebra on one thread: what the server's process must have, since threads of it start processes.

OpenBLAS, which NumPy and SciPy bring, ends its own threads before the process forks (to start a worker of a training,
say). A product that another thread has under way then waits for ever for those that are gone, at full speed, and holds
the lock that every other product of this process waits for. On one thread there is nothing to wait for.
"""

from __future__ import annotations

import importlib
import os

VARIABLE = "OPENBLAS_NUM_THREADS"


def on_one_thread() -> None:
    """Load what multiplies matrices so that it does so on the thread that asks. Before anything imports NumPy.

    The libraries read the variable as they are loaded; the processes that the server starts do not get it.
    """
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = "1"
    try:
        for name in ("numpy", "scipy.linalg"):  # each has a library of its own
            importlib.import_module(name)
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before
