"""The door of the agents over HTTP: who waits there is in nobody's way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from tests.store.fixtures import state_in

from wellkept.api import agents, errors
from wellkept.kernel.clock import SettableClock
from wellkept.spine.agents import AgentDoor

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
WAITING = 100
"""More than the threads that the other routes share."""


@pytest.fixture
def door(tmp_path: Path) -> Iterator[AgentDoor]:
    state = state_in(tmp_path / "state")
    made = AgentDoor(state, SettableClock(NOON))
    yield made
    made.close()
    state.close()


def test_many_agents_that_wait_do_not_hold_up_the_other_routes(door: AgentDoor) -> None:
    app = FastAPI()
    errors.install(app)
    app.include_router(agents.router(door))

    async def scene() -> tuple[list[int], int]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as http:
            polls = [
                asyncio.create_task(http.get(f"/api/v1/agents/h{number}/actions", params={"wait": 30}))
                for number in range(WAITING)
            ]
            answered = await asyncio.wait_for(http.post("/api/v1/agents/h1/hello", json={"host_id": "h1"}), 30)
            assert not any(poll.done() for poll in polls)
            door.close()
            return [(await poll).status_code for poll in polls], answered.status_code

    polled, said = asyncio.run(scene())

    assert said == 200
    assert set(polled) == {200}
