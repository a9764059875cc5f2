"""The promise of the doors, held against real processes: what was acknowledged is stored, once, whenever it ends.

``bench/kill.py`` does the same fifty times, and measures how long a start takes.
"""

from __future__ import annotations

from pathlib import Path

from bench.kill import run


def test_kill_9_loses_nothing_that_was_acknowledged_and_doubles_nothing_that_came_again(tmp_path: Path) -> None:
    result = run(tmp_path, kills=2, seed=7, count=1)

    broken = {what: result[what] for what in ("missing", "doubled", "unknown", "refused")}
    assert broken == dict.fromkeys(broken, 0), result
    assert result["acknowledged"] > 0
    assert result["answers"]["none"] > 0, "no request was under way when the server was killed"
