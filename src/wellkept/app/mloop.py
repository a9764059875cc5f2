"""The ml loop, wired: training, promotion, watching, and the decision to retrain."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psutil

from wellkept.app.mlflow import mlflow_extra
from wellkept.app.modelimport import ModelImports
from wellkept.app.pipeline import Pipeline
from wellkept.app.rollouts import RolloutLoop
from wellkept.app.schedule import Job, Loop
from wellkept.app.secrets import mask_key_of
from wellkept.app.skew import SkewRuns
from wellkept.app.training import TrainingRuns
from wellkept.app.trainingrecord import record_of
from wellkept.kernel.errors import ConflictError
from wellkept.kernel.plan import Plan
from wellkept.ml.data.base import Reach
from wellkept.ml.data.skewcheck import SkewCheck
from wellkept.ml.data.stage import Snapshots
from wellkept.ml.deploy.stage import PromoteModel, deployments, promotion_plan, rollback_plan
from wellkept.ml.deploy.usecases import OtherInputsError
from wellkept.ml.estimate.asking import Performance
from wellkept.ml.estimate.reading import Histories
from wellkept.ml.importing.follow import Follower
from wellkept.ml.importing.trust import OpenTrustedModel
from wellkept.ml.oversight import Limits
from wellkept.ml.register.aliases import MoveAlias, alias_plan, told_moves
from wellkept.ml.releases import Releases
from wellkept.ml.retrain.action import RetrainModel
from wellkept.ml.retrain.ledger import Ledger
from wellkept.ml.retrain.stage import RetrainRunner, Seen
from wellkept.ml.usecases import ModelUseCases
from wellkept.ml.watch.attached import Attachments
from wellkept.ml.watch.distrust import Mistrust
from wellkept.ml.watch.promised import Promises
from wellkept.ml.watch.quality import Quality
from wellkept.ml.watch.spread import Spreads
from wellkept.ml.watch.stage import WatchRunner
from wellkept.spine.action import ActionHandler
from wellkept.spine.gate import Gate
from wellkept.spine.lease import Lease
from wellkept.spine.plugins import load, load_one
from wellkept.spine.registry import CHAMPION, PREVIOUS, ModelVersion, VersionState
from wellkept.store.state.retrains import RetrainRows

if TYPE_CHECKING:
    from wellkept.app.platform import Platform

log = logging.getLogger(__name__)

LOST_EVERY_S, GONE_S = 30.0, 600.0
"""A server that was not heard of for so long is not waited for: what it trained is lost."""
MEMORY_SHARE = 0.75
"""Of the machine's memory, what a training may take where the configuration does not say."""


class ModelLoop:
    """From a project folder to a model that is live and stays accurate."""

    def __init__(self, platform: Platform) -> None:
        self._platform, self._settings = platform, platform.settings.ml
        self.training = TrainingRuns(
            platform.registry,
            record_of(platform),
            platform.artifacts,
            pipeline_of(platform),
            platform.settings.data.resolve() / "training",
            platform.clock,
            self._settings.train_at_a_time,
            platform.server,
        )
        self._releases = Releases(platform.registry, platform.artifacts)
        self.rollouts = RolloutLoop(platform, self._releases)
        self.promotions = Promotions(platform, self._releases, self.rollouts)
        self.usecases = ModelUseCases(
            platform.registry, platform.stream, self.training, self.promotions, platform.telemetry.serving
        )
        check = SkewCheck(platform.telemetry.predictions, _reach(platform), self._settings.train_timeout_s)
        folder = platform.settings.data.resolve() / "skew"
        self.skew = SkewRuns(platform.registry, self._releases, check, folder, platform.clock, platform.server)
        histories = Histories(platform.telemetry.arrivals, platform.telemetry.serving)
        self.performance = Performance(platform.registry, self._releases, histories, platform.stream)
        self.spreads = Spreads(platform.registry, self._releases, platform.telemetry.serving)
        self._watch = WatchRunner(
            platform.telemetry.serving,
            self._releases,
            platform.stream,
            platform.topology,
            [monitor() for monitor in load("monitor").values()],
            self.skew.seen,
            self.performance.of_version,
            quality_of(platform),
        )
        self.attachments = Attachments(
            platform.registry,
            platform.artifacts,
            self._releases,
            platform.stream,
            platform.audit,
            platform.telemetry.logged,
            platform.clock,
        )
        self.decisions = Ledger(RetrainRows(platform.state), platform.registry, platform.audit)
        self._mistrust = Mistrust(platform.stream, platform.telemetry.distrusted)
        self._promises = self._promises_of(platform)
        self._retrain: RetrainRunner | None = None
        self.imports = ModelImports(
            platform.registry,
            platform.audit,
            platform.artifacts,
            self.training.start,
            platform.settings.data.resolve() / "imports",
            platform.clock,
        )
        self.mlflow = mlflow_extra(platform, platform.settings.data.resolve() / "logs")
        self.follower = None
        if self.mlflow is not None:
            self.follower = Follower(self.mlflow.client, platform.registry, self.imports, platform.clock)
            self.imports.fetch = self.follower.source

    def _promises_of(self, platform: Platform) -> Promises:
        """What learns promises from answers, never from spans that are left out of training."""

        def bad(model: str) -> list[tuple[datetime, datetime]]:
            return [(span.start, span.end) for span in self.decisions.excluded(model)]

        store = platform.telemetry.serving
        return Promises(platform.registry, self._releases, store, platform.stream, platform.audit, bad)

    def handlers(self) -> Sequence[ActionHandler]:
        """The actions of this loop."""
        platform = self._platform
        return [
            PromoteModel(platform.registry, platform.stream, platform.clock),
            RetrainModel(platform.registry, self.training),
            MoveAlias(platform.registry, platform.clock),
            OpenTrustedModel(self.imports),
            *self.rollouts.handlers(),
            *(self.mlflow.handlers() if self.mlflow is not None else ()),
        ]

    def attach(self, gate: Gate) -> None:
        platform = self._platform
        self.promotions.gate = gate
        self.imports.gate = gate
        self.rollouts.attach(gate, self.promotions.directly)
        if self.mlflow is not None:
            self.mlflow.attach(gate)
        self._retrain = RetrainRunner(
            platform.registry,
            self._releases,
            platform.stream,
            platform.topology,
            Seen(platform.telemetry.serving, self.performance.of_version, platform.telemetry.feeds),
            gate,
            self.decisions,
            self.promotions.offer,
        )

    def loops(self) -> list[Loop]:
        """What watching found is triaged within the same turn; rollouts are judged in a loop of their own."""
        assert self._retrain is not None
        retrain, platform, clock = self._retrain, self._platform, self._platform.clock
        jobs = [
            Job("skew", lambda: self.skew.tick(clock.now()), led=True),
            Job("said", self._platform.said.follow, led=True),
            Job("inference", self._platform.inference.settle, led=True),
            Job("labels", self._platform.outcomes.settle, led=True),
            Job("attached", lambda: self.attachments.follow(clock.now()), led=True),
            Job("promises", lambda: self._promises.follow(clock.now()), led=True),
            Job("watch", lambda: self._watch.tick(clock.now()), led=True),
            Job("mistrust", lambda: self._mistrust.follow(platform.registry.models(), clock.now()), led=True),
            Job("retrain", lambda: retrain.tick(clock.now()), led=True),
        ]
        loops = [Loop("ml", self._settings.watch_every_s, jobs), self.rollouts.loop()]
        if isinstance(self._platform.leader, Lease):
            lost = functools.partial(self._settle_lost, self._platform.leader)
            loops.append(Loop("lost", LOST_EVERY_S, [Job("lost", lost, led=True)]))
        if self.follower is not None:
            every_s = self._platform.settings.mlflow.poll_every_s
            loops.append(Loop("mlflow", every_s, [Job("mlflow", self.follower.tick, led=True)]))
        return loops

    def _settle_lost(self, lease: Lease) -> None:
        self.training.give_up_but(lease.servers(GONE_S))

    def close(self) -> None:
        """Let go of who waits for the end of a rollout."""
        self.rollouts.close()


def quality_of(platform: Platform) -> Quality:
    """What reads how inputs and labels came in."""
    store = platform.telemetry
    return Quality(store.looks, store.feeds, store.logged, store.serving, platform.registry)


def pipeline_of(platform: Platform) -> Pipeline:
    """The pipeline of trainings, with the limits and the executors that the configuration wants."""
    chosen = platform.settings.ml
    memory_mb = chosen.train_memory_mb or round(MEMORY_SHARE * psutil.virtual_memory().total / (1 << 20))
    limits = Limits(chosen.train_timeout_s, memory_mb, chosen.train_threads or os.cpu_count() or 1)
    kinds: dict[str, None] = dict.fromkeys((chosen.executor.kind, "local"))
    executors = {kind: load_one("executor", kind)(chosen.executor) for kind in kinds}
    snapshots = Snapshots(platform.artifacts, platform.telemetry.predictions, _reach(platform))
    outside = platform.external.executor
    return Pipeline(platform.registry, platform.artifacts, snapshots, executors, limits, outside)


class Promotions:
    """Proposes promotions and rollbacks at the gate."""

    gate: Gate

    def __init__(self, platform: Platform, releases: Releases, rollouts: RolloutLoop) -> None:
        self._registry, self._clock, self._releases = platform.registry, platform.clock, releases
        self._rollouts = rollouts

    def promote(self, version: ModelVersion, by: str, why: str, *, unjudged: bool = False) -> Plan:
        """By the rollout that the version's contract wants, or at once, as one that nobody judged always is."""
        if version.state is VersionState.UNJUDGED:
            return self.directly(version, by, why, unjudged=unjudged)
        return self._rollouts.proposed(version, by, why) or self.directly(version, by, why)

    def offer(self, version: ModelVersion, by: str, why: str) -> Plan | None:
        """The same, of what a retrain brought; None, and offered again later, while something stands in the way.

        Where the contract wants both versions on the same requests and they take other inputs, it is the switch of a
        blue-green rollout that is offered: nobody is there to choose it.
        """
        try:
            return self.promote(version, by, why)
        except OtherInputsError as error:
            return self._rollouts.switched(version, by, f"{why} ({error})")
        except ConflictError as error:
            log.info("version %s of %s cannot be offered now: %s", version.number, version.model, error)
            return None

    def directly(self, version: ModelVersion, by: str, why: str, *, unjudged: bool = False) -> Plan:
        """In front at once."""
        champion = self._registry.alias(version.model, CHAMPION)
        after = self._releases.contract(version) if champion is not None else None
        changes = self._releases.signature_changes(champion, after) if champion and after else ""
        now = self._clock.now()
        return self._proposed(promotion_plan(version, champion, now, by, why, unjudged=unjudged, changes=changes))

    def move(self, model: str, alias: str, version: ModelVersion | None, by: str) -> Plan:
        """An alias that is neither the champion's nor the one before's."""
        return self._proposed(alias_plan(self._registry, alias, version, model, self._clock.now(), by))

    def moves(self, model: str) -> list[dict[str, Any]]:
        """Every move of a model's aliases, with who allowed it."""
        return told_moves(self._registry, self.gate.plan, model)

    def rollback(self, model: str, by: str, why: str) -> tuple[str, Plan | None]:
        """A rollout that is under way is stopped at once, and what it put in front already goes back with it.

        Otherwise the version before comes back when that is approved. Gives what was stopped, and the plan.
        """
        stopped, is_back = self._rollouts.stopped(model, by, why or "rolled back")
        if is_back or (stopped and self._registry.alias(model, PREVIOUS) is None):
            return stopped, None
        return stopped, self._proposed(rollback_plan(self._registry, model, self._clock.now(), by, why))

    def deployments(self) -> list[dict[str, Any]]:
        return deployments(self._registry, self._releases.contract_text, self._rollouts.rollouts.live())

    def _proposed(self, plan: Plan) -> Plan:
        self.gate.propose(plan)
        return plan


def _reach(platform: Platform) -> Reach:
    """What the sources of training data may reach."""
    data = platform.settings.data.resolve()
    return Reach(platform.settings.ml.data, data, mask_key_of(data))
