"""What agents call: hello, fetch actions (long poll), report results."""

from __future__ import annotations

from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from wellkept.kernel.codec import encode
from wellkept.spine.agents import AgentDoor

POLLS = 1000
"""Agents that may wait for actions at a time. Each holds a thread, and they are not those of the other routes, which
forty waiting agents would have used up."""


class Result(BaseModel):
    """What an agent reports of one action."""

    key: str = Field(min_length=1)
    ok: bool
    changed: bool = False
    sentence: str = ""
    details: dict[str, Any] = {}


class Results(BaseModel):
    """A batch of results."""

    results: list[Result]


def router(door: AgentDoor) -> APIRouter:
    """Routes below ``/api/v1/agents``."""
    routes = APIRouter(prefix="/api/v1/agents", tags=["agents"])

    @routes.get("")
    def agents() -> dict[str, Any]:
        return {"agents": encode(door.agents())}

    @routes.post("/{agent}/hello")
    def hello(agent: str, hello: dict[str, Any]) -> dict[str, Any]:
        door.hello(agent, hello)
        return {"agent": agent}

    polls = CapacityLimiter(POLLS)

    @routes.get("/{agent}/actions")
    async def actions(agent: str, wait: float = Query(default=0, ge=0, le=30)) -> dict[str, Any]:
        return {"actions": await to_thread.run_sync(door.fetch, agent, wait, limiter=polls)}

    @routes.post("/{agent}/results")
    def results(agent: str, batch: Results) -> dict[str, Any]:
        settled = {result.key: door.report(agent, result.key, result.model_dump()) for result in batch.results}
        return {
            "accepted": [key for key, ok in settled.items() if ok],
            "unknown": [k for k, ok in settled.items() if not ok],
        }

    return routes
