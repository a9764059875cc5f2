"""How the inputs and the scores of a live version are spread, window by window, beside its training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.contract import ModelContract
from wellkept.ml.drift.distances import psi
from wellkept.ml.reference import SCORE, Distribution
from wellkept.ml.releases import Releases
from wellkept.spine.registry import CHAMPION, ModelVersion, Registry
from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.serving import Histograms

WINDOWS = 30
"""So many of the contract's drift windows are looked back on."""
WHOLE_S = 300
"""Windows end at whole five minutes: of these the store has counted already."""

Floats = NDArray[np.float64]


class Counts(Protocol):
    """What is read of the telemetry store."""

    def histograms(
        self, model: str, version: str, grid: Grid, edges: Mapping[str, Sequence[float] | Sequence[str]]
    ) -> Histograms: ...


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """One column over S windows, beside the training data.

    ``times`` (ends of the windows, seconds since the epoch), ``index`` (population stability index) and ``nulls`` (the
    share without a value: null, or not logged at all) are float64[S], NaN where a window has fewer rows than the
    contract's ``monitors.drift.min_rows``. ``usual`` and ``now`` are the shares of
    the bins in training and in the newest window that has enough (None: there is none).
    """

    name: str
    reference: Distribution
    times: Floats
    index: Floats
    nulls: Floats
    usual: Floats
    now: Floats | None
    rows: int


class Spreads:
    """Reads the spreads of champions; counts of bins, never rows."""

    def __init__(self, registry: Registry, releases: Releases, counts: Counts) -> None:
        self._registry, self._releases, self._counts = registry, releases, counts

    def of(self, model: str, now: datetime) -> tuple[Spread, ...]:
        """Every column of a model's champion, inputs first; empty where it has none, or came without a reference.

        Raises:
            StoreError: the engine failed.
        """
        champion = self._registry.alias(model, CHAMPION)
        if champion is None:
            return ()
        return self._of_version(self._releases.contract(champion), champion, now)

    def _of_version(self, contract: ModelContract, champion: ModelVersion, now: datetime) -> tuple[Spread, ...]:
        reference = self._releases.reference(champion)
        if not reference:
            return ()
        window_s, fewest = contract.monitors.drift.window_s, contract.monitors.drift.min_rows
        end = datetime.fromtimestamp(now.timestamp() // WHOLE_S * WHOLE_S, now.tzinfo)
        grid = Grid.of(end - timedelta(seconds=WINDOWS * window_s), end, window_s)
        edges = {name: entry.categories or entry.edges for name, entry in reference.items()}
        found = self._counts.histograms(contract.name, champion.logged_as, grid, edges)
        names = sorted(reference, key=lambda name: (not name, name))
        asked = found.bins[SCORE].sum(axis=1) if SCORE in found.bins else np.zeros(grid.count)
        return tuple(_spread(name, reference[name], found, asked, fewest) for name in names)


def _spread(name: str, reference: Distribution, found: Histograms, asked: Floats, fewest: int) -> Spread:
    counts = found.bins[name].astype(np.float64)
    usual = np.asarray(reference.counts, dtype=np.float64)
    rows = counts.sum(axis=1)
    enough = rows >= fewest
    index = np.where(enough, psi(counts, usual), np.nan) if len(usual) > 1 else np.full(len(rows), np.nan)
    last = int(np.flatnonzero(enough)[-1]) if enough.any() else None
    return Spread(
        name=name,
        reference=reference,
        times=found.times,
        index=index,
        nulls=np.where(asked >= fewest, 1 - rows / np.maximum(asked, 1), np.nan),
        usual=usual / max(usual.sum(), 1.0),
        now=None if last is None else counts[last] / rows[last],
        rows=0 if last is None else int(rows[last]),
    )
