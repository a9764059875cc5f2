"""The watch stage: every live model is looked at by every monitor; what they say goes into the one stream."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.kernel.entity import Edge, Entity
from wellkept.kernel.errors import ClosedError, NotFoundError, WellkeptError
from wellkept.kernel.finding import Finding
from wellkept.kernel.stage import Message, Stage
from wellkept.ml.contract import ModelContract
from wellkept.ml.estimate.history import PerformanceHistory
from wellkept.ml.interval import LOWER, UPPER, Bounds
from wellkept.ml.reference import SCORE, Distribution
from wellkept.ml.releases import Releases
from wellkept.ml.watch.base import Monitor, Said, Sample, Served, SkewSeen, enough_for_a_break, is_about, newest
from wellkept.ml.watch.cost import with_cost
from wellkept.ml.watch.places import places
from wellkept.ml.watch.quality import Quality
from wellkept.ml.watch.recent import Recent, slot
from wellkept.ml.watch.sampled import MOST, sample_of
from wellkept.spine.registry import ModelVersion
from wellkept.store.telemetry.counting import Yardstick
from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.serving import Histograms

STAGE = Stage(
    name="ml.watch",
    consumes=frozenset({Message.PREDICTION, Message.LABEL, Message.VERSION}),
    emits=frozenset({Message.FINDING, Message.ENTITY}),
    purpose="Watches live models for drift, broken inputs, silence and the loss of realised performance.",
)

SLICES = 12

_log = logging.getLogger(__name__)


class Predictions(Protocol):
    """What watching reads of the telemetry store."""

    def histograms(
        self,
        model: str,
        version: str,
        grid: Grid,
        edges: Yardstick,
        *,
        slice: tuple[str, str] | None = None,  # noqa: A002 - what a contract calls it
    ) -> Histograms: ...

    def rates(self, model: str, grid: Grid) -> NDArray[np.int64]: ...

    def tops(self, model: str, version: str, start: datetime, end: datetime) -> dict[str, tuple[float, float]]: ...

    def sample(self, model: str, version: str, start: datetime, end: datetime, limit: int) -> pa.Table: ...

    def labelled(self, model: str, version: str, start: datetime, end: datetime, known_by: datetime) -> pa.Table: ...


class Findings(Protocol):
    """What watching needs of the stream."""

    def publish(self, findings: Iterable[Finding], now: datetime) -> list[Finding]: ...

    def close(self, fingerprints: Iterable[str], at: datetime) -> list[Finding]: ...

    def open_findings(self, detector_prefix: str = "") -> list[Finding]: ...


class Places(Protocol):
    """What watching tells the topology."""

    def observe(self, entities: Iterable[Entity], edges: Iterable[Edge], at: datetime) -> None: ...


Tells = Callable[[ModelContract, ModelVersion, datetime], PerformanceHistory | None]
"""The performance of a live version by when its predictions were made; None where nothing can be told."""


class WatchRunner:
    """Looks at every model that has a champion, once a tick."""

    def __init__(
        self,
        predictions: Predictions,
        releases: Releases,
        stream: Findings,
        topology: Places,
        monitors: Sequence[Monitor],
        skews: Callable[[ModelVersion], SkewSeen | None] = lambda _: None,
        tells: Tells = lambda *_: None,
        quality: Quality | None = None,
    ) -> None:
        self._predictions, self._releases, self._stream, self._topology = predictions, releases, stream, topology
        self._monitors, self._skews, self._tells = tuple(monitors), skews, tells
        self._quality = quality
        self._recent = Recent()
        self._unwatched: dict[str, str] = {}

    def tick(self, now: datetime) -> list[Finding]:
        """Look at every live model; returns what was said, and ends what is over."""
        said: list[Finding] = []
        for champion in self._releases.champions():
            try:
                said += self._look(self._releases.contract(champion), champion, now)
                self._unwatched.pop(champion.model, None)
            except ClosedError:
                raise
            except WellkeptError as error:
                if self._unwatched.get(champion.model) != str(error):
                    _log.exception("model %s cannot be watched", champion.model)
                self._unwatched[champion.model] = str(error)
        return said

    def _look(self, contract: ModelContract, champion: ModelVersion, now: datetime) -> list[Finding]:
        told = places(contract, champion.called, now, is_elsewhere=champion.is_elsewhere)
        self._topology.observe(*told, now)
        served = self._served(contract, champion, now)
        answers = [self._ask(monitor, served, now) for monitor in self._monitors]
        findings = [with_cost(served, finding) for said in answers for finding in said.findings]
        over = {print_ for said in answers for print_ in said.clear} & served.open.keys()
        self._stream.close(sorted(over), now)
        return self._stream.publish(findings, now)

    def _ask(self, monitor: Monitor, served: Served, now: datetime) -> Said:
        """A monitor is a plug-in: when it fails, the others still speak, and its open findings stay as they are."""
        try:
            return monitor.watch(served, now)
        except ClosedError:
            raise
        except Exception:  # noqa: BLE001 - the plug-in edge: logged, and nothing is said
            _log.exception("monitor %s %s failed on model %s", monitor.name, monitor.version, served.model)
            return Said()

    def _served(self, contract: ModelContract, champion: ModelVersion, now: datetime) -> Served:
        reference = self._releases.reference(champion)
        if SCORE not in reference and not champion.is_elsewhere:
            rule = "came without the rows that drift is measured against; import it again with --rows"
            raise NotFoundError(f"version {champion.number} of {champion.model}", rule)
        drift = contract.monitors.drift
        step_s = drift.window_s / SLICES
        end = datetime.fromtimestamp(now.timestamp() // step_s * step_s + step_s, now.tzinfo)
        grid = Grid.of(end - timedelta(seconds=drift.window_s), end, step_s)
        # Of one that is served elsewhere, scores may have no reference yet; how many there were counts all the same.
        edges: Yardstick = {SCORE: (), **{name: entry.categories or entry.edges for name, entry in reference.items()}}
        slices = self._predictions.histograms(contract.name, champion.logged_as, grid, edges)
        first = max(0, newest(slices.bins[SCORE].sum(axis=1), enough_for_a_break(drift.min_rows)))
        since = datetime.fromtimestamp(slices.times[first] - step_s, now.tzinfo)
        at, scores, labels, lower, upper = self._labelled(contract, champion, now)
        share = contract.output.interval
        return Served(
            contract=contract,
            champion=champion,
            reference=reference,
            slices=slices,
            rates=self._predictions.rates(contract.name, grid),
            step_s=step_s,
            tops=self._predictions.tops(contract.name, champion.logged_as, since, end),
            at=at,
            scores=scores,
            labels=labels,
            bounds=None if share is None else Bounds(share, lower, upper),
            open={f.fingerprint: f for f in self._stream.open_findings() if is_about(f, contract.name)},
            skew=self._skews(champion),
            history=self._tells(contract, champion, now),
            seen=self._quality.seen(contract, champion, now) if self._quality is not None else None,
            sample=self._sample(contract, champion, reference, end, now),
            parts=self._parts(contract, champion, reference, grid),
        )

    def _parts(
        self, contract: ModelContract, champion: ModelVersion, reference: Mapping[str, Distribution], grid: Grid
    ) -> dict[str, Histograms]:
        """The scores of each slice that the reference knows."""
        known = reference[SCORE].slices if SCORE in reference else {}
        return {
            key: self._predictions.histograms(
                contract.name, champion.logged_as, grid, {SCORE: entry.edges}, slice=(column, value)
            )
            for key, entry in known.items()
            for column, _, value in [key.partition("=")]
        }

    def _sample(
        self,
        contract: ModelContract,
        champion: ModelVersion,
        reference: Mapping[str, Distribution],
        end: datetime,
        now: datetime,
    ) -> Sample | None:
        """Rows of the whole window; only of a version whose reference says how its inputs hang together."""
        if SCORE not in reference or reference[SCORE].joint is None:
            return None
        window_s, version = contract.monitors.drift.window_s, champion.logged_as

        def read() -> Sample:
            since = end - timedelta(seconds=window_s)
            return sample_of(self._predictions.sample(contract.name, version, since, end, MOST), reference)

        return self._recent.once((contract.name, version), slot(now.timestamp(), window_s), read)

    def _labelled(
        self, contract: ModelContract, champion: ModelVersion, now: datetime
    ) -> tuple[NDArray[np.float64], ...]:
        """Time, score, label and ends of the interval of the predictions that are old enough for their label."""
        end = now - timedelta(seconds=contract.label.delay_s)
        start = end - timedelta(seconds=contract.monitors.performance.window_s)
        rows = self._predictions.labelled(contract.name, champion.logged_as, start, end, now)
        names = ("at", "score", "label", LOWER, UPPER)
        return tuple(rows[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in names)
