"""Watching predictions: from rows in the store to a judgement of every column and window, beside Evidently's.

    python -m bench.monitoring [--rows 10000000] [--peers FOLDER] [--peer-rows 100000] [--limit 900]

Predictions of 50 inputs (40 numbers, 10 of words) in ten windows are stored as senders' are. What is timed is what
watching adds: counting them into sketches once (``to_sketches_s``), judging all columns of all windows from the
sketches (``to_statistics_s``), and what the next look costs (``next_look_s``); memory is measured over that time. With
``--peers`` the rows that Evidently compares (``peer_rows`` a window) go through ours in the same run.
Prints one JSON object as its last line.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wellkept.evaluation import drift_speed
from wellkept.evaluation.drift_speed import CHUNK, REFERENCE_ROWS, WINDOWS, Frame


def evidently(folder: Path, rows: int, limit_s: float) -> dict[str, Any]:
    """What the peer's own script says: seconds for ten windows of ``rows``."""
    command = [sys.executable, "drift/run.py", "--peer", "evidently", "--part", "speed", "--repeat", "1"]
    more = ["--rows", str(rows), "--limit", f"{limit_s:g}"]
    environment = {**os.environ, "PEERS_QUIET_WAIT": os.environ.get("PEERS_QUIET_WAIT", "15")}
    answer = subprocess.run([*command, *more], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    lines = [line for line in answer.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise SystemExit(f"the peer's script failed: {answer.stderr[-1000:]}")
    said = json.loads(lines[-1])
    metrics = said["metrics"]
    return {
        "version": said["version"],
        "rows": rows * WINDOWS,
        "wall_s": metrics["wall_s"]["median"],
        "cpu_s": metrics["cpu_s"]["median"],
        "rss_mb": said["peak_rss_mb"],
        "univariate": metrics["univariate"],
    }


def same_rows(rows: int) -> tuple[int, Frame, Iterator[Frame]]:
    """The frame that the peer's script made, as predictions: how many, the reference, and the windows in chunks."""
    home = Path(os.environ.get("PEERS_HOME", Path.home() / ".cache" / "peers"))
    folder = home / "drift" / f"{rows}-0.25"
    reference, current = (pq.ParquetFile(folder / f"{name}.parquet") for name in ("reference", "current"))
    first = next(reference.iter_batches(REFERENCE_ROWS))
    return current.metadata.num_rows, _frame(first, 0), (_frame(batch, 0) for batch in current.iter_batches(CHUNK))


def _frame(batch: pa.RecordBatch, window: int) -> Frame:
    numbers = [name for name in batch.schema.names if name.startswith("num_")]
    words = {name: batch[name].cast(pa.string()) for name in batch.schema.names if name.startswith("cat_")}
    table = pa.table({name: batch[name] for name in numbers}).to_pandas().to_numpy()
    return Frame(numbers, table, words, batch["y_pred_proba"].to_numpy(), window)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000, help="predictions of ours; 0: none but the peer's")
    parser.add_argument("--peers", type=Path, help="a folder that holds drift/run.py and common.py")
    parser.add_argument("--peer-rows", type=int, default=100_000, help="rows of each of the peer's ten windows")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds that the peer may take")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    if options.rows:
        found["seconds"], found["ours"] = drift_speed.measure(options.rows, say)
        say(f"{options.rows:,} predictions: {found['seconds']:.1f} s")
    if options.peers:
        peer = evidently(options.peers, options.peer_rows, options.limit)
        say(f"Evidently on {peer['rows']:,} rows: {peer['wall_s']:.1f} s, {peer['cpu_s']:.1f} s of the processor")
        _, ours = drift_speed.watched(*same_rows(options.peer_rows), say)
        found["same_rows"] = {"ours": ours, "evidently": peer}
        found["times_faster"] = round(peer["wall_s"] / ours["seconds"], 1)
        found["times_less_cpu"] = round(peer["cpu_s"] / ours["cpu_s"], 1)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
