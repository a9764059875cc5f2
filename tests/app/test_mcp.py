"""Assistants ask by the Model Context Protocol: over HTTP, and through the input and output of a command."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import anyio
import httpx2
import pytest
from mcp import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent
from tests.app.running import Running, environment, running

from wellkept.sdk.tools import INSTRUCTIONS, LONGEST, QUESTIONS

T = TypeVar("T")
LINES = "".join(f'{{"message": "payment {n} failed, password=hunter2 {"x" * 900}"}}\n' for n in range(100))
INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("mcp")) as found:
        with found.http() as http:
            assert http.post("/v1/lines?service=shop", content=LINES).is_success
        yield found


@asynccontextmanager
async def over_http(server: Running) -> AsyncIterator[ClientSession]:
    headers = {"Authorization": f"Bearer {server.token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        streamable_http_client(f"{server.address}/mcp", http_client=http) as streams,
        ClientSession(*streams) as session,
    ):
        yield session


@asynccontextmanager
async def through_a_command(server: Running) -> AsyncIterator[ClientSession]:
    own = environment(WELLKEPT_URL=server.address, WELLKEPT_TOKEN=server.token)
    command = StdioServerParameters(command=sys.executable, args=["-m", "wellkept", "mcp"], env=own)
    async with stdio_client(command) as streams, ClientSession(*streams) as session:
        yield session


Way = Callable[[Running], Any]
WAYS = pytest.mark.parametrize("way", [over_http, through_a_command], ids=["http", "command"])


def asked(server: Running, way: Way, do: Callable[[ClientSession], Awaitable[T]]) -> T:
    async def ask() -> T:
        async with way(server) as session:
            assert (await session.initialize()).instructions == INSTRUCTIONS
            return await do(session)

    return anyio.run(ask)


def text(result: CallToolResult) -> str:
    (part,) = result.content
    assert isinstance(part, TextContent)
    return part.text


@WAYS
def test_every_tool_reads_and_says_what_it_takes(server: Running, way: Way) -> None:
    tools = asked(server, way, lambda session: session.list_tools()).tools

    assert [tool.name for tool in tools] == [question.name for question in QUESTIONS]
    assert all(tool.annotations is not None and tool.annotations.read_only_hint for tool in tools)
    schemas = {tool.name: tool.input_schema for tool in tools}
    assert schemas["get_incident"]["required"] == ["incident_id"]
    assert {"limit", "severity", "start"} <= schemas["find_incidents"]["properties"].keys()
    assert "$ref" not in json.dumps(schemas)


@WAYS
def test_answers_are_those_of_the_interface(server: Running, way: Way) -> None:
    async def ask(session: ClientSession) -> list[CallToolResult]:
        return [
            await session.call_tool("get_status", {}),
            await session.call_tool("query_metrics", {"query": "1 + 1"}),
            await session.call_tool("search_logs", {"text": "failed", "limit": 1}),
        ]

    status, two, logs = asked(server, way, ask)

    assert json.loads(text(status))["version"] == server.client.get("/api/v1/status")["version"]
    assert json.loads(text(two))["data"]["result"][1] == "2"
    assert json.loads(text(logs))["logs"][0]["body"].startswith("payment")
    assert "hunter2" not in text(logs), "an assistant is told no secrets"


@WAYS
def test_what_is_wrong_is_an_answer_that_says_what_to_do(server: Running, way: Way) -> None:
    async def ask(session: ClientSession) -> list[CallToolResult]:
        wrong: tuple[tuple[str, dict[str, Any]], ...] = (
            ("delete_everything", {}),
            ("get_incident", {}),
            ("get_incident", {"incident_id": "inc-0"}),
            ("get_model", {"model": "../../v1/status"}),
            ("find_findings", {"limit": 0}),
            ("query_metrics", {"query": "up{"}),
            ("search_logs", {"text": "x" * 70_000}),
        )
        return [await session.call_tool(name, arguments) for name, arguments in wrong]

    answers = asked(server, way, ask)

    assert all(answer.is_error for answer in answers)
    words = (
        "There is no tool", "incident_id must not be empty", "is not known", "model", "limit", "cannot be parsed",
        "too long",
    )  # fmt: skip
    assert [word for word, answer in zip(words, answers, strict=True) if word not in text(answer)] == []


def test_a_long_answer_is_cut_and_says_so(server: Running) -> None:
    long = asked(server, over_http, lambda session: session.call_tool("search_logs", {"limit": 100}))
    assert len(text(long)) < LONGEST + 1000
    assert "cut here" in text(long)


def test_nobody_asks_without_the_token(server: Running) -> None:
    with server.stranger() as stranger, server.http() as known:
        assert stranger.post("/mcp", json=INITIALIZE).status_code == 401
        accepted = {"Accept": "application/json, text/event-stream"}
        assert (
            known.post("/mcp", json=INITIALIZE, headers=accepted).json()["result"]["serverInfo"]["name"] == "wellkept"
        )
        assert known.post(
            "/mcp", content=b"{", headers={**accepted, "Content-Type": "application/json"}
        ).is_client_error
        assert known.get("/mcp").status_code == 405, "nothing is sent without being asked for"
        stranger.get("/", params={"token": server.token})
        assert stranger.post("/mcp", json=INITIALIZE).status_code == 401, "a browser's session proves nothing here"
    assert "Traceback" not in server.errors()
