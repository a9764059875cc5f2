"""Streams of a model's inputs, scores and labels with a known change: what drift, estimates and retraining are told by.

The inputs are correlated (two factors and noise of their own) and of several marginals, the last quarter of them are
categories (whole numbers from 0). A thousand rows are a day. The model is fitted on the first quarter of the rows,
before any change. Seeds 0 to 99 are there to choose constants on; from 100 on they report.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Score = Callable[[Floats], Floats]

KNOWN = ("none", "sudden", "gradual", "incremental", "recurring", "feature_only", "label_only", "broken_pipe")
ROWS_A_DAY = 1000
DAY_S = 86_400.0
EPOCH_S = 1_767_225_600.0
"""The first of January 2026."""
TRAINED = 0.25
REPORTED = 100
"""The first seed that reports."""


@dataclass(frozen=True, slots=True, eq=False)
class KnownStream:
    """n rows by time, of f features; NaN is null.

    ``change_at`` and ``end_at`` are rows: the first that is changed, and the first that is as before again (None: there
    is none). ``strength`` float64[n] says how much of the change each row has, from 0 to 1. ``matters``: whether the
    change costs the model anything. ``moved`` names the columns whose values are spread differently.
    """

    kind: str
    seed: int
    time: Floats
    x: Floats
    label: Floats
    names: tuple[str, ...]
    categories: dict[str, int]
    """Each category column's number of values."""
    trained: int
    """The model was fitted on the rows before this one."""
    score_of: Score
    change_at: int | None
    end_at: int | None
    strength: Floats
    moved: tuple[str, ...]
    matters: bool


@dataclass(frozen=True, slots=True)
class _World:
    """How inputs come to be, and labels of them: before the change, and after it."""

    loadings: Floats
    before: Floats
    after: Floats
    shift: Floats
    intercept: float
    wobble: float
    """How much a day differs from the next, in standard deviations of a factor."""


def make(kind: str, seed: int, *, rows: int = 60_000, features: int = 12) -> KnownStream:
    """A stream of one of the ``KNOWN`` kinds; the same seed gives the same stream.

    Raises:
        ValueError: an unknown kind, fewer than 4 features, or fewer rows than eight days have.
    """
    if kind not in KNOWN:
        raise ValueError(f"kind of a known stream must be one of {', '.join(KNOWN)}, got {kind!r}")
    if features < 4 or rows < 8 * ROWS_A_DAY:
        raise ValueError(f"a known stream must have 4 features and {8 * ROWS_A_DAY} rows, got {features} and {rows}")
    random = np.random.default_rng([17, KNOWN.index(kind), seed])
    matters = kind != "none" and not (kind == "feature_only" and seed % 2 == 1)
    world = _world(kind, features, random, matters=matters)
    start, end, strength = _when(kind, rows, random)
    days = np.arange(rows) // ROWS_A_DAY
    own = _own(world, rows, days, random) + strength[:, None] * world.shift
    weights = world.before + strength[:, None] * (world.after - world.before)
    logit = world.intercept + (own * weights).sum(axis=1) + 0.5 * own[:, 0] * own[:, 1]
    label = (random.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.float64)
    numeric = features - features // 4
    x = np.stack([_marginal(own[:, i], i if i < numeric else -1, i) for i in range(features)], axis=1)
    names = tuple(f"{'f' if i < numeric else 'c'}{i}" for i in range(features))
    moved = np.flatnonzero(world.shift)
    if kind == "broken_pipe":
        moved = _break(x, np.flatnonzero(strength), numeric, random)
    trained = int(rows * TRAINED)
    return KnownStream(
        kind=kind,
        seed=seed,
        time=EPOCH_S + (np.arange(rows) + random.random(rows)) * DAY_S / ROWS_A_DAY,
        x=x,
        label=label,
        names=names,
        categories={names[i]: _levels(i) for i in range(numeric, features)},
        trained=trained,
        score_of=fit(x[:trained], label[:trained]),
        change_at=start,
        end_at=end,
        strength=strength,
        moved=tuple(names[i] for i in moved),
        matters=matters,
    )


def fit(x: Floats, label: Floats) -> Score:
    """A model of float64[n, f] and labels of 0 and 1: gives probabilities float64[n]."""
    import lightgbm

    wanted = {"objective": "binary", "num_leaves": 15, "min_data_in_leaf": 60, "learning_rate": 0.1, "verbose": -1,
              "num_threads": 1, "deterministic": True, "seed": 1}  # fmt: skip
    model = lightgbm.train(wanted, lightgbm.Dataset(x, label), num_boost_round=60)
    return lambda rows: np.asarray(model.predict(rows, num_threads=1), dtype=np.float64)


def _world(kind: str, features: int, random: np.random.Generator, *, matters: bool) -> _World:
    """The first half of the numeric columns and the first category matter to the label, the others do not."""
    numeric = features - features // 4
    important = np.zeros(features, dtype=bool)
    important[: max(2, numeric // 2)] = True
    important[numeric : numeric + 1] = True
    signs = random.choice([-1.0, 1.0], features)
    before = np.where(important, random.uniform(0.3, 1.0, features) * signs, 0.0)
    after = before.copy()
    if kind in ("sudden", "gradual", "incremental", "recurring", "label_only"):
        turned = random.permutation(np.flatnonzero(important))[: max(2, important.sum() // 2)]
        after[turned] = -before[turned]
    shift = np.zeros(features)
    if kind not in ("none", "label_only", "broken_pipe"):
        pool = np.flatnonzero(important if matters else ~important)
        chosen = random.permutation(pool)[:2]
        shift[chosen] = random.uniform(0.4, 0.8, len(chosen)) * random.choice([-1.0, 1.0], len(chosen))
    wobble = float(random.choice([0.0, 0.05, 0.1]))
    loadings = random.uniform(-0.7, 0.7, (2, features))
    return _World(loadings, before, after, shift, float(random.uniform(-1.8, -0.8)), wobble)


def _own(world: _World, rows: int, days: NDArray[np.int64], random: np.random.Generator) -> Floats:
    """Standard normal values of each feature, correlated by two factors that wobble from day to day."""
    daily = world.wobble * random.normal(size=(int(days[-1]) + 1, 2))
    factors = random.normal(size=(rows, 2)) + daily[days]
    rest = np.sqrt(1 - (world.loadings**2).sum(axis=0))
    return np.asarray(factors @ world.loadings + rest * random.normal(size=(rows, len(rest))), dtype=np.float64)


def _when(kind: str, rows: int, random: np.random.Generator) -> tuple[int | None, int | None, Floats]:
    """The first changed row, the first that is as before again, and how much of the change each row has."""
    strength = np.zeros(rows)
    if kind == "none":
        return None, None, strength
    trained = int(rows * TRAINED)
    live = rows - trained
    start = trained + int(live * random.uniform(0.35, 0.6))
    end = None
    if kind == "gradual":
        chance = np.clip((np.arange(rows) - start) / (live / 4), 0, 1)
        strength[random.random(rows) < chance] = 1.0
    elif kind == "incremental":
        strength = np.clip((np.arange(rows) - start) / (live / 4), 0, 1)
    elif kind == "recurring":
        period = max(ROWS_A_DAY, live // 8)
        strength[start:] = ((np.arange(rows - start) // period) % 2 == 0).astype(np.float64)
        end = start + period
    elif kind == "broken_pipe":
        end = start + max(ROWS_A_DAY, live // 9)
        strength[start:end] = 1.0
    else:
        strength[start:] = 1.0
    return start, end, strength


def _break(x: Floats, rows: NDArray[np.int64], numeric: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Some numeric features, important ones among them, are stuck at a default or null, all at once."""
    broken = np.unique(np.concatenate([[0], random.choice(np.arange(1, numeric), min(2, numeric - 1), replace=False)]))
    for place in broken:
        x[rows, place] = np.nan if random.random() < 0.5 else 0.0
    return broken


def _levels(place: int) -> int:
    return 3 + 2 * (place % 4)


def _marginal(z: Floats, shape: int, place: int) -> Floats:
    """A feature of standard normal values: shapes are tried in turn; -1 is a category."""
    if shape == -1:
        cuts = np.linspace(-1.2, 1.6, _levels(place) - 1)
        return np.searchsorted(cuts, z).astype(np.float64)
    made = (
        100 + 15 * z,
        np.exp(0.6 * z),
        1 / (1 + np.exp(-1.7 * z)),
        np.floor(np.clip(6 + 2.5 * z, 0, None)),
        z + 0.15 * z**3,
        np.where(z < -0.3, 0.0, z + 0.3),
    )
    return np.asarray(made[shape % len(made)], dtype=np.float64)
