"""The peers' own program on the same folder in the same run: a folder with ``rca/run.py``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wellkept.evaluation.peer_program import measured, of_methods

METHODS = {("baro(fse-baro)", "baro", "nsigma", "dummy"): 150, ("lingam_pagerank", "pc_pagerank"): 60}
"""The methods, and how many seconds each may take on a folder. Causal discovery takes seconds to minutes a case, and is
judged by the cases it got through: ``done`` of ``cases``."""
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
    found: dict[str, Any] = {}
    for methods, limit_s in METHODS.items():
        arguments = ["--dataset", name, "--repeat", "1", *of_methods(methods, limit_s)]
        found |= measured(peers / "rca" / "run.py", data, f"rca_{name}", arguments, WITHIN_S, when_quiet=False)
    return {peer: _figures(metrics) for peer, metrics in found.items()}


def better(ours: Mapping[str, Any], theirs: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Where a peer names the true cause more often than we do: which peer, on which group of cases, and how often."""
    found = []
    for peer, figures in theirs.items():
        for group, ac1 in {"all": figures["ac1"], **figures["groups"]}.items():
            mine = ours if group == "all" else ours["groups"].get(group, {})
            if ac1 is not None and mine.get("ac1") is not None and ac1 > mine["ac1"]:
                found.append({"peer": peer, "group": group, "ac1": ac1, "ours": mine["ac1"]})
    return found


def _figures(metrics: dict[str, Any]) -> dict[str, Any]:
    service = metrics.get("service", {})
    return {
        "cases": metrics["cases"],
        "done": metrics["done"],
        **{name: service.get(name) for name in ("ac1", "ac3", "avg5")},
        "seconds_per_case": metrics.get("seconds_per_case", {}).get("median"),
        "groups": {name.replace("/", " "): one["ac1"] for name, one in metrics.get("by_group", {}).items()},
    }
