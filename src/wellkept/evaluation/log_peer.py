"""drain3 on the same lines in the same run, in a Python environment of its own that the folder of peers makes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wellkept.evaluation.log_stream import Timing
from wellkept.evaluation.templates import MEASURES, scores
from wellkept.kernel.errors import InputError, StoreError

SETTINGS = ("default", "masked-nodelim")
"""Without any masks, and with those of the project's own example."""
STREAM_S = 45.0
"""It is timed on the stream from its beginning, for at most so long: it slows down as it goes, so that is in its
favour."""
_LIMIT_S = 500.0
_FOLDER = "logs_drain3"
_VENV = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import common
print(common.ensure_venv("drain3", Path(sys.argv[2])))
"""


def drain3(
    peers: Path, systems: Mapping[str, tuple[Sequence[str], Sequence[str]]], stream: Sequence[str], timing: Timing
) -> dict[str, Any]:
    """For each setting: the means of the scores, lines a second on the stream, and how many times as fast we were.

    ``systems``: by name, lines and labelled templates.

    Raises:
        InputError: the folder has no such peer.
        StoreError: it could not be installed, or failed.
    """
    home = peers / _FOLDER
    if not (home / "run.py").is_file():
        raise InputError(f"folder {peers}", f"must hold {_FOLDER}/run.py")
    python = _run([sys.executable, "-c", _VENV, str(peers), str(home / "requirements.txt")]).strip().splitlines()[-1]
    worker = str(Path(__file__).with_name("drain3_worker.py"))
    with tempfile.TemporaryDirectory(prefix="wellkept-peer-") as folder:
        task = Path(folder) / "task.json"
        told = {"systems": {name: list(lines) for name, (lines, _) in systems.items()}}
        task.write_text(json.dumps({**told, "stream": list(stream), "limit_s": STREAM_S}), encoding="utf-8")
        return {
            setting: _scored(json.loads(_run([python, worker, str(home), setting, str(task)])), systems, timing)
            for setting in SETTINGS
        }


def _scored(
    told: Mapping[str, Any], systems: Mapping[str, tuple[Sequence[str], Sequence[str]]], timing: Timing
) -> dict[str, Any]:
    by_system = []
    for name, (_, truth) in systems.items():
        texts = told["systems"][name]
        groups = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        by_system.append(scores([groups[text] for text in texts], texts, truth))
    found: dict[str, Any] = {
        measure: round(sum(each[measure] for each in by_system) / len(by_system), 4) for measure in MEASURES
    }
    speed = told["lines"] / told["seconds"]
    found |= {"lines_per_s": round(speed), "stream_lines": told["lines"], "clusters": told["clusters"]}
    found["times_as_fast"] = round(timing.lines_per_s / speed, 1)
    # On a busy machine the wall clock measures the others, too: so the same by seconds of the processor.
    by_cpu = (timing.lines / timing.cpu_seconds) / (told["lines"] / told["cpu_seconds"])
    return {**found, "times_as_fast_by_cpu": round(by_cpu, 1)}


def _run(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_LIMIT_S)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", "") or str(error)
        raise StoreError(f"peer drain3: {str(said).strip()[-400:]}") from error
    return done.stdout
