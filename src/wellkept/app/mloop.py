"""The ml loop, wired: training, promotion, watching, and the decision to retrain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wellkept.app.schedule import Loop
from wellkept.app.training import TrainingRuns
from wellkept.kernel.plan import Plan
from wellkept.ml.data.stage import Snapshots
from wellkept.ml.deploy.stage import PromoteModel, deployments, promotion_plan, rollback_plan
from wellkept.ml.usecases import ModelUseCases
from wellkept.spine.action import ActionHandler
from wellkept.spine.gate import Gate
from wellkept.spine.registry import CHAMPION, ModelVersion

if TYPE_CHECKING:
    from wellkept.app.platform import Platform


class ModelLoop:
    """From a project folder to a model that is live and stays accurate."""

    def __init__(self, platform: Platform) -> None:
        self._platform, self._settings = platform, platform.settings.ml
        data = platform.settings.data.resolve()
        self.training = TrainingRuns(
            platform.registry,
            platform.stream,
            platform.audit,
            platform.artifacts,
            Snapshots(platform.artifacts, platform.telemetry.predictions),
            data / "training",
            platform.clock,
            self._settings.train_timeout_s,
        )
        self.promotions = Promotions(platform)
        self.usecases = ModelUseCases(platform.registry, platform.stream, self.training, self.promotions)

    def handlers(self) -> Sequence[ActionHandler]:
        """The actions of this loop."""
        platform = self._platform
        return [PromoteModel(platform.registry, platform.stream, platform.clock)]

    def attach(self, gate: Gate) -> None:
        self.promotions.gate = gate

    def loops(self) -> list[Loop]:
        return []


class Promotions:
    """Proposes promotions and rollbacks at the gate."""

    gate: Gate

    def __init__(self, platform: Platform) -> None:
        self._registry, self._clock = platform.registry, platform.clock

    def promote(self, version: ModelVersion, by: str, why: str) -> Plan:
        champion = self._registry.alias(version.model, CHAMPION)
        return self._proposed(promotion_plan(version, champion, self._clock.now(), by, why))

    def rollback(self, model: str, by: str, why: str) -> Plan:
        return self._proposed(rollback_plan(self._registry, model, self._clock.now(), by, why))

    def deployments(self) -> list[dict[str, Any]]:
        return deployments(self._registry)

    def _proposed(self, plan: Plan) -> Plan:
        self.gate.propose(plan)
        return plan
