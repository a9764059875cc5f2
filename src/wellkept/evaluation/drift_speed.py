"""How long watching takes: predictions in a real store, counted into sketches, and judged column by column."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.ml.drift.columns import moved
from wellkept.ml.reference import SCORE, Reference, make_reference
from wellkept.store.telemetry.counting import Yardstick
from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.predictions import PREDICTIONS
from wellkept.store.telemetry.serving import Histograms
from wellkept.store.telemetry.telemetry import Telemetry

NUMBERS, WORDS = 40, 10
FEATURES = NUMBERS + WORDS
WINDOWS = 10
"""The predictions are of so many windows of an hour; the last half of them has drifted in a few columns."""
REFERENCE_ROWS = 50_000
CHUNK = 50_000
START = datetime(2026, 1, 5, tzinfo=UTC)
_MODEL, _VERSION = "speed", "v1"
_SIZES = (3, 4, 5, 6, 8, 8, 10, 12, 16, 20)
_DRIFTED = (0, 9, 18)
_BY_CHANCE = 1e-6
"""A column is told as drifted below this chance of so large a distance where nothing has changed."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Frame:
    """Rows of a model: ``numbers`` float64[n, columns] and ``words``, column to texts, of one window."""

    names: Sequence[str]
    numbers: Floats
    words: Mapping[str, pa.Array]
    score: Floats
    window: int


def measure(rows: int = 10_000_000, tell: Callable[[str], None] = lambda _: None) -> tuple[float, dict[str, Any]]:
    """Seconds from predictions that are stored to a judgement of every column and window, and what they are made of.

    To store them is not counted: that is what a platform does with predictions anyhow. Rows are made, and stored, a
    chunk at a time.
    """
    chunks = generated(rows)
    return watched(rows, drawn(np.random.default_rng(0), REFERENCE_ROWS, 0), chunks, tell)


def watched(
    rows: int, trained_on: Frame, chunks: Iterator[Frame], tell: Callable[[str], None] = lambda _: None
) -> tuple[float, dict[str, Any]]:
    """The same of any rows: ``trained_on`` is the reference, ``chunks`` the predictions, window by window."""
    reference = _reference(trained_on)
    with tempfile.TemporaryDirectory(prefix="drift-speed-") as place:
        telemetry = Telemetry.open(Path(place) / "telemetry")
        try:
            began = time.perf_counter()
            _store(telemetry, rows, chunks)
            stored_s = time.perf_counter() - began
            tell(f"{rows:,} predictions were stored in {stored_s:.0f} s")
            found = _look(telemetry, rows, reference)
        finally:
            telemetry.close()
    return found["seconds"], {"rows": rows, "features": len(reference) - 1, "stored_s": round(stored_s, 1), **found}


def _look(telemetry: Telemetry, rows: int, reference: Reference) -> dict[str, Any]:
    """Count, judge, and do both again as the next look does; times are wall clock, ``cpu_s`` of the whole process."""
    grid = Grid.of(START, START + timedelta(hours=WINDOWS), 3600)
    yardstick: Yardstick = {name: entry.categories or entry.edges for name, entry in reference.items()}
    process, at = psutil.Process(), [time.perf_counter()]
    before, cpu = process.memory_info().rss, sum(process.cpu_times()[:2])
    _forget_peak()
    counts = telemetry.serving.histograms(_MODEL, _VERSION, grid, yardstick)
    at.append(time.perf_counter())
    told = _judged(counts, reference)
    at.append(time.perf_counter())
    cpu_s, peak = sum(process.cpu_times()[:2]) - cpu, _peak()
    again = telemetry.serving.histograms(_MODEL, _VERSION, grid, yardstick)
    _judged(again, reference)
    at.append(time.perf_counter())
    counted = int(counts.bins[SCORE].sum())
    if counted != rows or any((counts.bins[name] != again.bins[name]).any() for name in reference):
        raise AssertionError(f"{counted} of {rows} predictions were counted, or not the same ones twice")
    return {
        "seconds": round(at[2] - at[0], 2),
        "to_sketches_s": round(at[1] - at[0], 2),
        "to_statistics_s": round(at[2] - at[1], 3),
        "next_look_s": round(at[3] - at[2], 3),
        "cpu_s": round(cpu_s, 2),
        "ns_a_value": round(cpu_s / rows / (len(reference) - 1) * 1e9, 1),
        "rss_mb_before": round(before / 2**20),
        "rss_mb_peak": round(peak / 2**20),
        "drifted": sorted(set(told)),
        "drifted_windows": len(told),
    }


def _judged(counts: Histograms, reference: Reference) -> list[str]:
    """The columns that drifted, one for each window in which they did."""
    found = []
    for name, entry in reference.items():
        for now in counts.bins[name]:
            seen = moved(now.astype(np.float64), entry.bins, entry.wobble, has_order=not entry.is_category)
            if seen.chance < _BY_CHANCE and name != SCORE:
                found.append(name)
    return found


def _reference(frame: Frame) -> Reference:
    numbers = np.column_stack([frame.numbers, np.full((len(frame.numbers), len(frame.words)), np.nan)])
    texts = {name: words.to_pylist() for name, words in frame.words.items()}
    at = np.linspace(0, WINDOWS * 3600, len(numbers), endpoint=False)
    return make_reference(numbers, [*frame.names, *texts], frame.score, at=at, texts=texts)


def _store(telemetry: Telemetry, rows: int, chunks: Iterator[Frame]) -> None:
    """Store predictions in the order of their times, spread evenly over the windows."""
    done, apart_ms = 0, WINDOWS * 3_600_000 / rows
    for frame in chunks:
        count = len(frame.score)
        at = START.timestamp() * 1000 + (np.arange(done, done + count) * apart_ms).astype(np.int64)
        telemetry.predictions.write(_table(frame, at.astype(np.int64), done))
        done += count


def _table(frame: Frame, at_ms: NDArray[np.int64], first: int) -> pa.Table:
    count, width, words = len(frame.score), len(frame.names), len(frame.words)
    names = pa.array(list(frame.names)).take(pa.array(np.tile(np.arange(width), count)))
    columns = {
        "id": pa.array([f"{first + index:x}" for index in range(count)]),
        "time": pa.array(at_ms).cast(PREDICTIONS.field("time").type),
        "model": pa.repeat(pa.scalar(_MODEL), count),
        "version": pa.repeat(pa.scalar(_VERSION), count),
        "score": pa.array(frame.score),
        "features": pa.MapArray.from_arrays(_every(count, width), names, pa.array(frame.numbers.ravel())),
    }
    if words:
        called = pa.array(list(frame.words)).take(pa.array(np.tile(np.arange(words), count)))
        side_by_side = np.arange(words * count).reshape(words, count).T.ravel()
        values = pa.concat_arrays(list(frame.words.values())).take(pa.array(side_by_side))
        columns["categories"] = pa.MapArray.from_arrays(_every(count, words), called, values)
    return pa.table(columns, schema=PREDICTIONS.empty_table().select(list(columns)).schema)


def _every(count: int, width: int) -> pa.Array:
    return pa.array(np.arange(count + 1, dtype=np.int32) * width)


def generated(rows: int, seed: int = 1) -> Iterator[Frame]:
    """Rows in chunks; three columns are shifted by a quarter of their spread in the last half of the windows."""
    rng, done = np.random.default_rng(seed), 0
    while done < rows:
        window = done * WINDOWS // rows
        count = min(CHUNK, -(-(window + 1) * rows // WINDOWS) - done)
        yield drawn(rng, count, window)
        done += count


def drawn(rng: np.random.Generator, count: int, window: int) -> Frame:
    """Columns of several kinds: normal, log-normal, squared, long-tailed, bounded, whole numbers; and words."""
    numbers = rng.normal(size=(count, NUMBERS))
    if window >= WINDOWS // 2:
        numbers[:, _DRIFTED] += 0.25
    kinds = (
        lambda z: 100 + 15 * z,
        lambda z: np.exp(0.5 * z),
        lambda z: z * z,
        lambda z: z**3,
        lambda z: 1 / (1 + np.exp(-z)),
        lambda z: np.floor(20 + 4 * z),
    )
    for place in range(NUMBERS):
        numbers[:, place] = kinds[place % len(kinds)](numbers[:, place])
    words = {}
    for place, size in enumerate(_SIZES):
        shares = 1 / np.arange(1, size + 1) ** 0.9
        picked = rng.choice(size, count, p=shares / shares.sum())
        words[f"word_{place}"] = pa.array([f"v{index}" for index in range(size)]).take(pa.array(picked))
    return Frame([f"number_{place:02}" for place in range(NUMBERS)], numbers, words, rng.random(count), window)


def _forget_peak() -> None:
    """Have the system note the peak of memory anew; where it cannot, the peak is that of the process's life."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def _peak() -> int:
    """The peak of resident memory, in bytes."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return int(psutil.Process().memory_info().rss)
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))
