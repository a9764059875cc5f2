"""The ml loop, wired: training, promotion, watching, and the decision to retrain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wellkept.app.schedule import Job, Loop
from wellkept.app.training import TrainingRuns
from wellkept.kernel.plan import Plan
from wellkept.ml.data.stage import Snapshots
from wellkept.ml.deploy.stage import PromoteModel, deployments, promotion_plan, rollback_plan
from wellkept.ml.reference import FILE
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
        self.promotions = Promotions(platform)
        self.usecases = ModelUseCases(
            platform.registry, platform.stream, self.training, self.promotions, platform.telemetry.serving
        )
        self._watch = WatchRunner(
            platform.telemetry.serving,
            platform.registry,
            platform.stream,
            platform.topology,
            [monitor() for monitor in load("monitor").values()],
            self._reference,
        )
        self._retrain: RetrainRunner | None = None

    def handlers(self) -> Sequence[ActionHandler]:
        """The actions of this loop."""
        platform = self._platform
        return [
            PromoteModel(platform.registry, platform.stream, platform.clock),
            RetrainModel(platform.registry, self.training),
        ]

    def attach(self, gate: Gate) -> None:
        platform = self._platform
        self.promotions.gate = gate
        self._retrain = RetrainRunner(
            platform.registry,
            platform.stream,
            platform.topology,
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

    def _reference(self, version: ModelVersion) -> bytes:
        artifacts = self._platform.artifacts
        return artifacts.get_bytes(artifacts.listing(version.artifact)[FILE])


class Promotions:
    """Proposes promotions and rollbacks at the gate."""

    gate: Gate

    def __init__(self, platform: Platform) -> None:
        self._registry, self._clock, self._artifacts = platform.registry, platform.clock, platform.artifacts

    def promote(self, version: ModelVersion, by: str, why: str) -> Plan:
        champion = self._registry.alias(version.model, CHAMPION)
        return self._proposed(promotion_plan(version, champion, self._clock.now(), by, why))

    def rollback(self, model: str, by: str, why: str) -> Plan:
        return self._proposed(rollback_plan(self._registry, model, self._clock.now(), by, why))

    def deployments(self) -> list[dict[str, Any]]:
        return deployments(self._registry, self._contract_of)

    def _contract_of(self, version: ModelVersion) -> str:
        """The contract that a version was trained by; the newest one may be of a version that is not live yet."""
        digest = version.lineage.get("contract", "")
        if digest and self._artifacts.has(digest):
            return self._artifacts.get_bytes(digest).decode()
        return self._registry.contract(version.model) or ""

    def _proposed(self, plan: Plan) -> Plan:
        self.gate.propose(plan)
        return plan
