"""A platform as the model server sees it: its doors over HTTP, with moods, and able to go away and come back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pyarrow as pa

Answer = tuple[int, Any]


def taken(_: list[dict[str, Any]]) -> Answer:
    return 200, {"accepted": 1}


def refused(rule: str, status: int = 422, kind: str = "InputError") -> Answer:
    """An error as the platform's doors write it."""
    return status, {"error": {"type": kind, "message": rule, "thing": "predictions", "rule": rule}}


def _records(body: bytes) -> list[dict[str, Any]]:
    """Predictions as they come from the model server."""
    rows = pa.ipc.open_stream(body).read_all().to_pylist()
    return [{**row, "features": dict(row["features"]), "attributes": dict(row["attributes"])} for row in rows]


class FakePlatform:
    """Answers on a port that stays the same while it goes away and comes back."""

    def __init__(self) -> None:
        self.predictions: list[dict[str, Any]] = []
        self.judge: Callable[[list[dict[str, Any]]], Answer] = taken
        self.deployments: list[dict[str, Any]] = []
        self.blobs: dict[str, bytes] = {}
        self.asked: list[str] = []
        self._server = self._listening(0)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def go(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def come_back(self) -> None:
        self._server = self._listening(self.port)

    def _listening(self, port: int) -> ThreadingHTTPServer:
        platform = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                predictions = _records(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer = platform.judge(predictions)
                if status == 200:
                    platform.predictions += predictions
                self._say(status, json.dumps(answer).encode())

            def do_GET(self) -> None:
                platform.asked.append(self.path)
                blob = platform.blobs.get(self.path.rpartition("/")[2])
                if self.path == "/api/v1/deployments":
                    self._say(200, json.dumps({"deployments": platform.deployments}).encode())
                elif blob is not None:
                    self._say(200, blob)
                else:
                    self._say(404, json.dumps(refused("is not stored", 404, "NotFoundError")[1]).encode())

            def _say(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that is overridden
                pass

        server = ThreadingHTTPServer(("127.0.0.1", port), Door)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server
