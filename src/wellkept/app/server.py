"""The server process: builds the platform, opens the doors, prints the page's address, and ends cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import click
import uvicorn
from fastapi import FastAPI

from wellkept import __version__
from wellkept.api import agents, auth, errors, incidents, models, otlp, plans, predictions, status
from wellkept.app.children import Child
from wellkept.app.platform import Platform, log_folder
from wellkept.app.secrets import token_of
from wellkept.app.settings import Settings
from wellkept.kernel.errors import ConflictError, ForbiddenError
from wellkept.web import pages, session
from wellkept.web.deps import WebDeps

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def serve(settings: Settings, *, as_json: bool = False) -> None:
    """Run until told to stop (SIGINT or SIGTERM).

    Raises:
        ForbiddenError: the address is not loopback and the configuration does not say that this is meant.
        ConflictError: the port, or the data folder, is in use.
    """
    if settings.server.host not in LOOPBACK and not settings.server.allow_remote:
        raise ForbiddenError(f"server.host {settings.server.host} is not loopback; set server.allow_remote to mean it")
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    listener = _listen(settings)
    port = listener.getsockname()[1]
    address = f"http://{settings.server.host}:{port}"
    data = settings.data.resolve()
    token = token_of(data)
    with _claimed(data, address):
        platform = Platform(settings)
        app = build_app(platform, token)
        children = _children(settings, address, data)
        app.router.lifespan_context = _lifespan(platform, children, address, token, as_json)
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=3)
        _Server(config, platform, children).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Ends what would keep connections open (long polls, our own children) before it waits for them to end."""

    def __init__(self, config: uvicorn.Config, platform: Platform, children: Sequence[Child]) -> None:
        super().__init__(config)
        self._platform, self._children = platform, children

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._platform.agents.close()
        await asyncio.gather(*(asyncio.to_thread(child.stop) for child in self._children))
        await super().shutdown(sockets)


def build_app(platform: Platform, token: str) -> FastAPI:
    """Every door of the platform, behind authentication."""
    app = FastAPI(title="Wellkept", version=__version__, docs_url="/api/docs", openapi_url="/api/openapi.json")
    errors.install(app)
    app.include_router(status.router(platform.topology, platform.status))
    app.include_router(agents.router(platform.agents))
    app.include_router(incidents.router(platform.stream, platform.gate, platform.clock))
    app.include_router(plans.router(platform.gate, platform.audit))
    app.router.routes.extend(otlp.routes(platform.ingest))
    app.router.routes.extend(predictions.routes(platform.outcomes, platform.ingest.settings.max_body_bytes))
    if platform.ml is not None:
        app.include_router(models.router(platform.ml.usecases, platform.artifacts, platform.clock))
    deps = WebDeps(
        stream=platform.stream,
        topology=platform.topology,
        gate=platform.gate,
        registry=platform.registry,
        audit=platform.audit,
        telemetry=platform.telemetry,
        clock=platform.clock,
        token=token,
        ops_enabled=platform.ops is not None,
        ml_enabled=platform.ml is not None,
    )
    app.router.routes.extend(pages.routes(deps))
    app.add_middleware(auth.Authentication, token=token, is_session=session.is_valid)
    return app


@contextlib.contextmanager
def _claimed(data: Path, address: str) -> Iterator[None]:
    """Write who serves this folder, for the clients; take it away at the end."""
    pid = data / "server.pid"
    pid.write_text(str(os.getpid()), encoding="ascii")
    (data / "address").write_text(address, encoding="ascii")
    try:
        yield
    finally:
        pid.unlink(missing_ok=True)


def _listen(settings: Settings) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in settings.server.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.server.host, settings.server.port))
    except OSError as error:
        listener.close()
        where = f"{settings.server.host}:{settings.server.port}"
        raise ConflictError(f"address {where}", f"cannot be used: {error.strerror}; try --port") from error
    return listener


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
        arguments = ["-m", "wellkept.ml.serve", "--port", str(settings.ml.serve_port), "--url", address]
        arguments += ["--token-file", str(data / "token"), "--cache", str(data / "served")]
        children.append(Child("model-server", arguments, environment, logs / "model-server.log"))
    return children


def _lifespan(
    platform: Platform, children: list[Child], address: str, token: str, as_json: bool
) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        platform.start()
        for child in children:
            child.start()
        _say_ready(address, token, as_json)
        try:
            yield
        finally:
            platform.close()

    return lifespan


def _say_ready(address: str, token: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"ready": True, "address": address, "token": token}))
    else:
        click.secho("Wellkept is ready.", bold=True)
        click.echo(f"  pages   {address}/?token={token}")
        click.echo(f"  doors   {address}/v1/metrics, /v1/logs, /v1/traces (OTLP; Authorization: Bearer {token})")
        click.echo("  stop    Ctrl-C")
