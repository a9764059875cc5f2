"""What a model was trained on, in a few numbers: the yardstick for what it is served with later."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.drift.calibrate import Wobble, wobble

FILE = "reference.json"
SCORE = ""
"""The name under which the scores stand beside the features."""
BINS = 10
MOST_WINDOWS, LEAST_WINDOWS = 60, 8
"""A reference's own windows: as long as those that are judged later, shorter where it has fewer than eight of them."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Distribution:
    """One feature (or the scores) as it was.

    Of a numeric column ``edges`` are quantiles, without repeats; ``counts`` has one more, and bin ``b`` holds the
    values above exactly ``b`` edges. Of a category column ``edges`` is empty, and ``counts`` has one more than
    ``categories``, the last for all other texts. ``nulls`` is the share of rows without a value; ``top_share`` that of
    the most common value. ``importance`` is the feature's share of what all of them do to the score (None: not known),
    ``wobble`` how much the reference's own windows differ.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    nulls: float
    top_share: float
    categories: tuple[str, ...] = ()
    importance: float | None = None
    wobble: Wobble = field(default_factory=Wobble)

    @property
    def rows(self) -> int:
        return sum(self.counts)

    @property
    def is_category(self) -> bool:
        return bool(self.categories)

    @property
    def bins(self) -> Floats:
        """The counts as float64[B]."""
        return np.asarray(self.counts, dtype=np.float64)


Reference = Mapping[str, Distribution]


def make_reference(
    rows: Floats,
    features: Sequence[str],
    scores: Floats,
    *,
    at: Floats | None = None,
    scored_at: Floats | None = None,
    window_s: float = 3600.0,
    importance: Mapping[str, float] | None = None,
) -> dict[str, Distribution]:
    """The distributions of float64[n, features] (NaN is null) and of scores.

    ``at`` and ``scored_at`` are when the rows and the scores were, in seconds: with them it is told how much windows of
    ``window_s`` differ among themselves. The scores' own windows are few, and they move with the inputs: they are taken
    to differ at least as much as the inputs do on the average.
    """
    known = importance or {}
    found = {
        name: replace(distribution(rows[:, place], at, window_s), importance=known.get(name))
        for place, name in enumerate(features)
    }
    score = distribution(scores, scored_at, window_s)
    told = [entry.wobble for entry in found.values() if entry.wobble.windows > score.wobble.windows]
    if told:
        of_inputs = Wobble(
            max(score.wobble.divergence, float(np.mean([one.divergence for one in told]))),
            max(score.wobble.ordered, float(np.mean([one.ordered for one in told]))),
            max(one.windows for one in told),
        )
        score = replace(score, wobble=of_inputs)
    return {**found, SCORE: score}


def distribution(values: Floats, at: Floats | None = None, window_s: float = 3600.0) -> Distribution:
    """The distribution of one column of numbers; ``at`` is when each row was, in seconds."""
    is_known = np.isfinite(values)
    known = values[is_known]
    nulls = 1.0 - len(known) / len(values) if len(values) else 0.0
    if len(known) == 0:
        return Distribution((), (0,), nulls, 0.0)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))
    places = np.searchsorted(edges, known, side="left")
    counts = np.bincount(places, minlength=len(edges) + 1)
    _, repeats = np.unique(known, return_counts=True)
    return Distribution(
        tuple(float(edge) for edge in edges),
        tuple(int(count) for count in counts),
        nulls,
        float(repeats.max() / len(known)),
        wobble=Wobble() if at is None else wobble(windows(places, len(counts), at[is_known], window_s)),
    )


def categories(values: Sequence[str | None], at: Floats | None = None, window_s: float = 3600.0) -> Distribution:
    """The distribution of a column of texts: the commonest are told apart, all others are one."""
    texts = np.asarray(["" if value is None else value for value in values], dtype=object)
    is_known = np.asarray([value is not None for value in values], dtype=bool)
    names, counts = np.unique(texts[is_known].astype(str), return_counts=True)
    if not len(names):
        return Distribution((), (0,), float(len(values) > 0), 0.0)
    kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_CATEGORIES])
    place = {str(name): index for index, name in enumerate(names[kept])}
    places = np.asarray([place.get(text, len(place)) for text in texts[is_known]], dtype=np.int64)
    bins = np.bincount(places, minlength=len(place) + 1)
    return Distribution(
        (),
        tuple(int(count) for count in bins),
        1.0 - float(is_known.mean()),
        float(counts.max() / counts.sum()),
        tuple(place),
        wobble=Wobble() if at is None else wobble(windows(places, len(bins), at[is_known], window_s)),
    )


MOST_CATEGORIES = 50


def windows(places: NDArray[np.int64], bins: int, at: Floats, window_s: float) -> NDArray[np.int64]:
    """The counts of a column's own windows by time, int[K, bins]; at most ``MOST_WINDOWS``, spread over the whole."""
    if not len(at) or at.max() <= at.min():
        return np.zeros((0, bins), dtype=np.int64)
    span = float(at.max() - at.min())
    length = min(window_s, span / LEAST_WINDOWS)
    number = np.minimum(((at - at.min()) / length).astype(np.int64), int(span / length))
    total = int(number.max()) + 1
    chosen = np.unique(np.linspace(0, total - 1, min(total, MOST_WINDOWS)).astype(np.int64))
    row = np.full(total, -1)
    row[chosen] = np.arange(len(chosen))
    mine = row[number]
    held = mine >= 0
    flat = np.bincount(mine[held] * bins + places[held], minlength=len(chosen) * bins)
    return flat.reshape(len(chosen), bins)


def write_reference(reference: Reference, folder: Path) -> None:
    """Put a reference beside a model's files."""
    text = json.dumps({name: asdict(entry) for name, entry in reference.items()}, sort_keys=True)
    (folder / FILE).write_text(text, encoding="utf-8")


def parse_reference(data: bytes) -> dict[str, Distribution]:
    """A reference from the bytes of its file; files of before know neither categories nor importance nor wobble."""
    return {name: _parsed(entry) for name, entry in json.loads(data).items()}


def _parsed(entry: Mapping[str, Any]) -> Distribution:
    return Distribution(
        tuple(entry["edges"]),
        tuple(entry["counts"]),
        entry["nulls"],
        entry["top_share"],
        tuple(entry.get("categories", ())),
        entry.get("importance"),
        Wobble(**entry.get("wobble", {})),
    )
