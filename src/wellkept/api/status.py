"""Health, topology, and what the platform knows of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter

from wellkept.kernel.codec import encode
from wellkept.kernel.entity import EntityKind
from wellkept.kernel.errors import InputError
from wellkept.spine.topology import Topology

Readiness = Callable[[], dict[str, Any]]


def router(topology: Topology, status: Readiness, standing: Callable[[], Mapping[str, str]] = dict) -> APIRouter:
    """``/healthz``, ``/readyz`` (both open to all) and routes below ``/api/v1``.

    Neither of the two needs a thread: all of them may wait for a store. ``standing`` names what stands still. It is
    told and is no failure: to restart a server that waits for a store, or to send it nothing more, would lose what it
    can still take in.
    """
    routes = APIRouter(tags=["status"])

    @routes.get("/healthz")
    async def health() -> dict[str, Any]:
        names = sorted(standing())
        return {"status": "standing still", "standing": names} if names else {"status": "ok"}

    @routes.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @routes.get("/api/v1/status")
    def platform() -> dict[str, Any]:
        return status()

    @routes.get("/api/v1/topology")
    def graph(kind: EntityKind | None = None, at: datetime | None = None) -> dict[str, Any]:
        if at is not None and at.tzinfo is None:
            raise InputError("at", "must name its time zone (such as Z)", at.isoformat())
        return {"entities": encode(topology.entities(kind, at)), "edges": encode(topology.edges(at))}

    return routes
