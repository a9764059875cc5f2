"""How much is stored, for senders that want to know whether everything has arrived."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from fastapi import APIRouter

from wellkept.kernel.errors import InputError


class Counts(Protocol):
    """Counts what is stored."""

    def counts(self, since: datetime) -> dict[str, Any]: ...


def router(stored: Counts) -> APIRouter:
    """``/api/v1/stored``."""
    routes = APIRouter(prefix="/api/v1", tags=["status"])

    @routes.get("/stored")
    def counts(since: datetime) -> dict[str, Any]:
        if since.tzinfo is None:
            raise InputError("since", "must name its time zone (such as Z)", since.isoformat())
        return {"since": since.isoformat(), "stored": stored.counts(since)}

    return routes
