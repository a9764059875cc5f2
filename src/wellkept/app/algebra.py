"""Linear algebra on one thread: what the server's process must have, since threads of it start processes.

OpenBLAS, which NumPy and SciPy bring, ends its own threads before the process forks (to start a worker of a training,
say). A product that another thread has under way then waits for ever for those that are gone, at full speed, and holds
the lock that every other product of this process waits for. On one thread there is nothing to wait for.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
from importlib.machinery import PathFinder

VARIABLE = "OPENBLAS_NUM_THREADS"


def on_one_thread() -> None:
    """Load what multiplies matrices so that it does so on the thread that asks. Before anything imports NumPy.

    The libraries read the variable as they are loaded; the processes that the server starts do not get it.
    """
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = "1"
    try:
        importlib.import_module("numpy")
        _load_scipys()  # which has a library of its own
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def _load_scipys() -> None:
    """Load the library through an extension that links it: the package around that takes sixty times as long."""
    package = importlib.util.find_spec("scipy")
    places = package.submodule_search_locations if package is not None else None
    extension = PathFinder.find_spec("_fblas", [f"{place}/linalg" for place in places or ()])
    if extension is not None and extension.origin is not None:
        ctypes.CDLL(extension.origin)
    else:
        importlib.import_module("scipy.linalg")
