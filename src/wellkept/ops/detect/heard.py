"""Who was heard when: over all series of each entity at once, worked out once for all who ask.

What Kubernetes tells of its nodes, pods and workloads is no word of theirs: it goes on while a node is silent, and ends
without any trouble when they are taken away.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wellkept.store.telemetry.window import SeriesInfo, Window, of_series

OF_KUBERNETES = ("kube_", "k8s.")
"""So begin the names of series by which Kubernetes, and who asks it, tell of others."""

Mask = NDArray[np.bool_]
_last: list[tuple[Window, Mask]] = []


@of_series
def entities_of(series: tuple[SeriesInfo, ...]) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    """The entities of some series, sorted, and for each series the place of its own."""
    names = sorted({info.entity for info in series})
    places = {name: place for place, name in enumerate(names)}
    return tuple(names), np.fromiter((places[info.entity] for info in series), np.intp, len(series))


@of_series
def _told_by_others(series: tuple[SeriesInfo, ...]) -> NDArray[np.intp]:
    """The columns that are no word of whom they are about."""
    return np.array([column for column, info in enumerate(series) if info.name.startswith(OF_KUBERNETES)], np.intp)


@of_series
def _in_order(series: tuple[SeriesInfo, ...]) -> tuple[NDArray[np.intp] | None, NDArray[np.intp]]:
    """The columns by entity (None: they are so already), and where each entity begins among them."""
    names, places = entities_of(series)
    order = np.argsort(places, kind="stable")
    firsts = np.searchsorted(places[order], np.arange(len(names)))
    return (None if (order[1:] > order[:-1]).all() else order), firsts


def heard_by_entity(window: Window) -> tuple[tuple[str, ...], Mask]:
    """The entities of a window, sorted, and whether each was heard in each step: bool[E, T].

    Several ask this of the same window in one look, so the last answer about one that cannot be changed is remembered.
    """
    names, _ = entities_of(window.series)
    for known, answer in _last:
        if known is window:
            return names, answer
    if not len(names):
        return names, np.zeros((0, len(window.times)), dtype=bool)
    order, firsts = _in_order(window.series)
    seen = np.isfinite(window.values)
    seen[:, _told_by_others(window.series)] = False
    heard = np.logical_or.reduceat(seen if order is None else seen[:, order], firsts, axis=1).T
    heard.flags.writeable = False
    if not window.values.flags.writeable:
        _last[:] = [(window, heard)]
    return names, heard


def tellers(window: Window, steps: int) -> frozenset[str]:
    """Those of ``OF_KUBERNETES`` by which anything was told in the newest steps."""
    columns = _told_by_others(window.series)
    spoke = np.flatnonzero(np.isfinite(window.values[-steps:, columns]).any(axis=0))
    names = {window.series[column].name for column in columns[spoke].tolist()}
    return frozenset(prefix for prefix in OF_KUBERNETES for name in names if name.startswith(prefix))


def heard(windows: Sequence[Window], steps: int) -> frozenset[str]:
    """The entities of which anything was heard in the newest steps."""
    found: set[str] = set()
    for window in windows:
        if window.values.size:
            names, places = entities_of(window.series)
            spoke = np.isfinite(window.values[-steps:]).any(axis=0)
            found.update(names[place] for place in np.unique(places[spoke]).tolist())
    return frozenset(found)
