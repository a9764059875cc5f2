"""Reading telemetry, wired: Prometheus's interface, and our own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from wellkept.api import prometheus, telemetry

if TYPE_CHECKING:
    from wellkept.app.platform import Platform


def install(app: FastAPI, platform: Platform) -> None:
    """Every route of it."""
    app.router.routes.extend(prometheus.routes(platform.telemetry.promql, platform.clock))
    app.include_router(telemetry.router(platform.telemetry, platform.clock))
