"""Series whose change points people have marked: points and annotations, scored by F1 with a margin and by covering."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wellkept.ml.drift.segments import segments

MARGIN = 5
POINTS, ANNOTATIONS = "points.parquet", "annotations.parquet"


def is_one(folder: Path) -> bool:
    """Whether a folder holds such series."""
    return (folder / POINTS).is_file() and (folder / ANNOTATIONS).is_file()


def evaluate(folder: Path) -> dict[str, Any]:
    """Mean F1 and covering over the series, ours and that of saying nothing; the same settings for all series."""
    points, marks = pl.read_parquet(folder / POINTS), pl.read_parquet(folder / ANNOTATIONS)
    scored: dict[str, list[tuple[float, float]]] = {"wellkept": [], "no change point": []}
    for (name,), rows in points.group_by("series", maintain_order=True):
        wide = rows.pivot("dim", index="i", values="value").sort("i").drop("i").to_numpy()
        marked = [[int(at) for at in one] for one in marks.filter(pl.col("series") == name)["change_points"].to_list()]
        if not marked:
            continue
        for who, said in (("wellkept", segments(wide)), ("no change point", [])):
            scored[who].append((f1(marked, said), covering(marked, said, len(wide))))
    means = {who: np.mean(np.asarray(values), axis=0) for who, values in scored.items()}
    named = {who: {"f1_margin5": round(float(v[0]), 3), "covering": round(float(v[1]), 3)} for who, v in means.items()}
    return {
        "series": len(scored["wellkept"]),
        **named["wellkept"],
        "references": {"no change point": named["no change point"]},
    }


def f1(marked: Sequence[Sequence[int]], said: Sequence[int]) -> float:
    """Precision over all annotators' points, recall as the mean over annotators; index 0 counts on both sides."""
    own = sorted({0, *said})
    everyone = sorted({0, *(at for one in marked for at in one)})
    precision = len(_matched(everyone, own)) / len(own)
    recall = float(np.mean([len(_matched(sorted({0, *one}), own)) / len({0, *one}) for one in marked]))
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def covering(marked: Sequence[Sequence[int]], said: Sequence[int], count: int) -> float:
    """For each annotator the mean, weighted by length, of the best overlap (Jaccard) of a segment; their mean."""
    own = _parts(said, count)
    found = []
    for one in marked:
        parts = _parts(one, count)
        found.append(sum(len(part) / count * max(_overlap(part, other) for other in own) for part in parts))
    return float(np.mean(found))


def _matched(true: Sequence[int], said: Sequence[int]) -> set[int]:
    """The true points that have a said one of their own within the margin, the nearest pairs first."""
    free, found = set(said), set()
    for at in true:
        near = sorted((abs(at - other), other) for other in free if abs(at - other) <= MARGIN)
        if near:
            free.remove(near[0][1])
            found.add(at)
    return found


def _parts(cuts: Sequence[int], count: int) -> list[range]:
    edges = sorted({0, count, *(cut for cut in cuts if 0 < cut < count)})
    return [range(start, end) for start, end in pairwise(edges)]


def _overlap(one: range, other: range) -> float:
    both = max(0, min(one.stop, other.stop) - max(one.start, other.start))
    return both / (len(one) + len(other) - both)
