"""Cases are judged one after another in the same stores, and none knows anything of those before it."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from wellkept.evaluation.diagnose_store import Stands
from wellkept.kernel.clock import to_nanos
from wellkept.ops.ingest.recording.recording import Recording
from wellkept.ops.ingest.recording.rows import Interned, Points, SeriesKey
from wellkept.store.telemetry.otlp.writer import Signal

BEGIN = to_nanos(datetime(2026, 11, 20, 9, tzinfo=UTC))


def of_service(name: str) -> Recording:
    """Ten minutes of a service's CPU."""
    resources = Interned()
    place = resources.place({"service.name": name})
    at = BEGIN + np.arange(60) * 10_000_000_000
    keys = (SeriesKey(place, "process.cpu.utilization", "1", attributes=()),)
    points = Points(at, np.zeros(60, dtype=np.int64), np.full(60, 0.5), keys, resources)
    return Recording(((Signal.METRICS, points),), step_s=10.0)


def test_a_case_sees_nothing_of_those_before_it(tmp_path: Path) -> None:
    seen = []
    with contextlib.closing(Stands(tmp_path)) as stands:
        for name in ("cart", "stock", "cart"):
            with stands.of(of_service(name)) as stand:
                stand.look_around(stand.last)
                window = stand.run.telemetry.metrics.window(stand.run.clock.now().replace(hour=8), stand.last, 10.0)
                known = [entity for entity in stand.run.topology.graph(stand.last).entities if "service" in entity]
                seen.append((known, [info.entity for info in window.series], int(np.isfinite(window.values).sum())))
    assert [known for known, *_ in seen] == [["service:cart"], ["service:stock"], ["service:cart"]]
    assert [series for _, series, _ in seen] == [["service:cart"], ["service:stock"], ["service:cart"]]
    assert len({count for *_, count in seen}) == 1, "what came again counts once"
