"""A platform for one model server and one version: lists the version, hands out its files, takes in what is logged."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

DIGEST = "sha256:" + "0" * 64
VERSION = 1


@contextmanager
def standin(folder: Path, model: str, contract: str) -> Iterator[str]:
    """The address of a platform that deploys the artifact in a folder; it is there until the end of the block."""
    blobs, artifact = _blobs(folder)
    entry = {"model": model, "digest": DIGEST, "version": VERSION, "artifact": artifact, "contract": contract}
    listing = json.dumps({"deployments": [{**entry, "entity": f"model:{model}"}]}).encode()

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.partition("?")[0] == "/api/v1/deployments":
                return self._say(200, listing)
            blob = blobs.get(self.path.rpartition("/")[2])
            return self._say(404, b"{}") if blob is None else self._say(200, blob)

        def do_POST(self) -> None:
            """Predictions and spans are taken and forgotten."""
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._say(200, b"{}")

        def _say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that is overridden
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _blobs(folder: Path) -> tuple[dict[str, bytes], str]:
    """The files of an artifact by their digests, and the digest of their listing, as the artifact store has them."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    digests = {name: _digest(data) for name, data in files.items()}
    listing = json.dumps(digests, sort_keys=True).encode()
    blobs = {digests[name]: data for name, data in files.items()}
    return {**blobs, _digest(listing): listing}, _digest(listing)


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
