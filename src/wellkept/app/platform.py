"""The whole platform in one object: every engine and stage, built from the settings and wired here and nowhere else."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from wellkept import __version__
from wellkept.app.backups import Backups
from wellkept.app.causes import Causes
from wellkept.app.clock import SystemClock
from wellkept.app.externalruns import external_runs
from wellkept.app.grpc import grpc_server
from wellkept.app.hooks import door_keeper
from wellkept.app.housekeeping import Housekeeping
from wellkept.app.incidents import Incidents
from wellkept.app.inputs import kinds_of, names_of, task_of
from wellkept.app.mloop import ModelLoop
from wellkept.app.notifications import Notifications
from wellkept.app.oploop import OpsLoop
from wellkept.app.pulse import Pulse
from wellkept.app.schedule import VITAL, Job, Loop, Schedule
from wellkept.app.scraper import scraper_of
from wellkept.app.secrets import token_of
from wellkept.app.settings import ENVIRONMENT, Settings
from wellkept.app.statestore import leader_of, server_name
from wellkept.app.syslog import syslog_server
from wellkept.app.tickets import Tickets
from wellkept.app.webhooks import WebhookServer, outbox_of
from wellkept.kernel.clock import Clock
from wellkept.ops.ingest.alerts.intake import Alerts
from wellkept.ops.ingest.base import IngestSettings
from wellkept.ops.ingest.discovery import Discovery
from wellkept.ops.ingest.events.inference import InferenceLog
from wellkept.ops.ingest.identity import Identity
from wellkept.ops.ingest.inputs import Inputs
from wellkept.ops.ingest.outcomes import Outcomes
from wellkept.ops.ingest.said import SaidEvents
from wellkept.ops.ingest.stage import Ingest
from wellkept.spine.action import ActionHandler, Actions
from wellkept.spine.agents import AgentDoor
from wellkept.spine.audit import Audit
from wellkept.spine.brakes import Brakes, BrakeSettings
from wellkept.spine.catalogue import Catalogue
from wellkept.spine.feedback import FeedbackDesk
from wellkept.spine.gate import Gate
from wellkept.spine.grouping import GroupingDesk
from wellkept.spine.lease import Lease
from wellkept.spine.noise import NoiseDesk
from wellkept.spine.pauses import Pauses
from wellkept.spine.policy import Policy
from wellkept.spine.registry import Registry
from wellkept.spine.runs import ONLY, Runs
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.spine.webhooks.runtoken import RunTokens
from wellkept.spine.webhooks.secret import Secrets
from wellkept.store.artifacts.artifacts import Artifacts
from wellkept.store.state.state import State
from wellkept.store.telemetry.telemetry import Telemetry

GATE_EVERY_S = 0.5
ADOPT_EVERY_S = 5.0
DISCOVER_EVERY_S = 2.0
ALERTS_EVERY_S = 5.0


class Server(Protocol):
    """A door with a thread of its own."""

    def start(self) -> None: ...

    def close(self) -> None: ...

    def status(self) -> dict[str, Any]: ...


class Platform:
    """Opens the engines, builds what the settings enable, and runs it on the schedule."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings, self.clock = settings, clock or SystemClock()
        data = settings.data.resolve()
        self._runs: Runs | None = None
        with contextlib.ExitStack() as undo:
            # An engine that is still open when the interpreter ends takes the process down with a signal.
            self.telemetry = Telemetry.open(data / "telemetry", _retention(settings), limits=settings.ingest.metrics)
            undo.callback(self.telemetry.close)
            self.secrets, self.pauses = Secrets(ENVIRONMENT), Pauses(self.clock, data / "pulse")
            self.state = State.open(settings.state.target(data, self.secrets))
            undo.callback(self.state.close)
            self.leader = leader_of(settings.state, self.state, data)
            self.server = server_name(settings.state, data) if self.state.is_shared else ""
            self.artifacts = Artifacts(str(data / "artifacts"))
            self.catalogue = Catalogue(settings.catalogue)
            self.topology = Topology(self.state, self.catalogue)
            self.stream = Stream(self.state, self.telemetry.changes)
            self.audit = Audit(self.state)
            self.noise = NoiseDesk(self.state, self.audit, self.clock)
            self.grouping = GroupingDesk(self.state, self.audit, self.clock, self.catalogue)
            self.causes = Causes(self.state, self.stream, self.audit, self.clock)
            self.feedback = FeedbackDesk(self.state, self.stream, self.audit, self.clock)
            self.registry = Registry(self.state)
            self.agents = AgentDoor(self.state, self.clock)
            self.outbox = outbox_of(settings.webhooks, self.state, self.clock, self.secrets)
            self.tokens = RunTokens(token_of(data), self.clock)
            self.external = external_runs(self)
            room = self.telemetry.engine.space.check
            self.ingest = Ingest(self.telemetry, self.clock, _ingest_settings(settings), self.telemetry.requests, room)
            undo.callback(self.ingest.close)
            rules = kinds_of(self.registry), task_of(self.registry)
            self.outcomes = Outcomes(self.telemetry.predictions, self.telemetry.labels, self.clock, *rules)
            self.inference = _inference(self)
            self.said = SaidEvents(self.telemetry.said, self.outcomes, data / "ingest" / "said", self.clock)
            self.identity = Identity(self.topology, self.clock)
            self.alerts = _alerts(self)
            undo.callback(self.alerts.close)
            self.grpc = grpc_server(settings.ingest.grpc, self.ingest, data)
            self.syslog = syslog_server(settings.ingest.syslog, self.identity, self.ingest, self.clock)
            self.scraper = scraper_of(settings.ingest.scrape, self.ingest, self.clock)
            self.backups = Backups(self)
            self.housekeeping = Housekeeping(
                self.telemetry, self.stream, self.clock, settings.retention, self.backups.give_way
            )
            self.discovery = Discovery(self.telemetry, self.topology, step_s=settings.ops.detect.step_s)
            self.ops = OpsLoop(self) if settings.ops.enabled else None
            self.ml = ModelLoop(self) if settings.ml.enabled else None
            self.gate = self._gate()
            self.incidents = Incidents(self)
            self.hooks = door_keeper(self)
            self.tickets = Tickets(self)
            self.webhooks = WebhookServer(self.outbox, self.hooks.forget_old, leader=self.leader)
            self.notifications = Notifications(self)
            for part in (self.ops, self.ml):
                if part is not None:
                    part.attach(self.gate)
            self._schedule = Schedule(self._loops(), self.leader)
            told = (self.tickets, self.webhooks, self.notifications)
            self.pulse = Pulse(self, [self._schedule, *(part.schedule for part in told)])
            undo.pop_all()

    def start(self) -> None:
        """Start the loops, and, where this server leads, the durable runs (unfinished ones go on)."""
        if self.ml is not None:
            self.ml.training.resume()
            self.ml.skew.resume()
        self.leader.start(self._lead, self._follow)
        self.pauses.begin()
        self._schedule.start()
        for server in self._servers().values():
            server.start()
        self.pulse.start()

    def turn(self, loops: Collection[str]) -> None:
        """Let some loops do one turn on this thread, for who makes time pass by hand (see :meth:`Schedule.turn`)."""
        self._schedule.turn(loops)

    def close(self) -> None:
        """Stop the loops and let go of the engines. What is under way goes on at the next start."""
        self.pulse.close()
        if self.ops is not None:
            self.ops.rules.stop()
        self._schedule.stop()
        self.external.close()
        if self.ops is not None:
            self.ops.close()
        if self.ml is not None:
            self.ml.close()
        self.leader.stop()
        for server in self._servers().values():
            server.close()
        self.leader.close()
        self.alerts.close()
        self.ingest.close()
        self.telemetry.close()
        self.state.close()

    def world(self, key: str) -> str:
        """One fact for the gate: ``incident:<id>``, ``alias:<model>@<alias>``, ``diagnosis:weights``, or
        ``mlflow:`` and one of MLflow.
        """
        kind, _, name = key.partition(":")
        if kind == "incident":
            incident = self.stream.incident(name)
            return "live" if incident is not None and incident.state.is_live else "over"
        if kind == "alias":
            model, _, alias = name.partition("@")
            return self.registry.aliases(model).get(alias, "")
        if kind == "diagnosis":
            return self.causes.fact(name)
        if kind == "mlflow" and self.ml is not None and self.ml.mlflow is not None:
            return self.ml.mlflow.desk.fact(name)
        return ""

    def status(self) -> dict[str, Any]:
        """What runs, and how it has gone."""
        jobs = [
            {"loop": loop.name, "job": job.name, "runs": job.runs, "failures": job.failures}
            | {"last_s": round(job.last_s, 3), "last_error": job.last_error}
            for loop in self._schedule.loops
            for job in loop.jobs
        ]
        doors: dict[str, Any] = {"alerts": asdict(self.alerts.counts), "metrics": self.telemetry.points.status()}
        doors["duplicates"] = self.ingest.duplicates()
        doors |= {name: server.status() for name, server in self._servers().items()}
        loops: dict[str, Any] = {
            "version": __version__,
            "now": self.clock.now().isoformat(),
            "ops": self.ops is not None,
            "ml": self.ml is not None,
        }
        loops |= {"servers": self.leader.status()}
        storage = self.housekeeping.status()
        detection = dict(self.ops.detect.status()) if self.ops is not None else {}
        correlation = self.ops.grouped() if self.ops is not None else {}
        told = {"data": str(self.settings.data), "storage": storage, "jobs": jobs, "doors": doors}
        return {**loops, **told, "pulse": self.pulse.status(), "detection": detection, "correlation": correlation}

    def _lead(self, term: int) -> None:
        """Start the durable runs; those that were under way go on."""
        where: Path | str = self.settings.data.resolve() / "runs"
        executor = ONLY
        if isinstance(self.leader, Lease):
            where, executor = self.state.url, f"{self.leader.holder}-{term}"
        self._runs = Runs(where, step=self._step, settle=self._settle, executor=executor)
        self._runs.launch()
        with self.leader.fenced():
            self.gate.attach(self._runs)

    def _follow(self) -> None:
        """Leave the durable runs to the server that leads now."""
        self.gate.attach(None)
        if self._runs is not None:
            self._runs.close()
            self._runs = None

    def _adopt(self) -> None:
        """Go on with what a former leader has left, or has taken up when it was one no longer."""
        if self._runs is not None:
            self._runs.adopt()

    def _step(self, plan: str, index: int) -> dict[str, Any]:
        with self.leader.fenced():
            return self.gate.step(plan, index)

    def _settle(self, plan: str) -> bool:
        with self.leader.fenced():
            return self.gate.settle(plan)

    def _servers(self) -> dict[str, Server]:
        """The doors that have a thread of their own, where the configuration wants them."""
        servers: dict[str, Server | None] = {"syslog": self.syslog, "grpc": self.grpc, "scrape": self.scraper}
        servers |= {"tickets": self.tickets, "webhooks": self.webhooks, "notifications": self.notifications}
        mlflow = self.ml.mlflow if self.ml is not None else None
        return {name: server for name, server in {**servers, "mlflow": mlflow}.items() if server is not None}

    def _gate(self) -> Gate:
        handlers: dict[str, ActionHandler] = {}
        for part in (self.ops, self.ml):
            if part is not None:
                handlers |= {handler.name: handler for handler in part.handlers()}
        chosen = self.settings.gate
        policy = Policy(chosen.automatic_low, chosen.automatic_actions)
        brakes = Brakes(self.state, self.audit, BrakeSettings(chosen.automatic_most, chosen.automatic_within_s))
        return Gate(self.state, self.stream, self.audit, Actions(handlers), policy, self.world, self.clock, brakes)

    def _loops(self) -> list[Loop]:
        alerts = Job("alerts", lambda: self.alerts.tick(self.clock.now()), led=True, patience=VITAL)
        loops = [
            Loop("gate", GATE_EVERY_S, [Job("gate", self.gate.tick, led=True, patience=VITAL)]),
            Loop("runs", ADOPT_EVERY_S, [Job("runs", self._adopt, led=True)]),
            Loop("discover", DISCOVER_EVERY_S, [Job("discover", lambda: self.discovery.tick(self.clock.now()))]),
            Loop("alerts", ALERTS_EVERY_S, [alerts]),
            *self.housekeeping.loops(),
            *self.backups.loops(),
        ]
        return loops + [loop for part in (self.ops, self.ml) if part is not None for loop in part.loops()]


def _alerts(platform: Platform) -> Alerts:
    """What keeps the alerts of others."""
    settings, is_shared = platform.settings.ingest.alerts, platform.state.is_shared
    return Alerts(platform.stream, platform.clock, settings, pauses=platform.pauses.known, is_shared=is_shared)


def _inference(platform: Platform) -> InferenceLog:
    """What takes the events of KServe's logger in."""
    store, registry = platform.telemetry, platform.registry
    reduced = Inputs(kinds_of(registry))
    return InferenceLog(store.inference, store.predictions, reduced, names_of(registry), platform.clock)


def _retention(settings: Settings) -> dict[str, float]:
    kept = settings.retention
    return {
        "metrics": kept.metrics_days,
        "minutes": kept.minutes_days,
        "hours": kept.hours_days,
        "logs": kept.logs_days,
        "traces": kept.traces_days,
        "predictions": kept.predictions_days,
    }


def _ingest_settings(settings: Settings) -> IngestSettings:
    ingest = settings.ingest
    return IngestSettings(
        max_body_bytes=ingest.max_body_mib << 20,
        group_s=ingest.group_ms / 1000,
        queue_bytes=ingest.queue_mib << 20,
        retry_window_s=ingest.retry_window_s,
    )


def log_folder(data: Path) -> Path:
    """Where the server's children write what they print."""
    folder = data.resolve() / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
