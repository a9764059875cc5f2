"""An exporter that says what a test tells it to, over a real socket on a free port."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CERTIFICATE = Path(__file__).with_name("exporter.pem")
"""Made for these tests alone: the certificate of 127.0.0.1 and its key."""
TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass
class Page:
    """What is answered. ``length`` is said instead of the true one; ``waits`` holds the answer back until it is set."""

    content: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": TEXT})
    length: int | None = None
    waits: threading.Event | None = None


class Exporter:
    """Serves ``page`` to everybody, and remembers who asked."""

    def __init__(self, *, is_secure: bool = False) -> None:
        self.page = Page()
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.connections = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        if is_secure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def says(self, text: str, content_type: str = TEXT) -> None:
        self.page = Page(text.encode(), headers={"Content-Type": content_type})

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextlib.contextmanager
def exporting(*, is_secure: bool = False) -> Iterator[Exporter]:
    exporter = Exporter(is_secure=is_secure)
    try:
        yield exporter
    finally:
        exporter.close()


def _handler(exporter: Exporter) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            exporter.connections += 1

        def do_GET(self) -> None:
            exporter.asked.append((self.path, dict(self.headers)))
            page = exporter.page
            if page.waits is not None:
                page.waits.wait()
            self.send_response(page.status)
            for name, value in page.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(page.content) if page.length is None else page.length))
            self.end_headers()
            self.wfile.write(page.content)
            self.close_connection = page.length is not None

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Nobody reads it."""

    return Handler
