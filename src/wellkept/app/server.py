"""The server process: builds the platform, opens the doors, prints the page's address, and ends cleanly."""

from __future__ import annotations

import asyncio
import functools
import gc
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import click
import uvicorn
from fastapi import FastAPI

from wellkept import __version__
from wellkept.api import (
    agents,
    auth,
    backups,
    cutoff,
    decisions,
    detectors,
    diagnosis,
    errors,
    export,
    external,
    hooks,
    incidentdeeds,
    incidents,
    jobs,
    limits,
    mcp,
    mlflow_followed,
    modelimport,
    models,
    notifications,
    otlp,
    ownmetrics,
    performance,
    plans,
    predictions,
    rollouts,
    runbooks,
    shortcut,
    skew,
    slack,
    status,
    stored,
    tickets,
    watch,
    webhooks,
)
from wellkept.app import doors, noise, reading
from wellkept.app.children import Child
from wellkept.app.claim import LOOPBACK, claimed, listen, url_of
from wellkept.app.measures import measures
from wellkept.app.modelserver import model_servers
from wellkept.app.platform import Platform, log_folder
from wellkept.app.priority import stand_behind
from wellkept.app.secrets import private, token_of
from wellkept.app.settings import Settings
from wellkept.kernel.errors import ForbiddenError
from wellkept.web import pages, session
from wellkept.web.deps import WebDeps, nothing_printed

IDLE_S = 120
"""So long a connection may be idle: a sender that exports every 5 to 60 s is not to find it closed."""
GRACE_S = 5
"""So long a request that came before the end may take to be answered: what is being stored is acknowledged."""
COLLECT_AT = 50_000
"""So many new objects are looked through for rubbish at once; a storm makes as many in a second, and keeps them."""


def serve(settings: Settings, *, as_json: bool = False) -> None:
    """Run until told to stop (SIGINT or SIGTERM).

    Raises:
        ForbiddenError: the address is not loopback and the configuration does not say that this is meant.
        ConflictError: the port, or the data folder, is in use.
        InputError: the data folder cannot be written.
    """
    if settings.server.host not in LOOPBACK and not settings.server.allow_remote:
        raise ForbiddenError(f"server.host {settings.server.host} is not loopback; set server.allow_remote to mean it")
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    listener = listen(settings.server.host, settings.server.port)
    address, data = url_of(listener, settings.server.host), private(settings.data.resolve())
    with listener, claimed(data, address):
        token = token_of(data)
        platform = Platform(settings)
        try:
            platform.start()
            config = uvicorn.Config(
                build_app(platform, token),
                log_level="warning",
                access_log=False,
                lifespan="off",
                loop="uvloop",
                timeout_keep_alive=IDLE_S,
                timeout_graceful_shutdown=GRACE_S,
            )
            grpc = platform.grpc.address if platform.grpc is not None else None
            ready = functools.partial(_say_ready, address, grpc, token, as_json)
            gc.freeze()  # what is there now stays until the end: it need not be gone through again and again
            gc.set_threshold(COLLECT_AT)
            gc.enable()
            _Server(config, platform, _children(settings, address, data), ready).run(sockets=[listener])
        finally:
            platform.close()
    _leave()


class _Server(uvicorn.Server):
    """Starts the processes beside it when it listens, and ends them, and what waits long, before connections are."""

    def __init__(
        self, config: uvicorn.Config, platform: Platform, children: Sequence[Child], ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._platform, self._children, self._ready = platform, children, ready
        platform.pulse.children = children

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for child in self._children:
            child.start()
        if self._platform.settings.ml.enabled and self._platform.settings.ml.serve:
            stand_behind()
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._platform.agents.close()
        await asyncio.gather(*(asyncio.to_thread(child.stop) for child in self._children))
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        """Note that it was told to stop. The signal is not raised again at the end: to be told so is no failure."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


def _leave() -> None:
    """End the process now that everything is closed.

    A run may still wait on its thread for an agent or a training. It goes on at the next start, so the interpreter,
    which would wait for that thread, is left without.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def build_app(platform: Platform, token: str) -> FastAPI:
    """Every door of the platform, behind authentication."""
    # Nothing here calls home: the usual page of the interface would load its scripts from elsewhere, and the
    # telemetry of the framework would go where the environment says (and is looked for with every request).
    app = FastAPI(
        title="Wellkept",
        version=__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    errors.install(app)
    # Routes are tried in their order: first those that are asked all the time.
    app.router.routes.extend(otlp.routes(platform.ingest))
    app.router.routes.extend(predictions.routes(platform.outcomes, platform.ingest.settings.max_body_bytes))
    app.router.routes.extend(doors.routes(platform, token))
    app.router.routes.extend(hooks.routes(platform.hooks, platform.settings.webhooks.max_body_kib << 10))
    app.include_router(status.router(platform.topology, platform.status, platform.pulse.standing))
    app.include_router(stored.router(platform.telemetry.stored))
    app.include_router(agents.router(platform.agents))
    app.include_router(export.router(platform.telemetry))
    app.include_router(backups.router(platform.backups.make, platform.backups.kept))
    of_incidents = platform.incidents
    app.include_router(incidents.router(platform.stream, platform.gate, of_incidents.book, platform.clock))
    app.include_router(incidentdeeds.router(of_incidents.desk))
    app.include_router(diagnosis.router(platform.causes))
    app.include_router(detectors.router(platform.feedback, platform.ops.explained if platform.ops else None))
    app.include_router(plans.router(platform.gate, platform.audit))
    app.include_router(runbooks.router(platform.gate.brakes, platform.clock))
    app.include_router(tickets.router(platform.tickets.desk, platform.audit, platform.clock))
    app.include_router(webhooks.router(platform.outbox, platform.audit, platform.clock))
    told = platform.notifications
    app.router.routes.extend([*slack.routes(told.slack), *ownmetrics.routes(measures(platform))])
    app.include_router(notifications.router(told.desk, platform.stream.incident, told.describer.incident))
    reading.install(app, platform)
    noise.install(app, platform)
    if platform.ml is not None:
        app.include_router(external.router(platform.external, platform.settings.webhooks.max_model_mib << 20))
        app.include_router(models.router(platform.ml.usecases, platform.artifacts, platform.clock))
        app.include_router(modelimport.router(platform.ml.imports))
        app.include_router(skew.router(platform.ml.skew.start))
        app.include_router(performance.router(platform.ml.performance, platform.clock))
        app.include_router(decisions.router(platform.ml.decisions, platform.registry))
        app.include_router(watch.router(platform.ml.attachments, platform.ingest.settings.max_body_bytes))
        app.include_router(mlflow_followed.router(platform.ml.follower))
        app.include_router(rollouts.router(platform.ml.rollouts.usecases))
        app.include_router(jobs.router(platform.ml.usecases))
    app.router.routes.extend([*mcp.routes(app, token), *pages.routes(_shown(platform, token))])
    app.add_middleware(limits.BodyLimit)
    guarded: dict[str, Any] = {"token": token, "is_session": session.is_valid, "is_scoped": platform.tokens.opens}
    app.add_middleware(auth.Authentication, **guarded)
    guard = functools.partial(auth.Authentication, **guarded)
    quick = shortcut.Shortcut(app.build_middleware_stack(), app.router.routes, doors.OF_STORMS, guard)
    app.middleware_stack = cutoff.CutOff(quick)
    return app


def _shown(platform: Platform, token: str) -> WebDeps:
    """What the pages read, and the desks that their forms go to."""
    return WebDeps(
        stream=platform.stream,
        topology=platform.topology,
        gate=platform.gate,
        registry=platform.registry,
        audit=platform.audit,
        book=platform.incidents.book,
        desk=platform.incidents.desk,
        telemetry=platform.telemetry,
        clock=platform.clock,
        token=token,
        storage=lambda: [*platform.leader.notes(), *platform.housekeeping.notes(), *platform.backups.notes()],
        rules=platform.ops.rules if platform.ops is not None else None,
        noise=noise.use_of(platform) if platform.ops is not None else None,
        grouping=noise.grouping_of(platform) if platform.ops is not None else None,
        tickets=platform.tickets.desk,
        feedback=platform.feedback if platform.ops is not None else None,
        detectors=platform.ops.explained if platform.ops is not None else None,
        rollouts=platform.ml.rollouts.rollouts if platform.ml is not None else None,
        stop_rollout=platform.ml.rollouts.usecases.stop if platform.ml is not None else None,
        ops_enabled=platform.ops is not None,
        ml_enabled=platform.ml is not None,
        run_log=platform.ml.training.log if platform.ml is not None else nothing_printed,
        notify=platform.notifications.desk,
        standing=platform.pulse.standing,
        performance=platform.ml.performance.of if platform.ml is not None else None,
        spreads=platform.ml.spreads.of if platform.ml is not None else None,
        decisions=platform.ml.decisions.told if platform.ml is not None else None,
        causes=platform.causes.desk if platform.ops is not None else None,
    )


def _children(settings: Settings, address: str, data: Path) -> list[Child]:
    """The processes beside the server: the agent of this host, and the model server."""
    environment = {**os.environ, "WELLKEPT_URL": address, "WELLKEPT_TOKEN": token_of(data)}
    logs = log_folder(data)
    children = []
    if settings.agent.enabled:
        arguments = ["-m", "wellkept", "agent", "--state", str(data / "agent"), "--die-with-parent"]
        if settings.agent.config is not None:
            arguments += ["--config", str(settings.agent.config)]
        children.append(Child("agent", arguments, environment, logs / "agent.log"))
    if settings.ml.enabled and settings.ml.serve:
        children += model_servers(settings.ml, address, data, environment, logs)
    return children


def _say_ready(address: str, grpc: str | None, token: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"ready": True, "address": address, "grpc": grpc, "token": token}))
    else:
        click.secho("Wellkept is ready.", bold=True)
        click.echo(f"  pages   {address}/?token={token}")
        click.echo(f"  doors   {address}/v1/metrics, /v1/logs, /v1/traces (OTLP; Authorization: Bearer {token})")
        if grpc is not None:
            click.echo(f"          {grpc} (OTLP over gRPC, with the same token)")
        click.echo("  stop    Ctrl-C")
