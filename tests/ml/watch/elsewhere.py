"""A model that is served elsewhere, in a store of its own: what it logs, and what the watching makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.finding import Finding
from wellkept.ml.releases import Releases
from wellkept.ml.watch.attached import Attachment, Attachments
from wellkept.ml.watch.quality import Quality
from wellkept.ml.watch.stage import WatchRunner
from wellkept.ops.ingest.outcomes import Outcomes
from wellkept.spine.audit import Audit
from wellkept.spine.plugins import load
from wellkept.spine.registry import Registry
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.store.artifacts.artifacts import Artifacts
from wellkept.store.state.state import State
from wellkept.store.telemetry.telemetry import Telemetry

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CONTRACT = """
name: churn
task: binary_classification
owner: growth
entity_keys: [customer]
inputs:
  - {name: tenure, at_least: 0, at_most: 1000}
  - {name: spend, source: "service:shop/billing", nullable: true}
  - {name: plan, type: category, values: [basic, plus, pro]}
label: {delay_s: 60}
metrics: {primary: roc_auc}
monitors:
  drift: {window_s: 600, min_rows: 100}
  performance: {window_s: 600, min_labels: 100}
"""
RATE = 4
PLANS = ["basic"] * 5 + ["plus"] * 3 + ["pro"] * 2


@dataclass
class Elsewhere:
    """Logs predictions and labels by the platform's own doors, on a clock that the test sets."""

    telemetry: Telemetry
    state: State
    folder: Path
    contract: str = CONTRACT
    model: str = "churn"
    clock: SettableClock = field(default_factory=lambda: SettableClock(NOON))

    def __post_init__(self) -> None:
        self.registry, self.topology = Registry(self.state), Topology(self.state)
        self.stream = Stream(self.state, self.telemetry.changes)
        artifacts, audit = Artifacts(str(self.folder / "artifacts")), Audit(self.state)
        self.releases = Releases(self.registry, artifacts)
        self.attachments = Attachments(
            self.registry, artifacts, self.releases, self.stream, audit, self.telemetry.logged, self.clock
        )
        monitors = [monitor() for monitor in load("monitor").values()]
        store = self.telemetry
        quality = Quality(store.looks, store.feeds, store.logged, store.serving, self.registry)
        self.runner = WatchRunner(store.serving, self.releases, self.stream, self.topology, monitors, quality=quality)
        self.outcomes = Outcomes(self.telemetry.predictions, self.telemetry.labels, self.clock)
        self.random = np.random.default_rng(7)

    def attach(self, version: str = "", learn: int = 200) -> dict[str, Any]:
        return self.attachments.attach(Attachment(self.contract, version, learn, "ada"))

    def at(self, seconds: float) -> datetime:
        moment = NOON + timedelta(seconds=seconds)
        self.clock.set(moment)
        return moment

    def look(self, seconds: float) -> list[Finding]:
        """One turn, some seconds after noon."""
        now = self.at(seconds)
        self.outcomes.settle()
        self.attachments.follow(now)
        return self.runner.tick(now)

    def live(self, start_s: float, end_s: float, version: str = "7", *, labels: bool = True, **changed: Any) -> None:
        """Answer from ``start_s`` to ``end_s``; ``changed`` replaces inputs (a value, or None for: it is left out)."""
        count = round((end_s - start_s) * RATE)
        moments = [start_s + index / RATE for index in range(count)]
        self.at(end_s)
        made = [self._prediction(moment, version, changed) for moment in moments]
        self.outcomes.predictions([prediction for prediction, _ in made])
        if labels:
            self.label([prediction["id"] for prediction, _ in made], [label for _, label in made], start_s + 30, end_s)

    def label(
        self, ids: Sequence[str], values: Sequence[float], first_s: float, sent_s: float, *, came_s: float | None = None
    ) -> None:
        """Labels that became known one after another from ``first_s`` on, and are sent a little at a time: when they
        were known, or (``came_s``) from another moment on.
        """
        ahead = timedelta(seconds=first_s - came_s) if came_s is not None else timedelta()
        step = RATE * 50
        for start in range(0, len(ids), step):
            known = [
                NOON + timedelta(seconds=first_s + (start + i) / RATE) for i in range(len(ids[start : start + step]))
            ]
            self.clock.set(known[-1] - ahead)
            rows = zip(ids[start : start + step], values[start : start + step], known, strict=True)
            self.outcomes.labels(
                [{"prediction_id": key, "value": value, "time": at.isoformat()} for key, value, at in rows]
            )
        self.at(sent_s)

    def _prediction(self, moment: float, version: str, changed: dict[str, Any]) -> tuple[dict[str, Any], float]:
        tenure, spend = float(self.random.gamma(2, 20)), float(self.random.lognormal(3, 0.5))
        plan = PLANS[int(self.random.integers(10))]
        chance = 1 / (1 + np.exp(0.08 * (tenure - 40)))
        inputs: dict[str, Any] = {"tenure": tenure, "spend": spend, "plan": plan}
        for name, change in changed.items():
            if change is None:
                inputs.pop(name)
            else:
                inputs[name] = change(inputs) if callable(change) else change
        record = {
            "id": f"{version}/{moment}",
            "time": (NOON + timedelta(seconds=moment)).isoformat(),
            "model": self.model,
            "version": version,
            "score": float(inputs.pop("score", chance)),
            "entity_key": f"c{int(self.random.integers(500))}",
            "features": {name: value for name, value in inputs.items() if not isinstance(value, str)},
            "categories": {name: value for name, value in inputs.items() if isinstance(value, str)},
        }
        return record, float(self.random.random() < chance)

    def open(self) -> dict[tuple[str, str], str]:
        """Entity and kind of what is open, with its cause."""
        return {(f.entity, f.kind.value): f.attributes.get("cause", "") for f in self.stream.open_findings()}
