"""Patterns of log lines for programs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pyarrow as pa
import pytest
from fastapi import FastAPI

from wellkept.api import errors
from wellkept.api.patterns import router
from wellkept.kernel.clock import SettableClock
from wellkept.ops.detect.patterns.live import LAG, Patterns
from wellkept.store.telemetry.telemetry import Telemetry

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def ask(telemetry: Telemetry) -> Any:
    moment = pa.array([NOON] * 3, pa.timestamp("ns", "UTC"))
    rows = {"Timestamp": moment, "Received": moment, "Body": ["paid 5 EUR", "paid 7 EUR", "disk full"]}
    rows |= {"Entity": ["service:shop/till"] * 3, "ServiceName": ["till"] * 3}
    rows |= {"SeverityNumber": pa.array([9, 9, 17], pa.uint8())}
    telemetry.engine.insert_arrow("otel_logs", pa.table(rows))
    Patterns(telemetry.patterns, 10.0).tick(NOON + LAG)
    app = FastAPI()
    errors.install(app)
    app.include_router(router(telemetry.patterns, SettableClock(NOON + 2 * LAG)))

    def call(**parameters: Any) -> httpx.Response:
        async def get() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
                return await http.get("/api/v1/telemetry/patterns", params=parameters)

        return asyncio.run(get())

    return call


def test_patterns_have_a_template_with_names_and_counts(ask: Any) -> None:
    first, second = ask().json()["patterns"]

    assert (first["template"], first["parameters"], first["lines"]) == ("paid <paid> EUR", ["paid"], 2)
    assert (second["template"], second["severity"], second["services"]) == ("disk full", 17, ["till"])
    assert len(first["pattern"]) == 16
    assert first["samples"] == ["paid 5 EUR"] or set(first["samples"]) <= {"paid 5 EUR", "paid 7 EUR"}
    assert datetime.fromisoformat(first["last_seen"]) == NOON


def test_patterns_are_chosen_by_severity_service_and_time(ask: Any) -> None:
    assert [row["template"] for row in ask(severity=13).json()["patterns"]] == ["disk full"]
    assert ask(service="other").json()["patterns"] == []
    assert ask(end="2026-11-02T11:00:00Z").json()["patterns"] == []
    assert len(ask(limit=1).json()["patterns"]) == 1


def test_what_is_not_known_is_refused(ask: Any) -> None:
    assert ask(color="red").status_code in {400, 422}
