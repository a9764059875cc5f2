"""Synthetic telemetry with a known story, for contract suites, tests and benchmarks. Seeded, so always the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind
from wellkept.spine.graph import Graph
from wellkept.store.telemetry.window import SeriesInfo, Window

Floats = NDArray[np.float64]

EPOCH = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
"""When every scene begins."""
HOST, DISK = "host:h1", "disk:h1:/var/log/shop"
CHECKOUT, PAYMENTS, FEATURES, LEDGER = (
    "service:shop/checkout",
    "service:shop/payments",
    "service:shop/features",
    "service:shop/ledger",
)
FILESYSTEM = {"system.filesystem.mountpoint": "/var/log/shop", "system.filesystem.state": "used"}


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """The windows of a story on one grid, the graph around them, and the seconds of a step."""

    metrics: Window
    red: Window
    exclusive: Window
    logs: Window
    step_s: float
    graph: Graph

    def until(self, step: int) -> Scene:
        """The same story told up to ``step`` only."""
        return replace(
            self,
            metrics=_until(self.metrics, step),
            red=_until(self.red, step),
            exclusive=_until(self.exclusive, step),
            logs=_until(self.logs, step),
        )

    def between(self, first: int, last: int) -> Scene:
        """The steps from ``first`` to before ``last``: what a sliding window shows."""
        told = self.until(last)
        return replace(
            told,
            metrics=_from(told.metrics, first),
            red=_from(told.red, first),
            exclusive=_from(told.exclusive, first),
            logs=_from(told.logs, first),
        )

    @property
    def now(self) -> datetime:
        """The end of the newest step."""
        return datetime.fromtimestamp(float(self.metrics.times[-1]), UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What a baseline would say of the newest steps of a window: the fields of ``ops.detect.baseline.Scores``."""

    sudden: NDArray[np.float32]
    unusual: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    ready: NDArray[np.bool_]
    standard: NDArray[np.float32] | None = None
    blame: NDArray[np.float32] | None = None


THRESHOLD = 5.0
"""What a score of a scene must reach to be worth a word."""
_TOLD_STEPS = 6


def told(window: Window) -> Told:
    """Scores by how far a value lies outside those of the first three quarters: 10 for their whole range."""
    newest, older = window.values[-_TOLD_STEPS:], window.values[: len(window.times) * 3 // 4]
    filled = np.where(np.isfinite(older), older, np.nan)
    seen: NDArray[np.bool_] = np.asarray(np.isfinite(older).any(axis=0))
    low, high = np.full(seen.shape, np.nan), np.full(seen.shape, np.nan)
    if seen.any():
        low[seen], high[seen] = np.nanmin(filled[:, seen], axis=0), np.nanmax(filled[:, seen], axis=0)
    with np.errstate(invalid="ignore"):
        outside = np.maximum(np.maximum(newest - high, low - newest), 0.0)
        strength = np.nan_to_num(10.0 * outside / np.maximum(high - low, 1e-9 + 0.01 * np.abs(high)), posinf=0.0)
    strength = np.minimum(strength, 40.0).astype(np.float32)
    bands = [np.broadcast_to(edge, strength.shape).astype(np.float32) for edge in (low, high)]
    return Told(strength, np.zeros_like(strength), bands[0], bands[1], seen, strength, strength)


@dataclass(frozen=True, slots=True, eq=False)
class ToldOfEntities:
    """What a baseline would say of entities: the fields of ``ops.detect.baseline.base.EntityScores``."""

    names: tuple[str, ...]
    size: NDArray[np.float32]
    rarity: NDArray[np.float32]
    ready: NDArray[np.bool_]
    threshold: NDArray[np.float32]


def told_of_entities(windows: Sequence[Window]) -> ToldOfEntities | None:
    """The mean of the three highest scores of each entity with three metrics or more; None where there is none."""
    metrics: dict[str, dict[str, NDArray[np.float32]]] = {}
    for window in windows:
        strength = told(window).sudden if len(window.times) else np.zeros((0, len(window.series)), np.float32)
        for column, info in enumerate(window.series):
            known = metrics.setdefault(info.entity, {})
            known[info.name] = np.maximum(known.get(info.name, np.float32(0)), strength[:, column])
    several = {entity: np.stack(list(of.values())) for entity, of in metrics.items() if len(of) >= 3}
    if not several:
        return None
    size = np.stack([np.sort(scores, axis=0)[-3:].mean(axis=0) for scores in several.values()], axis=1)
    ready: NDArray[np.bool_] = np.ones(len(several), np.bool_)
    return ToldOfEntities(tuple(several), size, size, ready, np.full(len(several), THRESHOLD, np.float32))


@dataclass(frozen=True, slots=True)
class Hidden:
    """Blind spots: the fields of ``ops.detect.blind.Blind``."""

    entities: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, str] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    pauses: tuple[object, ...] = ()

    def hides(self, entity: str, metric: str) -> bool:
        return entity in self.entities or metric in self.metrics


@dataclass(slots=True)
class Story:
    """Builds a scene series by series. All noise comes from ``seed``."""

    steps: int = 180
    step_s: float = 10.0
    seed: int = 1
    _metrics: list[tuple[SeriesInfo, Floats]] = field(default_factory=list)
    _red: list[tuple[SeriesInfo, Floats]] = field(default_factory=list)
    _random: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)

    @property
    def clock(self) -> Floats:
        """Steps counted from 0: float64[steps]."""
        return np.arange(self.steps).astype(np.float64)

    def noise(self, level: float, spread: float) -> Floats:
        """Values around ``level``, never negative."""
        return np.maximum(0.0, level + spread * self._random.standard_normal(self.steps))

    def metric(
        self, entity: str, name: str, values: Floats, unit: str = "1", attributes: Mapping[str, str] | None = None
    ) -> None:
        """Add a metric's series."""
        info = SeriesInfo(len(self._metrics) + 1, name, unit, "gauge", entity, dict(attributes or {}))
        self._metrics.append((info, np.asarray(values, dtype=np.float64)))

    def span(self, entity: str, name: str, values: Floats, unit: str, kind: str = "gauge") -> None:
        """Add a series that was derived from spans, or, as its kind says, is reported as such."""
        info = SeriesInfo(1_000_000 + len(self._red), name, unit, kind, entity)
        self._red.append((info, np.asarray(values, dtype=np.float64)))

    def service(self, entity: str, *, rate: float = 20.0, p95_s: float = 0.05) -> None:
        """A service in good health: traffic, latency, hardly an error, memory and CPU far from their limits."""
        self.span(entity, "span.rate", self.noise(rate, rate / 10), "1/s")
        self.span(entity, "span.duration.p95", self.noise(p95_s, p95_s / 8), "s")
        self.span(entity, "span.errors", (self._random.random(self.steps) < 0.02) / self.step_s, "1/s")
        self.metric(entity, "process.cpu.utilization", self.noise(0.1, 0.04))

    def host(self) -> None:
        """A host in good health."""
        idle = np.minimum(1.0, self.noise(0.75, 0.08))
        self.metric(HOST, "system.cpu.utilization", idle, attributes={"cpu.mode": "idle"})
        used = {"system.memory.state": "used"}
        self.metric(HOST, "system.memory.utilization", self.noise(0.4, 0.01), attributes=used)
        self.metric(HOST, "system.network.io", self.noise(5e4, 3e4), "By/s")

    def disk(self, used: Floats, limit: float) -> None:
        """A directory with a quota that ``used`` bytes are in."""
        self.metric(DISK, "system.filesystem.usage", used, "By", FILESYSTEM)
        where = {"system.filesystem.mountpoint": FILESYSTEM["system.filesystem.mountpoint"]}
        self.metric(DISK, "system.filesystem.limit", np.full(self.steps, limit), "By", where)

    def memory(self, entity: str, used: Floats, limit: float) -> None:
        """The memory of a service's process, and where it ends."""
        self.metric(entity, "process.memory.usage", used, "By")
        self.metric(entity, "process.memory.limit", np.full(self.steps, limit), "By")

    def scene(self) -> Scene:
        """What has been told."""
        times = EPOCH.timestamp() + self.step_s * (self.clock + 1.0)
        empty = Window(times, np.empty((self.steps, 0)), ())
        return Scene(_window(times, self._metrics), _window(times, self._red), empty, empty, self.step_s, shop())


def shop() -> Graph:
    """The card-payment shop: four services and a log directory on one host, a model behind payments."""
    kinds = {HOST: EntityKind.HOST, DISK: EntityKind.DISK}
    names = (HOST, DISK, CHECKOUT, PAYMENTS, FEATURES, LEDGER)
    entities = [Entity(kinds.get(name, EntityKind.SERVICE), name, name.rpartition("/")[2]) for name in names]
    calls = ((CHECKOUT, PAYMENTS), (PAYMENTS, FEATURES), (PAYMENTS, LEDGER))
    edges = [Edge(a, b, EdgeKind.CALLS, EPOCH) for a, b in calls]
    edges += [Edge(name, HOST, EdgeKind.RUNS_ON, EPOCH) for name in names if name != HOST]
    return Graph(entities, edges)


def healthy(story: Story) -> Story:
    """A shop where nothing is wrong: noise, a sawtooth of garbage collection, a disk that is cleaned."""
    story.host()
    for entity in (CHECKOUT, PAYMENTS, FEATURES, LEDGER):
        story.service(entity)
    saw = 100e6 + 60e6 * ((story.clock % 17) / 17) + story.noise(2e6, 1e6)
    story.memory(PAYMENTS, saw, 512e6)
    story.disk(40e6 + 0.2e6 * (story.clock % 60), 200e6)
    return story


def _window(times: Floats, series: list[tuple[SeriesInfo, Floats]]) -> Window:
    if not series:
        return Window(times, np.empty((len(times), 0)), ())
    return Window(times, np.stack([values for _, values in series], axis=1), tuple(info for info, _ in series))


def _until(window: Window, step: int) -> Window:
    return replace(window, times=window.times[:step], values=window.values[:step])


def _from(window: Window, step: int) -> Window:
    return replace(window, times=window.times[step:], values=window.values[step:])
