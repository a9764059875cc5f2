"""The engine's threads that merge stand behind those that answer."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from wellkept.store.telemetry.background import MERGING, NICER
from wellkept.store.telemetry.engine import EmbeddedEngine
from wellkept.store.telemetry.watch import Watch


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads have a niceness of their own on Linux alone")
def test_threads_that_merge_are_nice_and_others_are_as_they_were(engine: EmbeddedEngine) -> None:
    engine.command("CREATE TABLE numbers_kept (n UInt64) ENGINE = MergeTree ORDER BY n")
    own = os.getpriority(os.PRIO_PROCESS, 0)
    Watch(engine).look()
    after = niceness()
    assert {nice for name, nice in after.values() if name == MERGING} == {own + NICER}
    assert after[os.getpid()][1] == own


def niceness() -> dict[int, tuple[str, int]]:
    """Each thread's name and niceness."""
    tasks = [int(task.name) for task in Path("/proc/self/task").iterdir()]
    return {
        task: (Path(f"/proc/self/task/{task}/comm").read_text().strip(), os.getpriority(os.PRIO_PROCESS, task))
        for task in tasks
        if Path(f"/proc/self/task/{task}/comm").exists()
    }
