"""``wellkept mcp``: an assistant on this machine asks a server, through its own input and output."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import click
import httpx
from mcp.server.stdio import stdio_server

from wellkept.cli.render import client, data_option
from wellkept.sdk.client import Client
from wellkept.sdk.tools import server_of


@click.command(name="mcp")
@data_option
def command(data: Path | None) -> None:
    """Let an assistant that speaks the Model Context Protocol ask the server; it starts this command itself.

    All tools read. Clients that speak the protocol over HTTP need no command: their address is URL/mcp.
    """
    anyio.run(_serve, client(data))


async def _serve(of: Client) -> None:
    """Until the input ends."""
    spec = of.get("/api/openapi.json")
    headers = {"Authorization": f"Bearer {of.token}"}
    async with httpx.AsyncClient(base_url=of.url, headers=headers, timeout=30, trust_env=of.is_outside) as http:

        async def ask(path: str, parameters: Mapping[str, Any]) -> tuple[int, str]:
            try:
                answer = await http.get(path, params=dict(parameters))
            except httpx.HTTPError as error:
                return 503, f"server at {of.url}: cannot be reached ({type(error).__name__})"
            return answer.status_code, answer.text

        server = server_of(spec, ask)
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())
