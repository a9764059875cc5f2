"""What is played: streams with a known change, and folders of recorded ones, recognised by their columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wellkept.evaluation.drift_play import Played
from wellkept.evaluation.streams_known import DAY_S, KnownStream, fit
from wellkept.kernel.errors import InputError

Floats = NDArray[np.float64]
LABELS = ("label", "target", "y", "up", "rain", "fraud", "churn")
"""A table's label is the first of these that it has, else its last column of zeros and ones."""
ORDER = ("time", "row", "day", "i")
"""What rows are in order of; never inputs."""
WARM, TRAINED = 0.35, 0.6
"""Which part of a recorded stream is trained on. What is before is left out, since counts over the past days are not
full there yet; what comes after is live."""
WINDOW_ROWS = 1000
FEWEST_WINDOWS = 6
MOST_TEXTS = 60
"""A column with more texts than this, or with names that end like those of a key, is no input."""
KEYS = ("_id", "id")


def played_of(stream: KnownStream) -> Played:
    """A known stream as it is played: windows of a day, labels known after six hours."""
    texts = {
        name: np.asarray([f"v{int(value)}" for value in stream.x[:, stream.names.index(name)]], dtype=object)
        for name in stream.categories
    }
    return Played(
        stream.names, stream.time, stream.x, stream.label, stream.trained, DAY_S, fit, texts, delay_s=DAY_S / 4
    )


def table_of(folder: Path) -> pl.DataFrame:
    """The one table of a folder; of several that share a key, joined by it.

    Raises:
        InputError: there is none with a label.
    """
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise InputError(f"folder {folder}", "must hold Parquet files")
    tables = [pl.read_parquet(file) for file in files]
    table = max(tables, key=lambda one: (label_of(one) is not None, one.height))
    for other in tables:
        shared = [name for name in other.columns if name in table.columns]
        if other is not table and len(shared) == 1 and other.height == table.height:
            table = table.join(other, on=shared[0], how="inner")
    if label_of(table) is None:
        raise InputError(f"folder {folder}", "must hold a table with a column of zeros and ones, the label")
    return table


def label_of(table: pl.DataFrame) -> str | None:
    """The column that is to be predicted."""
    found = [name for name in table.columns if _is_binary(table[name])]
    named = [name for name in LABELS if name in found]
    return named[0] if named else found[-1] if found else None


def is_in_time(table: pl.DataFrame) -> bool:
    """Whether the rows have an order; a snapshot has none."""
    return any(name in table.columns for name in ORDER)


def played_table(table: pl.DataFrame, order: NDArray[np.int64] | None = None) -> Played:
    """A table as a stream: a row is a moment where it has no times, and a window a thousand rows, or fewer in a small
    one. ``order`` shuffles the rows.

    Raises:
        InputError: there are too few rows.
    """
    label = label_of(table)
    assert label is not None
    by = next((name for name in ORDER if name in table.columns), None)
    if by is not None:
        table = table.sort(by, maintain_order=True)
    table = table[int(WARM * table.height) :] if order is None else table[order]
    time, window_s = _times(table, shuffled=order is not None)
    trained = int((TRAINED - WARM) / (1 - WARM) * table.height)
    names = [name for name in table.columns if name not in (*ORDER, label) and not name.endswith(KEYS)]
    names = [name for name in names if not _tells_all(table[name], table[label])]
    texts = {name: _texts(table[name]) for name in names if table[name].dtype == pl.String}
    names = [name for name in names if name not in texts or len(set(texts[name])) <= MOST_TEXTS]
    if table.height < FEWEST_WINDOWS * 200 or not names:
        raise InputError("a table of a stream", f"must have inputs and {FEWEST_WINDOWS * 200} rows", table.height)
    x = np.stack([_numbers(table[name], texts.get(name)) for name in names], axis=1)
    return Played(
        tuple(_column(name) for name in names),
        time,
        x,
        table[label].cast(pl.Float64).to_numpy(),
        trained,
        window_s,
        fit,
        {_column(name): texts[name] for name in names if name in texts},
    )


def started_to_move(played: Played) -> int | None:
    """The live row from which on inputs that were constant until then move: the one change that is certain.

    None where there is no such input.
    """
    found = []
    for place in range(len(played.names)):
        moved = np.flatnonzero(played.x[:, place] != played.x[0, place])
        if len(moved) and moved[0] > played.trained:
            found.append(int(moved[0]))
    return min(found) if found else None


def _times(table: pl.DataFrame, *, shuffled: bool) -> tuple[Floats, float]:
    """Seconds of each row, and of a window."""
    rows = min(WINDOW_ROWS, table.height // (2 * FEWEST_WINDOWS))
    if "time" in table.columns and table["time"].dtype.is_temporal() and not shuffled:
        time = table["time"].cast(pl.Datetime("ms")).cast(pl.Int64).to_numpy() / 1000.0
        day = len(time) / max(1.0, (time[-1] - time[0]) / DAY_S)
        return time, DAY_S * max(1.0, np.ceil(rows / day))
    return np.arange(table.height, dtype=np.float64) * DAY_S / rows, DAY_S


def _texts(values: pl.Series) -> NDArray[np.object_]:
    return np.asarray(values.to_list(), dtype=object)


def _numbers(values: pl.Series, texts: NDArray[np.object_] | None) -> Floats:
    """Numbers for the model; texts are numbered by their order, and a null is NaN."""
    if texts is None:
        return np.asarray(values.cast(pl.Float64).fill_null(float("nan")).to_numpy(), dtype=np.float64)
    known: Sequence[str] = sorted({text for text in texts if text is not None})
    place = {text: float(index) for index, text in enumerate(known)}
    return np.asarray([np.nan if text is None else place[text] for text in texts], dtype=np.float64)


def _tells_all(values: pl.Series, label: pl.Series) -> bool:
    """Whether a column is another word for the label."""
    return values.dtype.is_integer() and bool(((values != 0) == (label != 0)).all())


def _column(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter == "_" else "_" for letter in name)


def _is_binary(values: pl.Series) -> bool:
    return values.dtype.is_integer() and values.n_unique() == 2 and set(values.unique().to_list()) == {0, 1}
