"""Telemetry of what nothing was ever measured of: empty, without a look into the store.

Alerts from outside often speak of what sends no telemetry. In a storm of them, looks that find nothing take the time
that the other incidents need.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa

from wellkept.kernel.finding import Finding, FindingKind
from wellkept.spine.graph import Graph
from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.samples import Sample
from wellkept.store.telemetry.window import Window

_EDGES = pa.table({name: pa.array([]) for name in ("source", "target", "calls", "errors", "p95_s", "gap_p50_s")})


def is_unmeasured(findings: Sequence[Finding], suspects: Sequence[str], graph: Graph) -> bool:
    """Whether all of it comes from outside, about what telemetry has never spoken of."""
    is_outside = all(finding.kind is FindingKind.EXTERNAL for finding in findings)
    return is_outside and not any(suspect in graph.entities for suspect in suspects)


class Unmeasured:
    """Windows, calls and traces of nothing."""

    @property
    def metrics(self) -> Unmeasured:
        return self

    @property
    def spans(self) -> Unmeasured:
        return self

    @property
    def samples(self) -> Unmeasured:
        return self

    def window(
        self,
        start: datetime,
        end: datetime,
        step_s: float,
        *,
        names: Sequence[str] | None = None,  # noqa: ARG002 - the interface of windows
        entities: Sequence[str] | None = None,  # noqa: ARG002 - the interface of windows
    ) -> Window:
        grid = Grid.of(start, end, step_s)
        return Window(grid.times, np.empty((grid.count, 0)), ())

    def red(self, start: datetime, end: datetime, step_s: float) -> Window:
        return self.window(start, end, step_s)

    def exclusive(self, start: datetime, end: datetime, step_s: float, limit: int = 0) -> Window:  # noqa: ARG002 - the interface of spans
        return self.window(start, end, step_s)

    def edges(
        self,
        start: datetime,  # noqa: ARG002 - the interface of spans
        end: datetime,  # noqa: ARG002 - the interface of spans
        limit: int = 0,  # noqa: ARG002 - the interface of spans
    ) -> pa.Table:
        return _EDGES

    def traces(self, start: datetime, end: datetime, limit: int) -> Sample:  # noqa: ARG002 - the interface of samples
        return Sample(pa.table({}), pa.table({}), 1)


UNMEASURED = Unmeasured()
