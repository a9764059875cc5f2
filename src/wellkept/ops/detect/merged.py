"""Several series that tell of the same as one, as two instances of a kube-state-metrics do, or one after another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from wellkept.store.telemetry.window import SeriesInfo

Floats = NDArray[np.float64]

_OF_CLUSTERS = ("k8s.cluster.name", "cluster")


def merged(values: Floats, parts: Sequence[Sequence[int]]) -> Floats:
    """The highest value of each part's columns in each step, float64[T, P]; NaN where none of them has one.

    ``values``: float64[T, S]. ``parts``: the columns of each part; a part without any has no value.
    """
    known = [place for place, part in enumerate(parts) if part]
    found = np.full((len(values), len(parts)), np.nan)
    if known:
        columns = np.concatenate([parts[place] for place in known])
        firsts = np.cumsum([0, *(len(parts[place]) for place in known[:-1])], dtype=np.intp)
        found[:, known] = np.fmax.reduceat(values[:, columns], firsts, axis=1)
    return found


def newest(values: Floats) -> Floats:
    """The newest value of each column, NaN where there is none."""
    last = len(values) - 1 - np.argmax(np.isfinite(values)[::-1], axis=0)
    return np.asarray(values[last, np.arange(values.shape[1])])


def cluster_of(info: SeriesInfo) -> str:
    """The cluster of Kubernetes that a series is told to be of; empty where that is not told."""
    told = (*map(info.attributes.get, _OF_CLUSTERS), *map(info.resource_attributes.get, _OF_CLUSTERS))
    return next(filter(None, told), "")


def in_several(pairs: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The entities of which several clusters tell, each of another thing of that name.

    ``pairs``: entities and clusters; who tells of no cluster tells of none in particular.
    """
    first: dict[str, str] = {}
    told = ((entity, cluster) for entity, cluster in pairs if cluster)
    return frozenset(entity for entity, cluster in told if first.setdefault(entity, cluster) != cluster)
