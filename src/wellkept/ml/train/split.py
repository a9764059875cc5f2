"""What is trained on and what is held out: always the newer rows, in the way of the task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError

LEAST_CHOICES = 5
"""A user with fewer interactions gives none away."""


def split(table: pa.Table, request: Mapping[str, Any]) -> tuple[pa.Table, pa.Table]:
    """The rows to train on and those to judge by; sorted by time where there is one.

    Raises:
        InputError: there is nothing left on one side.
    """
    if "time" in table.column_names:
        table = table.sort_by("time")
    if request["task"] == "forecasting":
        older = _before_the_horizon(table, request["horizon"])
    elif request["task"] == "ranking":
        older = _but_the_last(table[request["user"]].to_numpy(), request["ranking_held_out"])
    else:
        cut = _cut(table, request["held_out"], request["since"])
        held_out = table.slice(cut)
        trained = of_others(known_by(table, cut, request["embargo_s"]), held_out, request["group_by"])
        if not trained.num_rows:
            rule = "must return rows enough to train on and to hold some out"
            if request["group_by"] and cut:
                rule = "must return rows of other values of group_by than the held-out ones, to train on"
            raise InputError("load(window)", rule, f"{table.num_rows} rows")
        return trained, held_out
    trained, held_out = table.filter(pa.array(older)), table.filter(pa.array(~older))
    if not trained.num_rows or not held_out.num_rows:
        rule = f"must return rows enough to train a {request['task']} model on and to hold some out"
        raise InputError("load(window)", rule, f"{trained.num_rows} and {held_out.num_rows}")
    return trained, held_out


def of_others(older: pa.Table, held_out: pa.Table, group: str | None) -> pa.Table:
    """The rows to train on without those of customers (or whatever is grouped by) that are held out."""
    if not group:
        return older
    return older.filter(pc.invert(pc.is_in(older[group], held_out[group].combine_chunks())))


def _cut(table: pa.Table, held_out: float, since: float | None) -> int:
    """How many of the oldest rows are trained on.

    After the world has changed, both sides need rows of the new one: those since then are cut in the middle.
    """
    count: int = table.num_rows
    if since is not None and "time" in table.column_names:
        recent = int((seconds_of(table) >= since).sum())
        if recent >= 2:
            return count - recent // 2
    return count - max(1, round(count * held_out))


def known_by(table: pa.Table, cut: int, embargo_s: float) -> pa.Table:
    """The rows before the cut whose truth was known when the rows after it began."""
    if not embargo_s or "time" not in table.column_names:
        return table.slice(0, cut)
    seconds = seconds_of(table)
    known = int(np.searchsorted(seconds[:cut], seconds[cut] - embargo_s, side="right"))
    if not known:
        rule = "must return rows older than the label's delay before the held-out ones (label.embargo)"
        raise InputError("load(window)", rule)
    return table.slice(0, known)


def seconds_of(table: pa.Table) -> NDArray[np.float64]:
    """The rows' times in seconds since the epoch."""
    micros = table["time"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    return np.asarray(micros / 1e6, dtype=np.float64)


def moments_of(table: pa.Table) -> NDArray[np.float64]:
    """The distinct times, ascending."""
    return np.unique(seconds_of(table))


def _before_the_horizon(table: pa.Table, horizon: int) -> NDArray[np.bool_]:
    """The newest ``horizon`` moments are what would have had to be foretold."""
    moments = moments_of(table)
    if len(moments) <= horizon:
        return np.zeros(table.num_rows, dtype=np.bool_)
    return np.asarray(seconds_of(table) < moments[-horizon])


def _but_the_last(user: NDArray[Any], share: float) -> NDArray[np.bool_]:
    """All but each user's last choices; rows are in the order of time."""
    _, code, count = np.unique(user, return_inverse=True, return_counts=True)
    order = np.argsort(code, kind="stable")
    nth = np.empty(len(user), dtype=np.int64)
    nth[order] = np.arange(len(user)) - np.repeat(np.r_[0, np.cumsum(count)[:-1]], count)
    given_away = np.where(count >= LEAST_CHOICES, np.maximum(1, np.round(count * share)), 0).astype(np.int64)
    return np.asarray(nth < (count - given_away)[code])
