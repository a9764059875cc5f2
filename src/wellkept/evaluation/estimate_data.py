"""Labelled tables as streams that a model answers: weeks of payments, streams, customers in drawn windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from wellkept.evaluation.estimate_replay import Answered, Floats
from wellkept.evaluation.streams_known import DAY_S, fit
from wellkept.kernel.errors import InputError

WEEK_S = 7 * DAY_S
RISKS = "terminal_risk"
"""What the fraud table's columns begin with that come from one feature store."""
OUTAGE_EVERY = 4
FRAUD_FIRST, FRAUD_MODELS = 4, 3
"""The first week that a model is trained on (windows of its features are a month long), and how many models."""
WINDOW_ROWS = 2000
"""Rows of a window where there are no dates."""
WINDOWS = 30


def kind_of(folder: Path) -> str:
    """What a folder holds: ``fraud``, ``stream``, ``customers``, or nothing that is known (empty)."""
    if (folder / "transactions.parquet").is_file() and (folder / "features.parquet").is_file():
        return "fraud"
    if (folder / "stream.parquet").is_file():
        return "stream"
    return "customers" if (folder / "customers.parquet").is_file() else ""


def cases(folder: Path) -> Iterator[tuple[Answered, float]]:
    """The streams of a folder, each with the length of its windows in seconds.

    Raises:
        InputError: the folder holds no table that is known.
    """
    kind = kind_of(folder)
    if kind == "fraud":
        yield from _fraud(folder)
    elif kind == "stream":
        yield _stream(folder)
    elif kind == "customers":
        yield from _customers(folder)
    else:
        rule = "must hold transactions.parquet and features.parquet, stream.parquet, or customers.parquet"
        raise InputError(f"folder {folder}", rule)


def _fraud(folder: Path) -> Iterator[tuple[Answered, float]]:
    """Models trained on one week each answer all weeks from a week after that on; labels come after a week.

    The second stream of each is the same, but that in every fourth week the terminals' risk is stuck at its default, as
    when its feature store does not answer in time: the model is asked anew.
    """
    import polars as pl

    transactions = pl.read_parquet(folder / "transactions.parquet").sort("time")
    table = transactions.join(pl.read_parquet(folder / "features.parquet"), on="tx_id", maintain_order="left")
    names = ["amount_cents", *(name for name in pl.read_parquet_schema(folder / "features.parquet") if name != "tx_id")]
    x = table.select(names).to_numpy().astype(np.float64)
    label = table["fraud"].to_numpy().astype(np.float64)
    at = table["time"].dt.epoch("ms").to_numpy().astype(np.float64) / 1000
    for number in range(FRAUD_MODELS):
        began = at[0] + (FRAUD_FIRST + number) * WEEK_S
        trained = (at >= began) & (at < began + WEEK_S)
        live = at >= began + 2 * WEEK_S
        model = fit(x[trained], label[trained])
        week = ((at[live] - at[live][0]) // WEEK_S).astype(np.int64)
        is_out = week % OUTAGE_EVERY == OUTAGE_EVERY - 1
        risks = [k for k, column in enumerate(names) if column.startswith(RISKS)]
        for name, out in (("healthy", np.zeros_like(is_out)), ("outage", is_out)):
            asked = x[live].copy()
            asked[np.ix_(out, risks)] = 0.0
            said = Answered(name, at[live], asked, model(asked), label[live], WEEK_S, x[trained], names, out,
                            np.zeros_like(out), at[trained])  # fmt: skip
            yield said, WEEK_S
            yield replace(said, metric="average_precision"), WEEK_S


def _stream(folder: Path) -> tuple[Answered, float]:
    """A model trained on the first quarter; windows of two thousand rows, and labels are one window late."""
    import polars as pl

    table = pl.read_parquet(folder / "stream.parquet").sort("row")
    target = table.columns[-1]
    names = [name for name in table.columns if name not in ("row", "day", target)]
    x, label = table.select(names).to_numpy().astype(np.float64), table[target].to_numpy().astype(np.float64)
    first = len(label) // 4
    at = np.arange(len(label), dtype=np.float64)
    score = fit(x[:first], label[:first])(x[first:])
    unknown = np.zeros(len(label) - first, dtype=bool)
    delay = float(WINDOW_ROWS)
    return Answered(
        folder.name, at[first:], x[first:], score, label[first:], delay, x[:first], names, unknown, unknown
    ), delay


def _customers(folder: Path) -> Iterator[tuple[Answered, float]]:
    """A model trained on one half; customers of the other are drawn into windows, evenly, and then by another mix.

    The table has no dates. In the second stream later windows draw customers with short contracts ever more often:
    inputs shift, and their relation to the label does not.
    """
    import polars as pl

    table = pl.read_parquet(folder / "customers.parquet")
    target = table.columns[-1]
    kept = table.drop(table.columns[0], target)
    x = np.column_stack([_coded(kept[name]) for name in kept.columns])
    label = table[target].to_numpy().astype(np.float64)
    random = np.random.default_rng(20)
    order = random.permutation(len(label))
    ours, rest = order[: len(order) // 2], order[len(order) // 2 :]
    model = fit(x[ours], label[ours])
    short = -x[rest][:, kept.columns.index("tenure")] if "tenure" in kept.columns else x[rest][:, 0]
    rank = np.argsort(np.argsort(short)) / len(short)
    for name, lean in (("evenly drawn", 0.0), ("drawn by another mix", 1.5)):
        parts = []
        for window in range(WINDOWS):
            weight = np.exp(lean * window / WINDOWS * rank)
            parts.append(rest[random.choice(len(rest), WINDOW_ROWS, p=weight / weight.sum())])
        rows = np.concatenate(parts)
        at = np.arange(len(rows), dtype=np.float64)
        none = np.zeros(len(rows), dtype=bool)
        yield Answered(name, at, x[rows], model(x[rows]), label[rows], float(WINDOW_ROWS), x[ours], kept.columns, none,
                       none), float(WINDOW_ROWS)  # fmt: skip


def _coded(column: Any) -> Floats:
    """A column as numbers: words by their order in the alphabet."""
    import polars as pl

    if column.dtype == pl.String:
        known = sorted(set(column.drop_nulls().to_list()))
        codes = {word: float(number) for number, word in enumerate(known)}
        return np.array([codes.get(word, np.nan) for word in column.to_list()])
    return np.asarray(column.cast(pl.Float64).fill_null(float("nan")).to_numpy(), dtype=np.float64)
