"""The peers' own program on the same curves in the same run: a folder with ``ts_anomaly/run.py``."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from wellkept.kernel.errors import InputError, StoreError

METHODS = ("tsb-ad:Sub_PCA", "tsb-ad:POLY", "tsb-ad:PCA", "pyod:IForest", "netdata-like:kmeans", "first-difference")
CURVES = 10
"""Of pieces, the first so many that have an anomaly are scored, as the program does by itself."""
SHAPES = {"pieces": "aiops", "windows": "nab", "entities": "asd"}
"""What the program calls a folder of each shape."""
METHOD_S = 300


def run(peers: Path, data: Path, shape: str) -> dict[str, Any]:
    """VUS-PR, event F1 and seconds of each peer, by its name.

    Raises:
        InputError: the folder has no such program.
        StoreError: it failed, or printed nothing.
    """
    program = peers / "ts_anomaly" / "run.py"
    if not program.is_file():
        raise InputError(f"folder {peers}", "must hold ts_anomaly/run.py")
    name = SHAPES[shape]
    with tempfile.TemporaryDirectory(prefix="wellkept-peers-") as home:
        (Path(home) / f"ts_{name}").symlink_to(data.resolve())
        command = [sys.executable, str(program), "--dataset", name, "--data", home, "--curves", str(CURVES)]
        command += ["--limit", str(METHOD_S), *(word for method in METHODS for word in ("--method", method))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = {}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            said = json.loads(line)
            found[said["name"]] = _figures(said["metrics"])
    if not found:
        raise StoreError(f"the peers' program gave no figures: {done.stderr[-300:]}")
    return found


def _figures(metrics: dict[str, Any]) -> dict[str, Any]:
    seconds = metrics.get("cpu_s_per_100k", {}).get("median")
    return {
        "series": metrics["curves"],
        "vus_pr": metrics.get("vus_pr"),
        "event_f1": metrics.get("event_f1_log"),
        "seconds_per_million_points": None if seconds is None else round(10 * seconds, 3),
    }
