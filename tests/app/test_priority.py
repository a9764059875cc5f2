"""The platform's own work stands behind the answers of model servers."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from wellkept.app.priority import NICENESS

# A process of its own: what is nice can't be made less so, and the tests that follow want to be as they were.
PROGRAM = """
import os, threading
from wellkept.app.children import KEEPER
from wellkept.app.priority import stand_behind

done = threading.Event()
threads = [threading.Thread(target=done.wait, name=name) for name in (KEEPER + "server", "loop-watch")]
for thread in threads:
    thread.start()
behind = stand_behind()
print(behind >= 1, *(os.getpriority(os.PRIO_PROCESS, t.native_id) for t in (threading.main_thread(), *threads)))
done.set()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads have a niceness of their own on Linux alone")
def test_threads_stand_behind_but_for_those_that_start_children() -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    behind = str(max(own, NICENESS))
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.split() == ["True", behind, str(own), behind]
