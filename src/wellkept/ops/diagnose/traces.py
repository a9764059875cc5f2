"""Sampled traces of a healthy and of a troubled time, as arrays: who is whose parent, in which service, doing what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkept.store.telemetry.samples import Sample

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SEVERE = 13
"""Warnings and worse (OpenTelemetry's severity numbers)."""


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """The spans of one time, all arrays alike: [N].

    ``parent`` is a row, or -1; ``service`` and ``op`` are codes of ``Traces``; times are nanoseconds. ``log_span`` and
    ``log_template`` are pairs: what was logged within which span.
    """

    trace: Ints
    parent: Ints
    service: Ints
    op: Ints
    start: Ints
    end: Ints
    answers: Bools
    asks: Bools
    failed: Bools
    log_span: Ints
    log_template: Ints
    ids: Mapping[int, str] = field(default_factory=dict)
    """The ids of the traces whose root was seen, by the code of the trace."""

    def name_of(self, trace: int) -> str:
        """A trace's id; empty where its root was not seen."""
        return self.ids.get(trace, "")

    @property
    def traces(self) -> int:
        """How many traces there are."""
        return len(np.unique(self.trace))

    def of_traces(self, wanted: Bools) -> Spans:
        """The spans of some traces: a truth for each code of a trace."""
        kept = wanted[self.trace]
        row = np.where(kept, np.cumsum(kept) - 1, -1)
        logged = kept[self.log_span]
        above = np.where(self.parent >= 0, row[self.parent], -1)
        return Spans(
            trace=self.trace[kept],
            parent=above[kept],
            service=self.service[kept],
            op=self.op[kept],
            start=self.start[kept],
            end=self.end[kept],
            answers=self.answers[kept],
            asks=self.asks[kept],
            failed=self.failed[kept],
            log_span=row[self.log_span[logged]],
            log_template=self.log_template[logged],
            ids=self.ids,
        )

    def later_half(self) -> Spans:
        """The half of the traces that began later."""
        began = np.full(int(self.trace.max()) + 1, np.iinfo(np.int64).max)
        np.minimum.at(began, self.trace, self.start)
        return self.of_traces(began >= np.median(began[np.unique(self.trace)]))

    def remote(self) -> Bools:
        """Whether a span's parent is a span of another service."""
        known = self.parent >= 0
        found = np.zeros(len(self.parent), dtype=bool)
        found[known] = self.service[known] != self.service[self.parent[known]]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Traces:
    """Two times under the same codes. An operation is a span's name within a service."""

    before: Spans
    during: Spans
    services: tuple[str, ...]
    op_service: Ints
    op_names: tuple[str, ...]
    templates: tuple[str, ...]
    is_severe: Bools
    knows_failures: bool
    """Whether any span of either time says that it failed; else failures are simply not told by spans."""


def traces(before: Sample, during: Sample) -> Traces | None:
    """The two samples under common codes; None where one of them holds no spans."""
    if before.spans.num_rows == 0 or during.spans.num_rows == 0:
        return None
    both = pa.concat_tables([before.spans, during.spans])
    logs = pa.concat_tables([before.logs, during.logs])
    services, service = _coded(both["entity"])
    names, name = _coded(both["name"])
    pairs, op = np.unique(service * len(names) + name, return_inverse=True)
    templates, template = _coded(logs["template"])
    severe = np.zeros(len(templates), dtype=bool)
    np.logical_or.at(severe, template, logs["severity"].to_numpy() >= SEVERE)
    cut, log_cut = before.spans.num_rows, before.logs.num_rows
    return Traces(
        before=_spans(before, service[:cut], op[:cut], template[:log_cut]),
        during=_spans(during, service[cut:], op[cut:], template[log_cut:]),
        services=tuple(services),
        op_service=(pairs // len(names)).astype(np.int64),
        op_names=tuple(names[pair % len(names)] for pair in pairs),
        templates=tuple(templates),
        is_severe=severe,
        knows_failures=bool(both["failed"].to_numpy().any()),
    )


def _spans(sample: Sample, service: Ints, op: Ints, template: Ints) -> Spans:
    table = sample.spans
    ids, start = table["span"].to_numpy(), table["start"].to_numpy()
    log_span = _rows_of(sample.logs["span"].to_numpy(), ids)
    inside = log_span >= 0
    trace = np.unique(table["trace"].to_numpy(), return_inverse=True)[1].astype(np.int64)
    roots = zip(trace.tolist(), table["trace_id"].to_pylist(), strict=True)
    return Spans(
        trace=trace,
        parent=_rows_of(table["parent"].to_numpy(), ids),
        service=service,
        op=op,
        start=start,
        end=start + table["duration"].to_numpy(),
        answers=table["answers"].to_numpy().astype(bool),
        asks=table["asks"].to_numpy().astype(bool),
        failed=table["failed"].to_numpy().astype(bool),
        log_span=log_span[inside],
        log_template=template[inside],
        ids={code: name for code, name in roots if name},
    )


def _rows_of(wanted: NDArray[np.uint64], ids: NDArray[np.uint64]) -> Ints:
    """The row of each wanted id, -1 where it is not there."""
    order = np.argsort(ids, kind="stable")
    at = np.minimum(np.searchsorted(ids[order], wanted), len(ids) - 1)
    rows = order[at]
    return np.where(ids[rows] == wanted, rows, -1).astype(np.int64)


def _coded(column: pa.ChunkedArray) -> tuple[list[str], Ints]:
    """The distinct texts in alphabetical order, and each row's."""
    words = sorted(pc.unique(column).to_pylist())
    codes = pc.index_in(column, pa.array(words, column.type))
    return words, codes.to_numpy().astype(np.int64)
