"""What a version promises whose held-out rows could not tell it: how good its first labelled answers were."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.kernel.entity import model_id
from wellkept.kernel.finding import Finding, FindingKind
from wellkept.ml.contract import ModelContract
from wellkept.ml.estimate.asking import Findings as Past
from wellkept.ml.releases import PROMISE_ERROR, Releases
from wellkept.ml.sample import Sample
from wellkept.ml.tasks import TWO_CLASSES
from wellkept.ml.watch.base import is_about
from wellkept.ml.watch.learned import MEASURED, is_broken, promised
from wellkept.ml.watch.recent import Recent
from wellkept.spine.audit import Audit
from wellkept.spine.registry import CHAMPION, PREVIOUS, ModelVersion, Registry

ACTOR = "wellkept"
PROMISED_BY = "promise.of_version"
"""The place in a version's lineage of the version whose promise it is held to, until it has its own."""
OF = "of its first labelled predictions"
RARER = 50
"""Labels of the rarer class that a promise is made of, at least."""
READ = (2, 8)
"""So many windows are read for it: where the first few do not suffice, some more; of a version that is live for longer,
the newest ones."""
LOOKS = 12
"""So many times in a window it is looked for."""
MOST = 50_000
"""Of more rows, one in so many is taken."""
Spans = Sequence[tuple[datetime, datetime]]


class Labels(Protocol):
    """Labelled predictions of a version."""

    def labelled(self, model: str, version: str, start: datetime, end: datetime, known_by: datetime) -> pa.Table: ...


class Findings(Past, Protocol):
    """What is needed of the stream."""

    def open_findings(self, detector_prefix: str = "") -> list[Finding]: ...


class Promises:
    """Learns what the live metric of a version is worth from its first window, where no gate could tell.

    It takes at least a whole window, ``min_labels`` labels and 50 of the rarer class. What was predicted while data was
    bad (``bad``, by model) or while a loss was told is left out, and as long as either goes on nothing is learned. Till
    it has its own, a version is held to the promise of the one before: what came in front to mend a loss and does not
    is no new measure. What was learned stays.
    """

    def __init__(
        self,
        registry: Registry,
        releases: Releases,
        labels: Labels,
        stream: Findings,
        audit: Audit,
        bad: Callable[[str], Spans],
    ) -> None:
        self._registry, self._releases = registry, releases
        self._labels, self._stream, self._audit, self._bad = labels, stream, audit, bad
        self._recent = Recent()

    def follow(self, now: datetime) -> None:
        """Look at the live versions without a promise; those that are served elsewhere learn by their references.

        Raises:
            StoreError: the engine failed.
        """
        for champion in self._releases.champions():
            contract = self._releases.contract(champion)
            is_own = contract.live_metric in champion.metrics and PROMISED_BY not in champion.lineage
            if champion.is_elsewhere or is_own:
                continue
            part = now.timestamp() // (contract.monitors.performance.window_s / LOOKS)
            self._recent.once(champion.digest, part, partial(self._learn, contract, champion, now))

    def _learn(self, contract: ModelContract, champion: ModelVersion, now: datetime) -> None:
        first = self._first(contract, champion, now)
        found = promised(champion, contract.live_metric, first, OF) if first is not None else champion
        if found is champion and contract.live_metric not in champion.metrics:
            before = self._registry.alias(champion.model, PREVIOUS)
            found = _inherited(champion, before, contract.live_metric) if before is not None else champion
        elif found is not champion:
            found = replace(found, lineage={k: v for k, v in found.lineage.items() if k != PROMISED_BY})
        if found is not champion:
            self._registry.update(found)
            by = found.lineage.get(PROMISED_BY, "")
            told = {"version": found.called, "metrics": dict(found.metrics), "promised_by": by}
            self._audit.append(now, ACTOR, "watch.promised", model_id(contract.name), told)

    def _first(self, contract: ModelContract, champion: ModelVersion, now: datetime) -> Sample | None:
        """The first answers of a version that are labelled; None of too few, and while something is wrong."""
        about = [finding for finding in self._stream.open_findings() if is_about(finding, contract.name)]
        window = timedelta(seconds=contract.monitors.performance.window_s)
        end = now - timedelta(seconds=contract.label.delay_s)
        start = max(self._since(champion), end - READ[-1] * window)
        if end <= start or any(is_broken(one) or one.kind is FindingKind.PERFORMANCE for one in about):
            return None
        past = self._stream.findings(start=start, end=now, entity={model_id(contract.name)})
        lost = [(one.starts_at, one.ends_at or now) for one in past if one.kind is FindingKind.PERFORMANCE]
        bad, read = [*self._bad(contract.name), *lost], self._labels.labelled
        looks = (min(end, start + windows * window) for windows in READ)
        found = (first_of(read(contract.name, champion.logged_as, start, until, now), contract, bad) for until in looks)
        return next((sample for sample in found if sample is not None), None)

    def _since(self, champion: ModelVersion) -> datetime:
        """When a version went live."""
        moves = self._registry.alias_history(champion.model)
        mine = [move.at for move in moves if move.alias == CHAMPION and move.digest == champion.digest]
        return max(mine, default=champion.created_at)


def first_of(rows: pa.Table, contract: ModelContract, bad: Spans) -> Sample | None:
    """The first labelled predictions that suffice for a promise; None of too few.

    ``rows`` are by time: ``at`` (seconds since the epoch), ``score`` and ``label``.
    """
    at, score, label = (rows[name].to_numpy().astype(np.float64) for name in ("at", "score", "label"))
    sound = np.isfinite(score) & ~_inside(at, bad)
    at, score, label = at[sound], score[sound], label[sound]
    wanted = contract.monitors.performance
    if len(at) < wanted.min_labels or at[-1] - at[0] < wanted.window_s:
        return None
    count = max(wanted.min_labels, int(np.searchsorted(at, at[0] + wanted.window_s)))
    if contract.task in TWO_CLASSES:
        positive = np.cumsum(label > 0)
        rarer = np.minimum(positive, np.arange(1, len(positive) + 1) - positive)
        if rarer[-1] < RARER:
            return None
        count = max(count, int(np.searchsorted(rarer, RARER)) + 1)
    step = -(-count // MOST)
    return Sample(label[:count:step], score[:count:step])


def _inherited(version: ModelVersion, before: ModelVersion, name: str) -> ModelVersion:
    """With the promise of the version before; as it was where that has none."""
    if name not in before.metrics:
        return version
    notes = {key: before.lineage[key] for key in (MEASURED, PROMISE_ERROR) if key in before.lineage}
    lineage = {**version.lineage, **notes, PROMISED_BY: before.called}
    return replace(version, metrics={**version.metrics, name: before.metrics[name]}, lineage=lineage)


def _inside(at: NDArray[np.float64], spans: Iterable[tuple[datetime, datetime]]) -> NDArray[np.bool_]:
    found = np.zeros(len(at), dtype=np.bool_)
    for start, end in spans:
        found |= (at >= start.timestamp()) & (at <= end.timestamp())
    return found
