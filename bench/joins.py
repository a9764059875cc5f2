"""Joins as known at a point in time: rows a second and peak memory, beside one ``pandas.merge_asof`` a source.

    make bench NAME=joins [ARGS="--rows 10000000 --features 20"]

Two shapes: many features of few rows (17 thousand rows, ten sources of a hundred features each), and many rows
(``--rows``, one source of ``--features``). Each is joined by moment alone, as pandas can, and as of when values were
written, for which pandas has no join; each in a process of its own. All start from sources in memory and end with all
columns joined. Ratios are of processor seconds, which a busy machine changes less. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from wellkept.ml.data.join import NONE, Events, codes, latest_known

DAY = 86_400_000_000


def table(rows: int, features: int, keys: int, seed: int) -> pa.Table:
    """A source: key, moment, when it was written (an hour later on the average), and features."""
    random = np.random.default_rng(seed)
    at = np.sort(random.integers(0, 365 * DAY, rows))
    columns: dict[str, Any] = {"key": random.integers(0, keys, rows), "at": at}
    columns["known"] = at + random.exponential(3600e6, rows).astype(np.int64)
    columns |= {f"f{n}": random.random(rows) for n in range(features)}
    return pa.table(columns)


def entity(rows: int, keys: int) -> pa.Table:
    random = np.random.default_rng(99)
    return pa.table({"key": random.integers(0, keys, rows), "at": np.sort(random.integers(0, 365 * DAY, rows))})


def ours(rows: pa.Table, sources: list[pa.Table], *, as_known: bool) -> int:
    """Join every source; the number of values that were found."""
    when = rows["at"].to_numpy()
    found = 0
    for source in sources:
        mine, theirs = codes([rows["key"]], [source["key"]], ["key"])
        known = source["known"].to_numpy() if as_known else None
        index = latest_known(mine, when, Events(theirs, source["at"].to_numpy(), known))
        places = pa.array(np.maximum(index, 0), mask=index == NONE)
        joined = source.drop_columns(["key", "at", "known"]).take(places)
        found += joined.num_rows * joined.num_columns
    return found


def naive(rows: pa.Table, sources: list[pa.Table]) -> int:
    """The same by ``pandas.merge_asof``, a source after the other."""
    import pandas as pd

    left = rows.to_pandas()
    found = 0
    for source in sources:
        right = source.drop_columns(["known"]).to_pandas()
        joined = pd.merge_asof(left, right, on="at", by="key")
        found += len(joined) * (len(joined.columns) - 2)
    return found


def case(name: str, rows: int, features: int, sources: int, source_rows: int) -> dict[str, Any]:
    """What one way takes, in seconds, without the making of its data."""
    keys = max(100, source_rows // 100)
    left = entity(rows, keys)
    tables = [table(source_rows, features, keys, seed) for seed in range(sources)]
    ways: dict[str, Callable[[], int]] = {
        "ours": lambda: ours(left, tables, as_known=False),
        "ours_as_known": lambda: ours(left, tables, as_known=True),
        "pandas": lambda: naive(left, tables),
    }
    before = _peak_mb()
    began, busy = time.perf_counter(), time.process_time()
    values = ways[name]()
    seconds, busy = time.perf_counter() - began, time.process_time() - busy
    return {
        "seconds": round(seconds, 3),
        "cpu_s": round(busy, 3),
        "rows_per_s": round(rows / seconds),
        "values_per_s": round(values / seconds),
        "data_mb": before,
        "peak_mb": _peak_mb(),
    }


def measured(*arguments: Any) -> dict[str, Any]:
    """A case in a process of its own, so that its peak of memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(case, arguments)


def _peak_mb() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--source-rows", type=int, default=2_000_000)
    parser.add_argument("--skip-pandas", action="store_true")
    chosen = parser.parse_args()
    shapes = {
        "wide": (17_000, 100, 10, 200_000),
        "long": (chosen.rows, chosen.features, 1, chosen.source_rows),
    }
    result: dict[str, Any] = {}
    for shape, size in shapes.items():
        for way in ("ours", "ours_as_known", *(() if chosen.skip_pandas else ("pandas",))):
            result[f"{shape}_{way}"] = measured(way, *size)
            print(f"{shape} {way}: {result[f'{shape}_{way}']}", flush=True)
        if not chosen.skip_pandas:
            ratio = result[f"{shape}_pandas"]["cpu_s"] / result[f"{shape}_ours"]["cpu_s"]
            result[f"{shape}_times_less_work_than_pandas"] = round(ratio, 2)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
