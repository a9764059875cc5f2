"""NannyML's confidence-based estimates of the same windows, in a Python environment of its own that the peers make."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from wellkept.evaluation.estimate_replay import Answered, Judged
from wellkept.kernel.errors import InputError, StoreError

_FOLDER = "drift"
_LIMIT_S = 1500.0
_VENV = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import common
print(common.ensure_venv("nannyml", Path(sys.argv[2])))
"""
REFERENCE_WINDOWS = 2
"""It is fitted once, on so many of the first windows, as its users do; it then has their labels, and no later ones."""


def run(peers: Path, streams: Sequence[tuple[Answered, float, Sequence[Judged]]]) -> dict[str, dict[str, list[Judged]]]:
    """What it estimated, by the streams' names without their seeds; and what we did, on the same windows.

    A window of its that is in its reference is left out on both sides. It says nothing of validity: its alert is about
    performance, so each of its windows counts as valid.

    Raises:
        InputError: the folder has no such peer.
        StoreError: it could not be installed, or failed.
    """
    home = peers / _FOLDER
    if not (home / "run.py").is_file():
        raise InputError(f"folder {peers}", f"must hold {_FOLDER}/run.py")
    python = _run([sys.executable, "-c", _VENV, str(peers), str(home / "requirements" / "nannyml.txt")])
    worker = str(Path(__file__).with_name("nannyml_worker.py"))
    with tempfile.TemporaryDirectory(prefix="wellkept-peer-") as folder:
        tasks: list[str] = []
        for number, (one, step_s, _) in enumerate(streams):
            place = ((one.at - one.at[0] // step_s * step_s) // step_s).astype(np.int64)
            file = Path(folder) / f"{number}.npz"
            np.savez(file, place=place, score=one.score, label=one.label)
            tasks.append(str(file))
        task = Path(folder) / "task.json"
        task.write_text(json.dumps({"files": tasks, "reference": REFERENCE_WINDOWS}), encoding="utf-8")
        told = json.loads(_run([python.strip().splitlines()[-1], worker, str(task)]).splitlines()[-1])
    found: dict[str, dict[str, list[Judged]]] = {"nannyml": {}, "ours": {}}
    for (one, _, judged), theirs in zip(streams, told, strict=True):
        name = re.sub(r" \d+$", "", one.name)
        for ours in judged:
            said = theirs.get(str(ours.place))
            if said is None:
                continue
            value, low, high = said
            peer = replace(ours, value=value, low=low, high=high, is_valid=True, reason="")
            found["nannyml"].setdefault(name, []).append(peer)
            found["ours"].setdefault(name, []).append(ours)
    return found


def _run(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_LIMIT_S)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", "") or str(error)
        raise StoreError(f"peer nannyml: {str(said).strip()[-400:]}") from error
    return done.stdout
