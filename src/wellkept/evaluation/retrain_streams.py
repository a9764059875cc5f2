"""Streams that a model lives through: what `eval retrain` replays, read from folders by their columns, or generated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wellkept.evaluation import streams_known
from wellkept.kernel.errors import InputError

Floats = NDArray[np.float64]
DAY_S, WEEK_S = 86_400.0, 7 * 86_400.0
MONTH_S = 30 * DAY_S
CHURN_ROWS_A_DAY, CHURN_SEED = 30, 3
ELEC2_STEP_S = 1800.0
WARM_UP_S = 5 * WEEK_S
"""Windows of 30 days that end 7 days ago are nearly full by then."""


@dataclass(frozen=True, slots=True, eq=False)
class LiveStream:
    """n rows by time, with the truth of each.

    ``time`` is float64[n] in seconds from the first row, ``x`` float64[n, f]. A policy looks every ``tick_s``; the
    natural period, after which "weekly" retrains, is ``period_s``. The truth is known ``delay_s`` after the row. The
    first model is trained on the first ``first_s``, and live ``delay_s`` later. ``counted`` are the rows that
    performance is told of. ``drifts``: True where the world is known to change, False where it is known not to.
    """

    name: str
    task: str
    """``binary_classification`` or ``forecasting``."""
    metric: str
    time: Floats
    x: Floats
    label: Floats
    tick_s: float
    period_s: float
    delay_s: float
    first_s: float
    counted: NDArray[np.bool_]
    drifts: bool | None


def folders(data: Path) -> list[Path]:
    """A folder that is recognised, or those directly below it that are.

    Raises:
        InputError: nothing is recognised.
    """
    found = [one for one in (data, *sorted(data.iterdir())) if one.is_dir() and _reader(one) is not None]
    if not found:
        rule = "must hold a stream that is recognised (cards, Elec2, daily weather, demand, churn), or folders of such"
        raise InputError(f"--data {data}", rule)
    return found


def read(folder: Path) -> LiveStream:
    """The stream of one folder (see :func:`folders`)."""
    reader = _reader(folder)
    assert reader is not None
    return reader(folder)


def generated(kind: str, seed: int, rows: int) -> LiveStream:
    """A generated stream with a known change; a thousand rows are a day, and the truth is known a day later."""
    made = streams_known.make(kind, seed, rows=rows)
    time = made.time - made.time[0]
    return LiveStream(
        name=kind,
        task="binary_classification",
        metric="roc_auc",
        time=time,
        x=made.x,
        label=made.label,
        tick_s=DAY_S,
        period_s=WEEK_S,
        delay_s=DAY_S,
        first_s=float(np.ceil(time[made.trained] / DAY_S) * DAY_S),
        counted=np.ones(len(time), dtype=np.bool_),
        drifts=made.matters and kind != "broken_pipe",
    )


def _reader(folder: Path) -> Callable[[Path], LiveStream] | None:
    return next((reader for files, columns, reader in _KNOWN if _has(folder, files, columns)), None)


def _has(folder: Path, file: str, columns: frozenset[str]) -> bool:
    import pyarrow.parquet as pq

    path = folder / file
    return path.is_file() and columns <= set(pq.read_schema(path).names)


def _table(folder: Path, file: str) -> dict[str, NDArray]:  # type: ignore[type-arg]
    import pyarrow.parquet as pq

    table = pq.read_table(folder / file)
    return {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}


def _cards(folder: Path) -> LiveStream:
    """Card payments, by the protocol of the fraud handbook: 7 days of training, 7 of delay.

    Cards that are known to be compromised do not count: those with a fraud between the start of the training week
    (three weeks before the end of a test week) and seven days before the day. Where the part begins with the simulation
    itself, the features have no past yet: its first weeks are left out.
    """
    rows, features = _table(folder, "transactions.parquet"), _table(folder, "features.parquet")
    names = [name for name in features if name != "tx_id"]
    place = np.searchsorted(features["tx_id"], rows["tx_id"])
    x = np.column_stack([features[name][place].astype(np.float64) for name in names])
    x = np.column_stack([rows["amount_cents"] / 100.0, x])
    moment = rows["time"].astype("datetime64[ms]").astype(np.int64) / 1000.0
    time = moment - np.floor(moment[0] / DAY_S) * DAY_S
    label = rows["fraud"].astype(np.float64)
    counted = ~_compromised(time, rows["customer_id"], label)
    if not features["terminal_n_30d"][: len(time) // 50].any():
        warm = time >= WARM_UP_S
        time, x, label, counted = time[warm] - WARM_UP_S, x[warm], label[warm], counted[warm]
    return LiveStream(
        name=folder.name,
        task="binary_classification",
        metric="average_precision",
        time=time,
        x=x,
        label=label,
        tick_s=DAY_S,
        period_s=WEEK_S,
        delay_s=WEEK_S,
        first_s=WEEK_S,
        counted=counted,
        drifts=False,
    )


def _compromised(time: Floats, card: NDArray[np.int64], label: Floats) -> NDArray[np.bool_]:
    """Rows of cards with a fraud that was known by then and not before the training week of that test week."""
    day = np.floor(time / DAY_S).astype(np.int64)
    week = day // 7
    pairs = np.unique(np.stack([card, day])[:, label > 0], axis=1)
    spread = day.max() + 2
    table = np.zeros((int(card.max()) + 1, int(spread)), dtype=np.int32)
    table[pairs[0], pairs[1] + 1] = 1
    table = table.cumsum(axis=1, dtype=np.int32)
    until = np.clip(day - 7, 0, None)
    since = np.clip(7 * (week - 2), 0, None)
    return np.asarray(table[card, until] - table[card, np.minimum(since, until)] > 0)


def _elec2(folder: Path) -> LiveStream:
    rows = _table(folder, "stream.parquet")
    names = ("period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer")
    return _prequential(folder, rows, names, "up", (ELEC2_STEP_S, DAY_S, WEEK_S, 4 * WEEK_S))


def _weather(folder: Path) -> LiveStream:
    rows = _table(folder, "stream.parquet")
    names = tuple(sorted(name for name in rows if name.startswith("feat_")))
    return _prequential(folder, rows, names, "rain", (DAY_S, MONTH_S, MONTH_S, 24 * MONTH_S))


def _prequential(
    folder: Path,
    rows: dict[str, NDArray],  # type: ignore[type-arg]
    names: tuple[str, ...],
    label: str,
    spans: tuple[float, float, float, float],
) -> LiveStream:
    """A stream of two classes in the order of its rows; ``spans``: a row, a tick, a period, the first training."""
    step_s, tick_s, period_s, first_s = spans
    truth = rows[label].astype(np.float64)
    return LiveStream(
        name=folder.name,
        task="binary_classification",
        metric="accuracy",
        time=rows["row"].astype(np.float64) * step_s,
        x=np.column_stack([rows[name].astype(np.float64) for name in names]),
        label=truth,
        tick_s=tick_s,
        period_s=period_s,
        delay_s=DAY_S,
        first_s=first_s,
        counted=np.ones(len(truth), dtype=np.bool_),
        drifts=True,
    )


def _churn(folder: Path) -> LiveStream:
    """Customers in a shuffled order, some a day: nothing changes, and nothing can be gained but by more rows."""
    rows = _table(folder, "customers.parquet")
    order = np.random.default_rng(CHURN_SEED).permutation(len(rows["churn"]))
    columns = []
    for name, values in rows.items():
        if name in ("customer_id", "churn"):
            continue
        is_text = values.dtype == object
        numbers = np.unique(values.astype(str), return_inverse=True)[1] if is_text else values
        columns.append(np.asarray(numbers, dtype=np.float64)[order])
    return LiveStream(
        name=folder.name,
        task="binary_classification",
        metric="roc_auc",
        time=np.arange(len(order)) * DAY_S / CHURN_ROWS_A_DAY,
        x=np.nan_to_num(np.column_stack(columns)),
        label=rows["churn"].astype(np.float64)[order],
        tick_s=DAY_S,
        period_s=WEEK_S,
        delay_s=DAY_S,
        first_s=5 * WEEK_S,
        counted=np.ones(len(order), dtype=np.bool_),
        drifts=False,
    )


def _bikes(folder: Path) -> LiveStream:
    rows = _table(folder, "hourly.parquet")
    weather = np.unique(rows["weather"].astype(str), return_inverse=True)[1]
    known = [rows[name].astype(np.float64) for name in ("holiday", "workingday", "temp", "atemp", "hum", "windspeed")]
    return _demand(folder, rows["time"], rows["users"], np.column_stack([*known, weather]), 24)


def _electricity(folder: Path) -> LiveStream:
    rows = _table(folder, "half_hourly.parquet")
    known = np.column_stack([rows["temperature_c"].astype(np.float64), rows["holiday"].astype(np.float64)])
    return _demand(folder, rows["time_utc"], rows["demand_mw"], known, 48)


def _demand(folder: Path, moment: NDArray, values: NDArray, known: Floats, day: int) -> LiveStream:  # type: ignore[type-arg]
    """One series, a day ahead: what was a day and a week before, what is known of the day, and the clock."""
    seconds = moment.astype("datetime64[s]").astype(np.int64).astype(np.float64)
    truth = values.astype(np.float64)
    lags = [np.r_[np.full(lag, np.nan), truth[:-lag]] for lag in (day, 2 * day, 7 * day)]
    clock = [np.floor(seconds % DAY_S / (DAY_S / day)), np.floor(seconds / DAY_S) % 7]
    return LiveStream(
        name=folder.name,
        task="forecasting",
        metric="wape",
        time=seconds - seconds[0],
        x=np.column_stack([*lags, *clock, known]),
        label=truth,
        tick_s=DAY_S,
        period_s=WEEK_S,
        delay_s=DAY_S,
        first_s=8 * WEEK_S,
        counted=np.ones(len(truth), dtype=np.bool_),
        drifts=True,
    )


def _restaurants(folder: Path) -> LiveStream:
    """Daily visits of many places, a week ahead: what was on the same weekdays before, and the calendar."""
    rows, calendar = _table(folder, "visits.parquet"), _table(folder, "calendar.parquet")
    day = rows["date"].astype("datetime64[D]").astype(np.int64)
    place = np.unique(rows["store"].astype(str), return_inverse=True)[1]
    first = int(day.min())
    grid = np.full((place.max() + 1, int(day.max()) - first + 29), np.nan)
    grid[place, day - first + 28] = rows["visitors"]
    lags = [grid[place, day - first + 28 - lag] for lag in (7, 14, 21, 28)]
    weeks = np.column_stack(lags)
    known = np.isfinite(weeks)
    mean = np.where(known, weeks, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    free = dict(zip(calendar["date"].astype("datetime64[D]").astype(np.int64), calendar["holiday"], strict=True))
    holiday = np.array([float(free.get(one, False)) for one in day.tolist()])
    order = np.argsort(day, kind="stable")
    x = np.column_stack([*lags, np.where(known.any(axis=1), mean, np.nan), (day + 3) % 7, holiday])
    return LiveStream(
        name=folder.name,
        task="forecasting",
        metric="wape",
        time=np.asarray((day - first)[order] * DAY_S, dtype=np.float64),
        x=x[order],
        label=rows["visitors"].astype(np.float64)[order],
        tick_s=DAY_S,
        period_s=WEEK_S,
        delay_s=DAY_S,
        first_s=8 * WEEK_S,
        counted=np.ones(len(day), dtype=np.bool_),
        drifts=True,
    )


_KNOWN = (
    ("transactions.parquet", frozenset({"tx_id", "time", "customer_id", "amount_cents", "fraud"}), _cards),
    ("stream.parquet", frozenset({"row", "nswprice", "nswdemand", "vicprice", "transfer", "up"}), _elec2),
    ("stream.parquet", frozenset({"row", "feat_1", "feat_8", "rain"}), _weather),
    ("customers.parquet", frozenset({"customer_id", "tenure", "contract", "churn"}), _churn),
    ("hourly.parquet", frozenset({"time", "users", "temp", "windspeed"}), _bikes),
    ("half_hourly.parquet", frozenset({"time_utc", "demand_mw", "temperature_c"}), _electricity),
    ("visits.parquet", frozenset({"store", "date", "visitors"}), _restaurants),
)
"""File, columns of it, reader."""
