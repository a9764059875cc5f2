"""The other sides: an HTTP server that records and answers, and a mail server that keeps what it is handed."""

from __future__ import annotations

import contextlib
import email.message
import email.policy
import http.server
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.parser import BytesParser
from typing import Any

Answering = Callable[[str, dict[str, str], bytes], tuple[int, dict[str, str], Any]]


@dataclass
class Service:
    """What came (path, headers by lower-case name, body), and what is answered."""

    url: str = ""
    answer: Answering = lambda _path, _headers, _body: (200, {}, {"ok": True})
    came: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def documents(self, path: str = "") -> list[dict[str, Any]]:
        """The JSON bodies that came to a path."""
        return [json.loads(body) for where, _, body in list(self.came) if where.endswith(path)]


@contextlib.contextmanager
def service() -> Iterator[Service]:
    """An HTTP server on a port of its own for the length of a block."""
    made = Service()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            made.came.append((self.path, headers, body))
            status, also, told = made.answer(self.path, headers, body)
            text = json.dumps(told).encode()
            self.send_response(status)
            for name, value in {**also, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    with _served(server):
        yield made


@dataclass
class MailServer:
    """Mails that were taken. ``refuse`` is what every RCPT is answered instead, ``greet`` what a connection is."""

    port: int = 0
    mails: list[email.message.EmailMessage] = field(default_factory=list)
    refuse: str = ""
    greet: str = "220 here"


@contextlib.contextmanager
def mail_server() -> Iterator[MailServer]:
    """An SMTP server without TLS (RFC 5321, as much of it as a client needs)."""
    made = MailServer()

    class Handler(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(line.encode() + b"\r\n")

        def handle(self) -> None:
            self.say(made.greet)
            while line := self.rfile.readline():
                verb = line[:4].upper()
                if verb == b"DATA":
                    self.say("354 go on")
                    lines = []
                    while (part := self.rfile.readline()) != b".\r\n":
                        lines.append(part.removeprefix(b"."))
                    mail = BytesParser(policy=email.policy.default).parsebytes(b"".join(lines))
                    assert isinstance(mail, email.message.EmailMessage)
                    made.mails.append(mail)
                    self.say("250 taken")
                elif verb == b"RCPT":
                    self.say(made.refuse or "250 ok")
                elif verb == b"QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 ok")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.port = server.server_address[1]
    with _served(server):
        yield made


@contextlib.contextmanager
def _served(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
