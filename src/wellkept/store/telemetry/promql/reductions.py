"""Statements that reduce windows of samples, run for one query within its limits, and their results as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic

import numpy as np
import pyarrow as pa

from wellkept.kernel.errors import OverloadError
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.failures import SlowError
from wellkept.store.telemetry.promql.errors import EvaluationError
from wellkept.store.telemetry.promql.grids import Grid
from wellkept.store.telemetry.promql.limits import Limits
from wellkept.store.telemetry.promql.remembered import Compute, Remembered
from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.promql.values import Flags, Numbers
from wellkept.store.telemetry.promql.windows import GRID
from wellkept.store.telemetry.resolution import Tier
from wellkept.store.telemetry.statements import load

STALE = np.uint64(0x7FF0000000000002)
"""The bits of the value by which Prometheus marks that a series has ended."""
POINTS = "promql/points.sql"
_COUNT = "SELECT count() AS samples FROM ($points)"


@dataclass(frozen=True, slots=True)
class Samples:
    """Where samples are read from: a statement's file, what it needs, and the body that it reads, if it reads one."""

    sql: str
    parameters: dict[str, object] = field(default_factory=dict)
    body: pa.Buffer | None = None


def stored(series: list[int]) -> Samples:
    """Stored points of some series."""
    return Samples(POINTS, {"series": series})


def rolled_up(series: list[int], tier: Tier, rolled_ms: int) -> Samples:
    """Buckets of a tier up to ``rolled_ms``, and points after it."""
    more = {"series": series, "bucket": tier.bucket_ms, "rolled": rolled_ms}
    return Samples(f"promql/points_{tier.name.lower()}.sql", more)


def given(values: Numbers, present: Flags, steps: Steps) -> Samples:
    """A grid as samples, which is what a subquery looks at; a row's index is its series."""
    row, column = np.nonzero(present)
    times = pa.array(steps.millis[column], pa.timestamp("ms", "UTC"))
    columns = {"series": pa.array(row, pa.uint64()), "time": times, "value": pa.array(values[row, column])}
    sink = pa.BufferOutputStream()
    table = pa.table(columns)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return Samples("promql/points_given.sql", body=sink.getvalue())


@dataclass(frozen=True, slots=True)
class Ranged:
    """How far back each step looks, the function's own number (a quantile, seconds ahead), and how it is called."""

    range_ms: int
    what: str
    parameter: float | None = None


class Reductions:
    """Runs statements until the deadline (of ``time.monotonic``)."""

    def __init__(self, engine: Engine, limits: Limits, remembered: Remembered, deadline: float) -> None:
        self._engine, self._limits, self._remembered, self._deadline = engine, limits, remembered, deadline

    def last(self, samples: Samples, steps: Steps, ranged: Ranged, *, moments: bool = False) -> Grid:
        """The last sample before each step, or when it was, in seconds."""
        sql = load(f"promql/windows_last{'_moments' if moments else ''}.sql").replace("$grid", GRID)

        def read(steps: Steps) -> Grid:
            rows = self._run(sql, samples, steps, ranged)
            grid = _dense(rows, "grid", steps.count)
            present = grid.present & (grid.values.view(np.uint64) != STALE)
            return Grid(grid.series, _dense(rows, "times", steps.count).values if moments else grid.values, present)

        return self._read(read, sql, samples, steps, ranged)

    def dense(self, aggregate: str, samples: Samples, steps: Steps, ranged: Ranged) -> Grid:
        """What an aggregate gives as one array a series."""
        sql = load("promql/windows_dense.sql").replace("$aggregate", aggregate)

        def read(steps: Steps) -> Grid:
            return _dense(self._run(sql, samples, steps, ranged), "grid", steps.count)

        return self._read(read, sql, samples, steps, ranged)

    def spread(self, aggregate: str, samples: Samples, steps: Steps, ranged: Ranged) -> Grid:
        """What an aggregate gives for each series and step by itself."""
        windows = min(steps.count, -(-ranged.range_ms // steps.step_ms))
        counted = self._run(_COUNT, samples, steps, ranged)["samples"][0].as_py()
        self._limits.check_spread(counted, windows, ranged.what)
        sql = load("promql/windows_spread.sql").replace("$aggregate", aggregate)
        return _scattered(self._run(sql, samples, steps, ranged), steps.count)

    def raw(self, samples: Samples, steps: Steps, ranged: Ranged) -> pa.Table:
        """Columns ``series`` and ``samples``: lists of (milliseconds, value) in order."""
        counted = self._run(_COUNT, samples, steps, ranged)["samples"][0].as_py()
        self._limits.check_cells(counted, 1, ranged.what)
        return self._run(load("promql/windows_raw.sql"), samples, steps, ranged)

    def _read(self, read: Compute, sql: str, samples: Samples, steps: Steps, ranged: Ranged) -> Grid:
        """What is read of stored points is remembered; buckets change when they are made anew, which nobody tells."""
        if samples.sql != POINTS:
            return read(steps)
        series = np.sort(np.array(samples.parameters["series"], np.uint64)).tobytes()
        return self._remembered.grid((sql, series, ranged.range_ms, ranged.parameter), steps, read)

    def _run(self, sql: str, samples: Samples, steps: Steps, ranged: Ranged) -> pa.Table:
        parameters: dict[str, object] = {
            "start": steps.start_ms,
            "end": steps.end_ms,
            "step": steps.step_ms / 1000,
            "step_ms": steps.step_ms,
            "count": steps.count,
            "window": ranged.range_ms / 1000,
            "window_ms": ranged.range_ms,
            "since": steps.start_ms - ranged.range_ms,
            "until": steps.end_ms,
            **samples.parameters,
        }
        if ranged.parameter is not None:
            parameters["parameter"] = ranged.parameter
        left = self._deadline - monotonic()
        if left <= 0:
            raise SlowError("query: took longer than is allowed")
        text = sql.replace("$points", load(samples.sql))
        try:
            if samples.body is None:
                return self._engine.query(text, parameters, limit_s=left, limit_bytes=self._limits.memory)
            return self._engine.query_body(
                text, samples.body, parameters, limit_s=left, limit_bytes=self._limits.memory
            )
        except OverloadError as error:
            rule = f"needs more than {self._limits.memory >> 20} MiB of memory; narrow it, or look less far back"
            raise EvaluationError(ranged.what, rule) from error


def _dense(rows: pa.Table, column: str, count: int) -> Grid:
    joined = rows[column].combine_chunks()
    flat = joined.flatten()
    values = np.array(flat.fill_null(0.0).to_numpy(zero_copy_only=False), dtype=np.float64).reshape(-1, count)
    if flat.null_count:
        present = np.array(flat.is_valid().to_numpy(zero_copy_only=False), dtype=bool).reshape(-1, count)
    else:
        present = np.ones(values.shape, bool)
    return Grid(rows["series"].to_numpy(), values, present)


def _scattered(rows: pa.Table, count: int) -> Grid:
    steps = rows["steps"].combine_chunks()
    lengths = np.diff(steps.offsets.to_numpy())
    row = np.repeat(np.arange(rows.num_rows), lengths)
    column = steps.flatten().to_numpy()
    values = np.zeros((rows.num_rows, count))
    present = np.zeros((rows.num_rows, count), dtype=bool)
    values[row, column] = rows["amounts"].combine_chunks().flatten().to_numpy()
    present[row, column] = True
    return Grid(rows["series"].to_numpy(), values, present)
