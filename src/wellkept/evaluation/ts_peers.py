"""The peers' own program on the same curves in the same run: a folder with ``ts_anomaly/run.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wellkept.evaluation.peer_program import measured, of_methods

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
    name = SHAPES[shape]
    arguments = ["--dataset", name, "--curves", str(CURVES), *of_methods(METHODS, METHOD_S)]
    found = measured(peers / "ts_anomaly" / "run.py", data, f"ts_{name}", arguments)
    return {peer: _figures(metrics) for peer, metrics in found.items()}


def _figures(metrics: dict[str, Any]) -> dict[str, Any]:
    seconds = metrics.get("cpu_s_per_100k", {}).get("median")
    return {
        "series": metrics["curves"],
        "vus_pr": metrics.get("vus_pr"),
        "event_f1": metrics.get("event_f1_log"),
        "seconds_per_million_points": None if seconds is None else round(10 * seconds, 3),
    }
