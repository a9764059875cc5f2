"""The peers' own program on the same folder in the same run: a folder with ``rca/run.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wellkept.evaluation.peer_program import measured, of_methods

METHODS = ("baro(fse-baro)", "baro", "nsigma", "dummy")
METHOD_S = 240
WITHIN_S = 3600
SETS = {"columns": "sockshop", "pods": "nezha", "reported": "petshop"}
"""What the program calls a folder that is read by each of the shipped layouts."""


def run(peers: Path, data: Path, layout: str) -> dict[str, Any]:
    """AC@1, AC@3, Avg@5 and seconds a case of each peer, by its name; empty where it knows no such folder.

    Raises:
        InputError: the folder has no such program.
        StoreError: it failed, or printed nothing.
    """
    name = SETS.get(layout)
    if name is None:
        return {}
    arguments = ["--dataset", name, "--repeat", "1", *of_methods(METHODS, METHOD_S)]
    found = measured(peers / "rca" / "run.py", data, f"rca_{name}", arguments, WITHIN_S)
    return {peer: _figures(metrics) for peer, metrics in found.items()}


def _figures(metrics: dict[str, Any]) -> dict[str, Any]:
    service = metrics.get("service", {})
    return {
        "cases": metrics["cases"],
        "done": metrics["done"],
        **{name: service.get(name) for name in ("ac1", "ac3", "avg5")},
        "seconds_per_case": metrics.get("seconds_per_case", {}).get("median"),
    }
