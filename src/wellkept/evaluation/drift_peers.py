"""Peers on the same frames in the same run: their worker from a folder with ``drift/worker.py``, and ours beside it.

The frames are the peers' own (``drift/data.py``): reference rows, then windows, the last half of them moved in 5 of 50
columns by a known amount. Each column and window is one test; a clean one that is told is a false alarm.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wellkept.evaluation.drift_play import DIGEST, SLICES
from wellkept.evaluation.streams_known import DAY_S, EPOCH_S
from wellkept.kernel.errors import InputError, StoreError
from wellkept.ml.contract import parse_contract
from wellkept.ml.driftspec import DriftMonitor
from wellkept.ml.reference import SCORE, Distribution, make_reference
from wellkept.ml.watch.base import Served
from wellkept.spine.plugins import load
from wellkept.spine.registry import ModelVersion
from wellkept.store.telemetry.serving import Histograms

PEERS = ("evidently", "nannyml")
AMOUNTS = (0.1, 0.25, 0.5)
SEEDS, WINDOWS, ROWS, REFERENCE = 3, 4, 5_000, 30_000
LIMIT_S = 500.0
OURS = {"wellkept": DriftMonitor().psi, "wellkept, any size": 0.001}
"""The shipped smallest effect, and none but chance: an effect below the shipped one is not told on purpose."""
HOME, OUR_SCORE = "PEERS_HOME", "y_pred_proba"
_MAKE = """
import sys; sys.path.insert(0, sys.argv[1])
import data, json, pathlib
folder, n, rows, known, seeds, amount = sys.argv[2], *map(float, sys.argv[3:])
for seed in range(int(seeds)):
    data.frame(int(known), 0.0, 500_000 + seed).to_parquet(f"{folder}/reference-{seed}.parquet")
    data.windows(int(n), int(rows), amount, seed + 1).to_parquet(f"{folder}/current-{seed}.parquet")
print(json.dumps(data.DRIFTED))
"""


def run(folder: Path, tell: Callable[[str], None], amounts: Sequence[float] = AMOUNTS) -> dict[str, Any]:
    """Columns found and false alarms, by amount of drift, of each peer whose venv is there, and of ours.

    Raises:
        InputError: the folder has no such worker, or the peers' venvs are nowhere.
        StoreError: the frames cannot be made.
    """
    worker = folder / "drift" / "worker.py"
    if not worker.is_file():
        raise InputError(f"folder {folder}", "must hold drift/worker.py")
    venvs = Path(os.environ.get(HOME, "")) / "venvs"
    pythons = {name: venvs / name / "bin" / "python" for name in PEERS}
    pythons = {name: python for name, python in pythons.items() if python.exists()}
    if not pythons:
        raise InputError(HOME, f"must name a folder with venvs of {' or '.join(PEERS)}", os.environ.get(HOME, ""))
    found: dict[str, Any] = {name: {} for name in OURS}
    for amount in amounts:
        for name, smallest in OURS.items():
            found[name][f"{amount:g}"] = _ours(worker, next(iter(pythons.values())), amount, smallest)
            tell(f"{name}, drift of {amount:g}: {found[name][f'{amount:g}']}")
        for name, python in pythons.items():
            asked = {"windows": WINDOWS, "rows": ROWS, "reference_rows": REFERENCE, "drift": amount, "seeds": SEEDS}
            found.setdefault(name, {})[f"{amount:g}"] = _theirs([str(python), str(worker), name, "small"], asked)
            tell(f"{name}, drift of {amount:g}: {found[name][f'{amount:g}']}")
    return found


def _theirs(command: Sequence[str], asked: dict[str, Any]) -> dict[str, Any]:
    """What a peer found; of one that is too slow, or fails, that it did: the others go on."""
    try:
        said = _call([*command, json.dumps(asked)], "RESULT ")
    except StoreError as error:
        return {"failed": str(error)}
    counted = {key: said["univariate"][key] for key in ("detected", "missed", "false_alarms", "clean_tests")}
    return counted | {"seconds_per_seed": round(said["seconds_per_seed"], 2)}


def _call(command: Sequence[str], mark: str = "") -> Any:
    """The last line of JSON that a program of a peer printed behind a mark."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=LIMIT_S,
            env={**os.environ, "DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"},
        )  # fmt: skip
    except subprocess.TimeoutExpired as gone:
        raise StoreError(f"a peer's program took longer than {LIMIT_S:g} s") from gone
    lines = [line[len(mark) :] for line in done.stdout.splitlines() if line.startswith(mark or "[")]
    if not lines:
        raise StoreError(f"a peer's program gave no figures: {done.stderr[-300:]}")
    return json.loads(lines[-1])


def _ours(worker: Path, python: Path, amount: float, smallest: float) -> dict[str, Any]:
    """The monitor of drift with the shipped limits on the same frames; ``seconds_per_seed`` starts at the raw rows."""
    counted = {"detected": 0, "missed": 0, "false_alarms": 0, "clean_tests": 0}
    taken = []
    with tempfile.TemporaryDirectory(prefix="wellkept-drift-") as folder:
        sizes = [str(value) for value in (WINDOWS, ROWS, REFERENCE, SEEDS, amount)]
        moved = set(_call([str(python), "-c", _MAKE, str(worker.parent), folder, *sizes]))
        for seed in range(SEEDS):
            tables = [pl.read_parquet(f"{folder}/{name}-{seed}.parquet") for name in ("reference", "current")]
            began = time.perf_counter()
            said = _told(_without_truth(tables[0]), _without_truth(tables[1]), smallest)
            taken.append(time.perf_counter() - began)
            columns = {name for name in tables[0].columns if not name.startswith("y_")}
            for window, told in enumerate(said):
                true = moved if window >= WINDOWS // 2 else set()
                counted["detected"] += len(told & true)
                counted["missed"] += len(true - told)
                counted["false_alarms"] += len((told & columns) - true)
                counted["clean_tests"] += len(columns) - len(true)
    return counted | {"seconds_per_seed": round(float(np.median(taken)), 2)}


def _without_truth(table: pl.DataFrame) -> pl.DataFrame:
    return table.drop("y_true", "y_pred").with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))


def _told(reference: pl.DataFrame, current: pl.DataFrame, smallest: float) -> list[set[str]]:
    """The columns that are told in each window, each looked at by itself."""
    names = [name for name in reference.columns if name != OUR_SCORE]
    texts = {name: reference[name].to_list() for name in names if reference[name].dtype == pl.String}
    numbers = np.stack([np.zeros(len(reference)) if n in texts else reference[n].to_numpy() for n in names], axis=1)
    at = EPOCH_S + np.arange(len(reference)) * DAY_S / ROWS
    made = make_reference(numbers, names, reference[OUR_SCORE].to_numpy(), at=at, window_s=DAY_S, texts=texts)
    inputs = "".join(f"  - {{name: {name}}}\n" for name in names)
    contract = parse_contract(
        f"name: peers\ntask: binary_classification\nowner: evaluation\ninputs:\n{inputs}metrics: {{primary: roc_auc}}\n"
        f"monitors:\n  drift: {{window_s: {DAY_S}, psi: {smallest}}}\n"
    )
    version = ModelVersion("peers", DIGEST, datetime.fromtimestamp(0, UTC), DIGEST, "onnx", DIGEST, number=1)
    monitor, none, found = load("monitor")["drift"](), np.zeros(0), []
    for window in range(WINDOWS):
        rows = current[window * ROWS : (window + 1) * ROWS]
        slices = _histograms(rows, made)
        served = Served(
            contract, version, made, slices, slices.bins[SCORE].sum(axis=1), DAY_S / SLICES, {}, none, none, none
        )
        said = monitor.watch(served, datetime.fromtimestamp(EPOCH_S, UTC)).findings
        found.append({finding.evidence[0].attributes["feature"] for finding in said})
    return found


def _histograms(rows: pl.DataFrame, reference: dict[str, Distribution]) -> Histograms:
    """The counts of a window in slices of as many rows each."""
    place = np.arange(len(rows)) * SLICES // len(rows)
    bins: dict[str, NDArray[np.int64]] = {}
    for name, entry in reference.items():
        values = rows[name or OUR_SCORE]
        if entry.is_category:
            known = {text: index for index, text in enumerate(entry.categories)}
            found = np.asarray([known.get(text, len(known)) for text in values.to_list()])
        else:
            found = np.searchsorted(np.asarray(entry.edges), values.to_numpy(), side="left")
        size = len(entry.counts)
        bins[name] = np.bincount(place * size + found, minlength=SLICES * size).reshape(SLICES, size)
    times = EPOCH_S + DAY_S / SLICES * np.arange(1, SLICES + 1, dtype=np.float64)
    return Histograms(times, bins, {name: np.zeros(SLICES, dtype=np.int64) for name in reference})
