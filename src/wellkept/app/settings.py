"""The configuration: one typed tree, read once from ``wellkept.yaml`` and the environment.

``WELLKEPT_OPS__ENABLED=false`` lays ``ops.enabled`` over the file. Nothing else reads the environment.
"""

from __future__ import annotations

import os
import zoneinfo
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from wellkept.app.detectors import checked as checked_detectors
from wellkept.app.statestore import StateSettings
from wellkept.kernel.errors import DocumentError, NotFoundError, Problem
from wellkept.ml.data.base import DataSettings
from wellkept.ml.train.executors.base import ExecutorSettings
from wellkept.ops.correlate.base import CorrelateSettings
from wellkept.ops.correlate.noise.settings import NoiseSettings
from wellkept.ops.detect.base import DetectSettings
from wellkept.ops.diagnose.base import DiagnoseSettings
from wellkept.ops.ingest.alerts.base import AlertSettings
from wellkept.ops.ingest.scrape.job import Job
from wellkept.ops.ingest.scrape.targets import checked
from wellkept.spine.catalogue import CatalogueSettings
from wellkept.spine.documents import load_document, read_document
from wellkept.spine.notify.settings import NotifySettings
from wellkept.spine.tickets.settings import TicketSettings
from wellkept.spine.webhooks.settings import WebhookSettings
from wellkept.store.telemetry.points.limits import PointLimits

PREFIX = "WELLKEPT_"
OVERRIDE = " (override)"
"""What a document's reader puts behind a field that was laid over it."""
CLIENT_VARIABLES = frozenset({"WELLKEPT_URL", "WELLKEPT_TOKEN", "WELLKEPT_TRACE"})

ENVIRONMENT: Mapping[str, str] = os.environ
"""Variables that the configuration names (the secrets of webhooks), read when they are needed."""

Seconds = Annotated[float, Field(gt=0)]
Port = Annotated[int, Field(ge=0, le=65_535)]


class Part(BaseModel):
    """A branch of the tree. A key that nobody knows is a mistake, not a wish."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False)


def _known_zone(name: str) -> str:
    try:
        return zoneinfo.ZoneInfo(name).key if name else ""
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone such as Europe/Berlin") from None


class Server(Part):
    """Where the server listens. Beyond loopback it needs ``allow_remote``."""

    host: str = "127.0.0.1"
    port: Port = 7460
    """0 takes any free one."""
    allow_remote: bool = False
    """Has to be true where ``host`` is not loopback."""


class Syslog(Part):
    """The syslog server, UDP and TCP. Syslog knows no proof of who sends: beyond loopback everybody may."""

    enabled: bool = False
    host: str = "127.0.0.1"
    allow_remote: bool = False
    """Has to be true where ``host`` is not loopback."""
    udp_port: Annotated[int, Field(ge=-1, le=65_535)] = 5514
    """0 takes any free one, -1 is for none."""
    tcp_port: Annotated[int, Field(ge=-1, le=65_535)] = 5514
    """0 takes any free one, -1 is for none."""
    max_message_kib: Annotated[int, Field(ge=1, le=1024)] = 64
    """A longer message comes in pieces."""
    zone: Annotated[str, AfterValidator(_known_zone)] = ""
    """Zone of times that name none (RFC 3164), such as Europe/Berlin; empty for this machine's."""


class Grpc(Part):
    """The server of OTLP over gRPC. Where its port is taken, the rest of the platform does without it."""

    enabled: bool = True
    host: str = "127.0.0.1"
    allow_remote: bool = False
    """Has to be true where ``host`` is not loopback."""
    port: Port = 4317
    """0 takes any free one."""


class Ingest(Part):
    """The doors for telemetry."""

    max_body_mib: Annotated[int, Field(ge=1, le=1024)] = 20
    """Largest body, after decompression."""
    group_ms: Annotated[int, Field(ge=0, le=5000)] = 50
    """Bodies of this many milliseconds are stored by one statement."""
    queue_mib: Annotated[int, Field(ge=1)] = 256
    """Above this much waiting, senders are told to try again later."""
    retry_window_s: Annotated[float, Field(ge=0)] = 600.0
    """Logs and traces that come again within so many seconds, byte for byte, are stored once; 0 stores them again."""
    metrics: PointLimits = PointLimits(early_s=3600.0)
    alerts: AlertSettings = AlertSettings()
    grpc: Grpc = Grpc()
    syslog: Syslog = Syslog()
    scrape: Annotated[tuple[Job, ...], AfterValidator(checked)] = ()
    """Jobs: what is asked for its metrics (see below)."""


class Retention(Part):
    """How many days each signal is kept, and how much of the disk all of it may take."""

    metrics_days: Annotated[int, Field(ge=1)] = 15
    """Every point."""
    minutes_days: Annotated[int, Field(ge=1)] = 90
    """Metrics by the minute."""
    hours_days: Annotated[int, Field(ge=1)] = 730
    """Metrics by the hour."""
    logs_days: Annotated[int, Field(ge=1)] = 14
    traces_days: Annotated[int, Field(ge=1)] = 7
    predictions_days: Annotated[int, Field(ge=1)] = 90
    disk_gib: Annotated[float, Field(ge=0)] = 0.0
    """What all telemetry may take of the disk; the oldest goes before it takes more. 0 is for no such limit."""
    reserve_mib: Annotated[int, Field(ge=0)] = 512
    """What stays free on the disk, whoever fills it; the oldest telemetry goes before."""


class Backup(Part):
    """Copies of the data folder (see docs/storage.md)."""

    folder: Path | None = None
    """Where they go: best another disk. Where none is named, `backups` in the data folder."""
    every_h: Annotated[float, Field(ge=0)] = 0.0
    """One is made when the newest is so many hours old. 0: only when somebody asks."""
    keep: Annotated[int, Field(ge=1)] = 7
    """So many are kept, the newest."""


class Ops(Part):
    """The AIOps loop."""

    enabled: bool = True
    detect_every_s: Seconds = 10
    """How often all series are looked at."""
    detect: DetectSettings = DetectSettings()
    detectors: Annotated[dict[str, dict[str, Any]], AfterValidator(checked_detectors)] = {}
    """By name (``wellkept detectors list``): ``enabled: false`` switches one off; the rest are its parameters."""
    correlate: CorrelateSettings = CorrelateSettings()
    noise: NoiseSettings = NoiseSettings()
    diagnose: DiagnoseSettings = DiagnoseSettings()
    runbooks: tuple[Path, ...] = ()
    """Folders of your own runbooks; one of the same name as a shipped one replaces it."""
    rules: tuple[Path, ...] = ()
    """Files and folders of rules and objectives (ours, of Prometheus, of OpenSLO); read again when they change."""


class Ml(Part):
    """The MLOps loop. ``serve`` starts a model server beside the platform as soon as a model is deployed."""

    enabled: bool = True
    serve: bool = True
    serve_port: Port = 7461
    """Where the model server answers, on loopback."""
    serve_hosts: tuple[str, ...] = ()
    """Names that clients may call the model server by, beside those of loopback: those of a proxy before it."""
    serve_workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes that answer on that port, each with every model. With several the port must be a fixed one."""
    serve_log_mib: Annotated[int, Field(ge=1)] = 1024
    """What a worker's predictions may take on disk while the platform does not take them; then they are dropped."""
    features: dict[str, str] = {}
    """URLs of feature services, by the names that contracts give them under ``source`` (behind ``service:``)."""
    features_timeout_ms: Annotated[float, Field(gt=0)] = 100
    """What a feature service may take; after that the inputs' declared defaults are taken."""
    watch_every_s: Seconds = 30
    """How often every live model is looked at."""
    rollout_every_s: Seconds = 5
    """How often a rollout is judged."""
    train_timeout_s: Seconds = 3600
    """A training process that takes longer is ended."""
    data: DataSettings = DataSettings()
    train_memory_mb: Annotated[int, Field(ge=0)] = 0
    """Resident memory, in MiB, that a training may take; 0 is for three quarters of the machine's."""
    train_threads: Annotated[int, Field(ge=0)] = 0
    """Threads of a training; 0 is for as many as the machine has cores."""
    train_at_a_time: Annotated[int, Field(ge=1)] = 2
    """Further trainings wait."""
    executor: ExecutorSettings = ExecutorSettings()

    @model_validator(mode="after")
    def _workers_share_a_port(self) -> Ml:
        if self.serve_workers > 1 and not self.serve_port:
            raise ValueError("serve_port must be fixed where serve_workers is more than 1, got 0")
        return self


def _unquoted_off(value: Any) -> Any:
    """YAML reads a bare ``off`` as false."""
    return "off" if value is False else value


class Mlflow(Part):
    """The MLflow extra: a tracking server behind our authentication and gate, for those who speak MLflow."""

    mode: Annotated[Literal["off", "managed", "url"], BeforeValidator(_unquoted_off)] = "off"
    """``managed``: a server of our own, started beside the platform. ``url``: the team's."""
    python: Path = Path(".venv-mlflow/bin/python")
    """An interpreter that has MLflow, for ``managed``; ``make mlflow`` makes this one."""
    url: str = ""
    """Where the team's server is, for ``url``."""
    user: str = ""
    """Whom the team's server knows us as; empty where the secret is a token."""
    secret_file: Path | None = None
    """The file of the password or token for the team's server."""
    host: str = "127.0.0.1"
    allow_remote: bool = False
    """Has to be true where ``host`` is not loopback."""
    port: Port = 7462
    """What clients set MLFLOW_TRACKING_URI to. 0 takes any free one."""
    hosts: tuple[str, ...] = ()
    """More names under which clients reach this door."""
    guarded: tuple[str, ...] = ("champion", "challenger", "shadow", "production")
    """Aliases that move only through the gate."""
    max_artifact_gib: Annotated[float, Field(gt=0)] = 16.0
    """The largest file that a client may log."""
    poll_every_s: Seconds = 30
    """How often its registry is looked at for new versions."""


class GatePolicy(Part):
    """What may happen without a person. High risk never does."""

    automatic_low: bool = True
    """Whether plans of low risk run by themselves."""
    automatic_actions: frozenset[str] = frozenset({"retrain_model"})
    """Actions that may run by themselves at medium risk."""
    automatic_most: Annotated[int, Field(ge=1)] = 3
    """So often a runbook runs by itself for one target within ``automatic_within_s``; after that a person is asked."""
    automatic_within_s: Seconds = 86_400


class OwnAgent(Part):
    """The agent that ``wellkept up`` starts for its own host."""

    enabled: bool = True
    config: Path | None = None
    """The agent's own configuration (see below)."""


class Settings(Part):
    """The whole tree."""

    data: Path = Path(".wellkept/data")
    """The folder that everything is kept in. One server at a time."""
    state: StateSettings = StateSettings()
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    server: Server = Server()
    ingest: Ingest = Ingest()
    retention: Retention = Retention()
    backup: Backup = Backup()
    ops: Ops = Ops()
    ml: Ml = Ml()
    mlflow: Mlflow = Mlflow()
    gate: GatePolicy = GatePolicy()
    catalogue: CatalogueSettings = CatalogueSettings()
    tickets: TicketSettings = TicketSettings()
    webhooks: WebhookSettings = WebhookSettings()
    notify: NotifySettings = NotifySettings()
    agent: OwnAgent = OwnAgent()


DEMO = Path(".wellkept/demo")


def resumed_demo(folder: Path = DEMO) -> Path | None:
    """The configuration of a demo that runs while its server does not; None when there is no such demo."""
    pid, config = folder / "demo.pid", folder / "wellkept.yaml"
    if not pid.is_file() or not config.is_file() or not _runs(pid):
        return None
    return None if _runs(folder / "data" / "server.pid") else config


def _runs(pid_file: Path) -> bool:
    """Whether the process that a file names is alive."""
    try:
        os.kill(int(pid_file.read_text(encoding="ascii")), 0)
    except (OSError, ValueError):
        return False
    return True


def load_settings(path: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """The configuration of a file (None: ``wellkept.yaml`` where there is one) and the environment.

    Raises:
        NotFoundError: the named file is not there.
        DocumentError: every mistake, with line, field, rule and value.
    """
    source = path or Path("wellkept.yaml")
    if path is not None and not path.is_file():
        raise NotFoundError(f"configuration {path}", "is not a file")
    names: dict[tuple[str | int, ...], str] = {
        tuple(name.removeprefix(PREFIX).lower().split("__")): name
        for name in sorted(environment)
        if name.startswith(PREFIX) and name not in CLIENT_VARIABLES
    }
    overrides = {place: environment[name] for place, name in names.items()}
    try:
        if source.is_file():
            return read_document(Settings, source, overrides)
        return load_document(Settings, "", "the environment", overrides)
    except DocumentError as error:
        raise DocumentError(error.source, tuple(_with_variable(p, names) for p in error.problems)) from error


def _with_variable(problem: Problem, names: Mapping[tuple[str | int, ...], str]) -> Problem:
    """The problem, with the name of the environment variable where one made it."""
    if not problem.field.endswith(OVERRIDE):
        return problem
    field = problem.field.removesuffix(OVERRIDE)
    path = tuple(field.split("."))
    name = next((name for place, name in names.items() if path[: len(place)] == place), "")
    return replace(problem, field=f"{field} ({name})")
