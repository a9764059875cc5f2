"""Spans of some of the traces keep their parents and what was logged in them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wellkept.ops.diagnose.traces import Spans


def spans(traces: list[int]) -> Spans:
    """Chains: each span is the child of the one before it in its trace; a line in each."""
    trace = np.sort(np.array(traces, dtype=np.int64))
    row = np.arange(len(trace))
    parent = np.where(np.concatenate([[False], trace[1:] == trace[:-1]]), row - 1, -1)
    false = np.zeros(len(trace), dtype=bool)
    return Spans(trace, parent, 0 * row, row, 10 * row, 10 * row + 5, false, false, false, row, 7 * row, {})


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_the_later_half_is_whole_traces_with_their_links(traces: list[int]) -> None:
    known = spans(traces)
    later = known.later_half()
    assert set(later.trace) == {t for t in set(known.trace) if t >= np.median(np.unique(known.trace))}
    assert len(later.trace) == np.isin(known.trace, later.trace).sum()
    inside = later.parent >= 0
    assert (later.op[later.parent[inside]] == later.op[inside] - 1).all()
    assert inside.sum() == len(later.trace) - len(set(later.trace))
    assert (7 * later.op[later.log_span] == later.log_template).all()
