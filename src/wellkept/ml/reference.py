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
from wellkept.ml.drift.importance import Score, importance
from wellkept.ml.drift.joint import Joint, joint, rank_values
from wellkept.ml.drift.relation import Relation, relation

FILE = "reference.json"
SCORE = ""
"""The name under which the scores stand beside the features."""
BINS = 10
MOST_WINDOWS, LEAST_WINDOWS = 60, 8
"""A reference's own windows: as long as those that are judged later, shorter where it has fewer than eight of them."""
PARTS = 6
"""Windows are told in so many parts, too."""
MOST_CATEGORIES = 50
MOST_JOINT = 20_000
"""Rows that suffice to tell how the columns hang together."""

SWINGS = 0.1
"""A column whose windows differ by this much beyond chance (divergence for each row) comes and goes by itself."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Distribution:
    """One feature (or the scores) as it was.

    Of a numeric column ``edges`` are quantiles, without repeats; ``counts`` has one more, and bin ``b`` holds the
    values above exactly ``b`` edges. Of a category column ``edges`` is empty, and ``counts`` has one more than
    ``categories``, the last for all other texts. ``nulls`` is the share of rows without a value; ``top_share`` that of
    the most common value. ``importance`` is the feature's share of what all of them do to the score (None: not known),
    ``wobble`` how much the reference's own windows differ, and ``brisk`` how much parts of windows do: an input that
    knows the hour is the same every day, and never within one.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    nulls: float
    top_share: float
    categories: tuple[str, ...] = ()
    importance: float | None = None
    wobble: Wobble = field(default_factory=Wobble)
    brisk: Wobble = field(default_factory=Wobble)
    relation: Relation | None = None
    """Of the scores alone: what came true of them in the rows that the model was not trained on."""
    slices: Mapping[str, Distribution] = field(default_factory=dict)
    """Of the scores alone: how they are spread in each slice, by ``COLUMN=VALUE``."""
    joint: Joint | None = None
    """Of the scores alone, which stand for the model as a whole: how its inputs hang together."""
    steady_s: float | None = None
    """For how long a column of numbers had one and the same value at most (None: not known)."""

    @property
    def rows(self) -> int:
        return sum(self.counts)

    @property
    def is_category(self) -> bool:
        return bool(self.categories)

    @property
    def comes_and_goes(self) -> bool:
        """Whether it is one thing now and another later, as the hour or the day of the week is."""
        return max(self.wobble.divergence, self.brisk.divergence) > SWINGS

    @property
    def bins(self) -> Floats:
        """The counts as float64[B]."""
        return np.asarray(self.counts, dtype=np.float64)


Reference = Mapping[str, Distribution]


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """The rows that the model was not trained on: the scores that it gave them, what came true, and when they were.

    ``labels`` and ``at`` (seconds) are float64[n] like the scores, or None where they are not known. ``slices`` says
    which rows (bool[n]) are in each slice, by ``COLUMN=VALUE``.
    """

    scores: Floats
    labels: Floats | None = None
    at: Floats | None = None
    slices: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)


def make_reference(
    rows: Floats,
    features: Sequence[str],
    held: Held | Floats,
    *,
    at: Floats | None = None,
    window_s: float = 3600.0,
    score_of: Score | None = None,
    texts: Mapping[str, Sequence[str | None]] | None = None,
) -> dict[str, Distribution]:
    """The distributions of float64[n, features] (NaN is null), of the category columns in ``texts``, and of scores.

    ``at`` is when the rows were, in seconds: with it it is told how much windows of ``window_s`` differ among
    themselves. The scores' own windows are few, and they move with the inputs: they are taken to differ at least as
    much as the inputs do on the average. ``score_of`` takes such rows; with it it is told what each input does.
    """
    held = held if isinstance(held, Held) else Held(held)
    shares = importance(score_of, rows, features) if score_of else {}
    columns = texts or {}
    found = {
        name: replace(
            categories(columns[name], at, window_s) if name in columns else distribution(rows[:, place], at, window_s),
            importance=shares.get(name),
        )
        for place, name in enumerate(features)
    }
    score = distribution(held.scores, held.at, window_s)
    score = replace(
        score,
        wobble=_at_least(score.wobble, [entry.wobble for entry in found.values()]),
        brisk=_at_least(score.brisk, [entry.brisk for entry in found.values()]),
    )
    parts = {
        key: distribution(held.scores[mine], None if held.at is None else held.at[mine], window_s)
        for key, mine in held.slices.items()
    }
    parts = {key: replace(one, wobble=_at_least(one.wobble, [score.wobble])) for key, one in parts.items()}
    own = None if held.at is None else window_of(held.at, window_s)
    related = None if held.labels is None else relation(score.edges, held.scores, held.labels, own)
    told_of = [name for name in features if len(found[name].counts) > 1]
    every = max(1, len(rows) // MOST_JOINT)
    taken = {name: (columns[name] if name in columns else rows[:, i])[::every] for i, name in enumerate(features)}
    own = None if at is None else window_of(at[::every], window_s)
    held_together = joint(ranked(taken, found, told_of), told_of, own)
    return {**found, SCORE: replace(score, relation=related, slices=parts, joint=held_together)}


def _at_least(own: Wobble, others: Sequence[Wobble]) -> Wobble:
    """A wobble told by few windows, taken to be no smaller than the mean of those that were told by more."""
    told = [one for one in others if one.windows > own.windows]
    if not told:
        return own
    return Wobble(
        max(own.divergence, float(np.mean([one.divergence for one in told]))),
        max(own.ordered, float(np.mean([one.ordered for one in told]))),
        max(one.windows for one in told),
    )


def _wobbles(places: NDArray[np.int64], bins: int, at: Floats | None, window_s: float) -> tuple[Wobble, Wobble]:
    """Of whole windows, and of parts of them."""
    if at is None:
        return Wobble(), Wobble()
    return wobble(windows(places, bins, at, window_s)), wobble(windows(places, bins, at, window_s / PARTS))


def ranked(
    columns: Mapping[str, Floats | Sequence[str | None]],
    reference: Reference,
    names: Sequence[str],
    *,
    among_themselves: bool = False,
) -> Floats:
    """The columns as rank values, float64[n, names]: what :mod:`wellkept.ml.drift.joint` works on; nulls are 0.

    ``among_themselves``: ranks in these rows, and not in the reference; then each column is spread as it was, and only
    how the columns hang together is left to be seen.
    """
    made = []
    for name in names:
        entry, values = reference[name], columns[name]
        if entry.is_category:
            place = {text: index for index, text in enumerate(entry.categories)}
            places = np.asarray([-1 if text is None else place.get(text, len(place)) for text in values])
        else:
            numbers = np.asarray(values, dtype=np.float64)
            places = np.where(np.isfinite(numbers), np.searchsorted(np.asarray(entry.edges), numbers), -1)
        counts = np.bincount(places[places >= 0], minlength=len(entry.counts)) if among_themselves else entry.bins
        made.append(np.append(rank_values(np.asarray(counts, dtype=np.float64)), 0.0)[places])
    return np.stack(made, axis=1) if made else np.zeros((0, 0))


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
    whole, parts = _wobbles(places, len(counts), None if at is None else at[is_known], window_s)
    return Distribution(
        tuple(float(edge) for edge in edges),
        tuple(int(count) for count in counts),
        nulls,
        float(repeats.max() / len(known)),
        wobble=whole,
        brisk=parts,
        steady_s=None if at is None else steady(known, at[is_known]),
    )


def steady(values: Floats, at: Floats) -> float:
    """For how many seconds the values were one and the same at most: from its first row to the next other one."""
    order = np.argsort(at, kind="stable")
    values, at = values[order], at[order]
    begins = np.concatenate([[0], np.flatnonzero(values[1:] != values[:-1]) + 1])
    ends = np.append(at[begins[1:]], at[-1])
    return float((ends - at[begins]).max())


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
    whole, parts = _wobbles(places, len(bins), None if at is None else at[is_known], window_s)
    return Distribution(
        (),
        tuple(int(count) for count in bins),
        1.0 - float(is_known.mean()),
        float(counts.max() / counts.sum()),
        tuple(place),
        wobble=whole,
        brisk=parts,
    )


def windows(places: NDArray[np.int64], bins: int, at: Floats, window_s: float) -> NDArray[np.int64]:
    """The counts of a column's own windows by time: int[K, bins]."""
    mine = window_of(at, window_s)
    held = mine >= 0
    total = int(mine.max(initial=-1)) + 1
    return np.bincount(mine[held] * bins + places[held], minlength=total * bins).reshape(total, bins)


def window_of(at: Floats, window_s: float) -> NDArray[np.int64]:
    """To which of its windows by time each row belongs, at most ``MOST_WINDOWS`` spread over the whole; -1: to none."""
    if not len(at) or at.max() <= at.min():
        return np.full(len(at), -1, dtype=np.int64)
    span = float(at.max() - at.min())
    length = min(window_s, span / LEAST_WINDOWS)
    number = ((at - at.min()) / length).astype(np.int64)
    whole = int(span / length)
    chosen = np.unique(np.linspace(0, whole - 1, min(whole, MOST_WINDOWS)).astype(np.int64))
    row = np.full(max(whole, int(number.max())) + 1, -1, dtype=np.int64)
    row[chosen] = np.arange(len(chosen))
    return np.asarray(row[number], dtype=np.int64)


def write_reference(reference: Reference, folder: Path) -> None:
    """Put a reference beside a model's files."""
    text = json.dumps({name: asdict(entry) for name, entry in reference.items()}, sort_keys=True)
    (folder / FILE).write_text(text, encoding="utf-8")


def parse_reference(data: bytes) -> dict[str, Distribution]:
    """A reference from the bytes of its file; files of before know neither categories nor importance nor wobble."""
    return {name: _parsed(entry) for name, entry in json.loads(data).items()}


def _parsed(entry: Mapping[str, Any]) -> Distribution:
    related, held_together = entry.get("relation"), entry.get("joint")
    return Distribution(
        tuple(entry["edges"]),
        tuple(entry["counts"]),
        entry["nulls"],
        entry["top_share"],
        tuple(entry.get("categories", ())),
        entry.get("importance"),
        Wobble(**entry.get("wobble", {})),
        Wobble(**entry.get("brisk", {})),
        Relation(**_tuples(related)) if related else None,
        {key: _parsed(one) for key, one in entry.get("slices", {}).items()},
        Joint(**_tuples(held_together)) if held_together else None,
        entry.get("steady_s"),
    )


def _tuples(entry: Mapping[str, Any]) -> dict[str, Any]:
    """JSON knows lists alone; values that stay as they are are tuples."""
    return {key: _frozen(value) for key, value in entry.items()}


def _frozen(value: Any) -> Any:
    return tuple(_frozen(one) for one in value) if isinstance(value, list) else value
