"""An endpoint for webhooks: a real HTTP server that remembers what it was sent."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass
class Receiver:
    """What came, and what is answered."""

    url: str = ""
    status: int = 200
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The events of a type, in the order in which they came."""
        found = [json.loads(body) for body in list(self.bodies) if body]
        return [told for told in found if told.get("type") == kind]


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a port of its own for the length of a block."""
    made, together = Receiver(), threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            with together:
                made.paths.append(self.path)
                made.times.append(datetime.now(UTC))
                made.bodies.append(body)
                made.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(made.status)
            self.end_headers()

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}/events"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
