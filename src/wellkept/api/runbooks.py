"""Whether runbooks may run by themselves: stopping all of them, and letting them run again."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from wellkept.api.names import By
from wellkept.kernel.clock import Clock
from wellkept.kernel.codec import encode
from wellkept.spine.brakes import Brakes, Pause


class Resumption(BaseModel):
    """Who lets them run again."""

    model_config = ConfigDict(extra="forbid")

    by: By


class WantedPause(Resumption):
    """For how long (None: until somebody ends it), and why."""

    why: Annotated[str, Field(min_length=1, max_length=500)]
    for_s: float | None = None


def router(brakes: Brakes, clock: Clock) -> APIRouter:
    """Routes below ``/api/v1/runbooks``."""
    routes = APIRouter(prefix="/api/v1/runbooks", tags=["plans"])

    @routes.get("/pause")
    def paused() -> dict[str, Any]:
        return {"pause": _shown(brakes.paused(clock.now()))}

    @routes.post("/pause")
    def pause(wanted: WantedPause) -> dict[str, Any]:
        return {"pause": _shown(brakes.pause(wanted.by, wanted.why, clock.now(), wanted.for_s))}

    @routes.post("/resume")
    def resume(wanted: Resumption) -> dict[str, Any]:
        brakes.resume(wanted.by, clock.now())
        return {"pause": None}

    return routes


def _shown(pause: Pause | None) -> dict[str, Any] | None:
    return {**encode(pause), "sentence": pause.sentence} if pause is not None else None
