"""A service on a socket of its own, in a thread, and a tracer whose spans can be looked at."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Protocol

import pytest
import uvicorn
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from wellkept.demo.shop.calls import Peer
from wellkept.demo.shop.web import App, Handler


class Serve(Protocol):
    """Serves routes, and says where; the peers are those that the handlers call."""

    def __call__(self, routes: Mapping[str, Handler], *peers: Peer) -> str: ...


class Traced:
    """A provider whose spans can be looked at."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.spans))
        self.tracer = self.provider.get_tracer("test")


@pytest.fixture
def traced() -> Iterator[Traced]:
    made = Traced()
    yield made
    made.provider.shutdown()


@pytest.fixture
def serve(traced: Traced) -> Iterator[Serve]:
    """Every service ends with the test, and the connections of its peers with its loop."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(routes: Mapping[str, Handler], *peers: Peer) -> str:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        config = uvicorn.Config(App(routes, traced.tracer), lifespan="off", log_level="warning")
        server = uvicorn.Server(config)

        async def run() -> None:
            try:
                await server.serve([listener])
            finally:
                for peer in peers:
                    peer.close()

        thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(10)
