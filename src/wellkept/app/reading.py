"""Reading telemetry, wired: Prometheus's interface, and our own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from wellkept.api import patterns, prometheus, rules, telemetry
from wellkept.api.prometheus_rules import no_runs

if TYPE_CHECKING:
    from wellkept.app.platform import Platform


def install(app: FastAPI, platform: Platform) -> None:
    """Every route of it."""
    on = platform.ops.rules if platform.ops is not None else None
    runs = (lambda: on.engine.runs) if on is not None else no_runs
    app.router.routes.extend(prometheus.routes(platform.telemetry.promql, platform.clock, runs))
    app.include_router(telemetry.router(platform.telemetry, platform.clock))
    app.include_router(patterns.router(platform.telemetry.patterns, platform.clock))
    if on is not None:
        app.include_router(rules.router(on, platform.clock))
