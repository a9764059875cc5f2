"""What a model was trained on, in a few numbers: the yardstick for what it is served with later."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = "reference.json"
SCORE = ""
"""The name under which the scores stand beside the features."""
BINS = 10

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Distribution:
    """One feature (or the scores) as it was.

    ``edges`` are quantiles, without repeats; ``counts`` has one more, and bin ``b`` holds the values above exactly
    ``b`` edges. ``nulls`` is the share of rows without a value; ``top_share`` that of the most common value.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    nulls: float
    top_share: float

    @property
    def rows(self) -> int:
        return sum(self.counts)


Reference = Mapping[str, Distribution]


def make_reference(rows: Floats, features: Sequence[str], scores: Floats) -> dict[str, Distribution]:
    """The distributions of float64[n, features] (NaN is null) and of scores."""
    found = {name: distribution(rows[:, index]) for index, name in enumerate(features)}
    return {**found, SCORE: distribution(scores)}


def distribution(values: Floats) -> Distribution:
    """The distribution of one column."""
    known = values[np.isfinite(values)]
    nulls = 1.0 - len(known) / len(values) if len(values) else 0.0
    if len(known) == 0:
        return Distribution((), (0,), nulls, 0.0)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))
    counts = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    _, repeats = np.unique(known, return_counts=True)
    return Distribution(
        tuple(float(edge) for edge in edges),
        tuple(int(count) for count in counts),
        nulls,
        float(repeats.max() / len(known)),
    )


def write_reference(reference: Reference, folder: Path) -> None:
    """Put a reference beside a model's files."""
    text = json.dumps({name: asdict(entry) for name, entry in reference.items()}, sort_keys=True)
    (folder / FILE).write_text(text, encoding="utf-8")


def parse_reference(data: bytes) -> dict[str, Distribution]:
    """A reference from the bytes of its file."""
    return {
        name: Distribution(tuple(entry["edges"]), tuple(entry["counts"]), entry["nulls"], entry["top_share"])
        for name, entry in json.loads(data).items()
    }
