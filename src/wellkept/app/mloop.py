"""The ml loop, wired: training, promotion, watching, and the decision to retrain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wellkept.app.schedule import Job, Loop
import psutil

from wellkept.app.mlflow import mlflow_extra
from wellkept.app.pipeline import Pipeline
from wellkept.app.training import TrainingRuns
from wellkept.kernel.plan import Plan
from wellkept.ml.data.stage import Snapshots
from wellkept.ml.deploy.stage import PromoteModel, deployments, promotion_plan, rollback_plan
from wellkept.ml.releases import Releases
from wellkept.ml.retrain.action import RetrainModel
from wellkept.ml.retrain.stage import RetrainRunner
from wellkept.ml.usecases import ModelUseCases
from wellkept.ml.watch.stage import WatchRunner
from wellkept.spine.action import ActionHandler
from wellkept.spine.gate import Gate
from wellkept.spine.plugins import load
from wellkept.spine.registry import CHAMPION, ModelVersion

if TYPE_CHECKING:
    from wellkept.app.platform import Platform


class ModelLoop:
    """From a project folder to a model that is live and stays accurate."""

    def __init__(self, platform: Platform) -> None:
        self._platform, self._settings = platform, platform.settings.ml
        self.training = TrainingRuns(
            platform.registry,
            platform.stream,
            platform.audit,
            platform.artifacts,
            Snapshots(platform.artifacts, platform.telemetry.predictions),
            platform.settings.data.resolve() / "training",
            platform.clock,
            self._settings.train_timeout_s,
        )
        self._releases = Releases(platform.registry, platform.artifacts)
        self.promotions = Promotions(platform, self._releases)
        self.usecases = ModelUseCases(
            platform.registry, platform.stream, self.training, self.promotions, platform.telemetry.serving
        )
        self._watch = WatchRunner(
            platform.telemetry.serving,
            self._releases,
            platform.stream,
            platform.topology,
            [monitor() for monitor in load("monitor").values()],
        )
        self._retrain: RetrainRunner | None = None

    def handlers(self) -> Sequence[ActionHandler]:
        """The actions of this loop."""
        platform = self._platform
        return [
        self.mlflow = mlflow_extra(platform, platform.settings.data.resolve() / "logs")
            PromoteModel(platform.registry, platform.stream, platform.clock),
            RetrainModel(platform.registry, self.training),
        ]

    def attach(self, gate: Gate) -> None:
        platform = self._platform
        self.promotions.gate = gate
            *(self.mlflow.handlers() if self.mlflow is not None else ()),
        self._retrain = RetrainRunner(
            platform.registry,
            self._releases,
            platform.stream,
            platform.topology,
        if self.mlflow is not None:
            self.mlflow.attach(gate)
            platform.telemetry.serving,
            gate,
            platform.audit,
            self.promotions.promote,
        )

    def loops(self) -> list[Loop]:
        """One loop: what watching found is triaged within the same turn."""
        assert self._retrain is not None
        retrain, clock = self._retrain, self._platform.clock
        jobs = [
            Job("watch", lambda: self._watch.tick(clock.now())),
            Job("retrain", lambda: retrain.tick(clock.now())),
        ]
        return [Loop("ml", self._settings.watch_every_s, jobs)]


class Promotions:
    """Proposes promotions and rollbacks at the gate."""

    gate: Gate

    def __init__(self, platform: Platform, releases: Releases) -> None:
        self._registry, self._clock, self._releases = platform.registry, platform.clock, releases

    def promote(self, version: ModelVersion, by: str, why: str) -> Plan:
        champion = self._registry.alias(version.model, CHAMPION)
        return self._proposed(promotion_plan(version, champion, self._clock.now(), by, why))

    def rollback(self, model: str, by: str, why: str) -> Plan:
        return self._proposed(rollback_plan(self._registry, model, self._clock.now(), by, why))

    def deployments(self) -> list[dict[str, Any]]:
        return deployments(self._registry, self._releases.contract_text)

    def _proposed(self, plan: Plan) -> Plan:
        self.gate.propose(plan)
        return plan
