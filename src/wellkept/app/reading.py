"""Reading telemetry, wired: Prometheus's interface, and our own; and what is taken out of it for one entity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from wellkept.api import erasure, patterns, predictionlog, prometheus, rules, telemetry
from wellkept.app.rules import Rules
from wellkept.ml.erasure import Forgetting

if TYPE_CHECKING:
    from wellkept.app.platform import Platform


def install(app: FastAPI, platform: Platform) -> None:
    """Every route of it."""
    on = platform.ops.rules if platform.ops is not None else _unwatched(platform)
    app.router.routes.extend(prometheus.routes(platform.telemetry.promql, platform.clock, lambda: on.groups))
    app.include_router(telemetry.router(platform.telemetry, platform.clock))
    app.include_router(predictionlog.router(platform.telemetry.predictions, platform.clock))
    app.include_router(erasure.router(Forgetting(platform.telemetry.erasure, platform.audit, platform.clock)))
    app.include_router(patterns.router(platform.telemetry.patterns, platform.clock))
    app.include_router(rules.router(on, platform.clock))


def _unwatched(platform: Platform) -> Rules:
    """No rules are on where the loop is off that evaluates them; others can be tried over what is stored."""
    locate = platform.identity.entity_of
    return Rules(platform.telemetry, platform.stream, platform.topology, locate, platform.clock, ())
