"""The peers' own program on the same folder in the same run: a folder with ``rca/run.py``."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from wellkept.kernel.errors import InputError, StoreError

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
    program = peers / "rca" / "run.py"
    if not program.is_file():
        raise InputError(f"folder {peers}", "must hold rca/run.py")
    name = SETS.get(layout)
    if name is None:
        return {}
    with tempfile.TemporaryDirectory(prefix="wellkept-peers-") as home:
        (Path(home) / f"rca_{name}").symlink_to(data.resolve())
        command = [sys.executable, str(program), "--dataset", name, "--data", home, "--repeat", "1"]
        command += ["--limit", str(METHOD_S), *(word for method in METHODS for word in ("--method", method))]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WITHIN_S)
        except subprocess.TimeoutExpired as gone:
            raise StoreError(f"the peers' program took longer than {WITHIN_S} s") from gone
    found = {}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            said = json.loads(line)
            found[said["name"]] = _figures(said["metrics"])
    if not found:
        raise StoreError(f"the peers' program gave no figures: {done.stderr[-300:]}")
    return found


def _figures(metrics: dict[str, Any]) -> dict[str, Any]:
    service = metrics.get("service", {})
    return {
        "cases": metrics["cases"],
        "done": metrics["done"],
        **{name: service.get(name) for name in ("ac1", "ac3", "avg5")},
        "seconds_per_case": metrics.get("seconds_per_case", {}).get("median"),
    }
