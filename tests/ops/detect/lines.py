"""Views with log patterns, told step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkept.checks.scenes import EPOCH, Story
from wellkept.ops.detect.base import View
from wellkept.ops.detect.loglines import PARAMETER, PATTERN
from wellkept.store.telemetry.window import SeriesInfo, Window

SHOP = "service:shop/checkout"
Floats = NDArray[np.float64]


@dataclass
class Log:
    """The log of some services over ``steps`` steps of 10 s."""

    steps: int = 180
    seed: int = 1
    columns: list[Floats] = field(default_factory=list)
    infos: list[SeriesInfo] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    def poisson(self, mean: float) -> Floats:
        return self.random.poisson(mean, self.steps).astype(np.float64)

    def pattern(
        self, number: int, counts: Floats, *, severity: int = 9, first_seen: float = 0.0, entity: str = SHOP
    ) -> None:
        about = {
            "pattern": f"{number:016x}",
            "template": f"Event {number} of <user>",
            "sample": f"Event {number} of ann",
        }
        about |= {"severity": str(severity), "first_seen": str(first_seen)}
        self._add(PATTERN, entity, about, counts)

    def value(self, number: int, parameter: str, value: str, counts: Floats, entity: str = SHOP) -> None:
        about = {"pattern": f"{number:016x}", "template": f"Event {number} of <user>", "sample": f"Event with {value}"}
        self._add(PARAMETER, entity, {**about, "parameter": parameter, "value": value}, counts)

    def _add(self, name: str, entity: str, about: dict[str, str], counts: Floats) -> None:
        self.infos.append(SeriesInfo(len(self.infos) + 1, name, "{line}", "derived", entity, about))
        self.columns.append(np.where(counts > 0, counts, np.nan))

    @property
    def times(self) -> Floats:
        return np.asarray(EPOCH.timestamp() + 10.0 * np.arange(1, self.steps + 1), np.float64)

    def at(self, step: int) -> float:
        """When a step began, in seconds since the epoch."""
        return float(self.times[step] - 10.0)

    def window(self) -> Window:
        return Window(self.times, np.stack(self.columns, axis=1), tuple(self.infos))

    def view(self, **more: Any) -> View:
        scene = Story(steps=self.steps).scene()
        told = {name: getattr(scene, name) for name in ("metrics", "red", "exclusive", "logs", "step_s", "graph")}
        return View(**{**told, "patterns": self.window(), **more})


def with_patterns(window: Window) -> Callable[..., View]:
    """Makes views that hold this window of patterns, cut to the length of the others."""

    def view(**parts: Any) -> View:
        steps = len(parts["metrics"].times)
        values = window.values[:steps]
        if parts["metrics"].values.size and not np.isfinite(parts["metrics"].values).any():
            values = np.full_like(values, np.nan)
        return View(**parts, patterns=Window(window.times[:steps], values, window.series))

    return view
