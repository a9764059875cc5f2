"""Prometheus remote write: POST /api/v1/write (also below /prometheus), versions 1.0 and 2.0.

The version is named by the ``proto`` parameter of Content-Type, and a body that is of another one is refused: read as
the wrong one it would seem empty. Senders try again on 429 and 5xx alone, so what may come again is 503 with
``Retry-After``. A request of which something was refused is 400; what was not refused of it is stored.
"""

from __future__ import annotations

import asyncio
from email.message import Message

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from wellkept.api.otlp import UnsupportedError, read_body
from wellkept.api.senders import door, plain
from wellkept.kernel.errors import WellkeptError
from wellkept.ops.ingest.stage import Ingest
from wellkept.store.telemetry.receipt import Receipt
from wellkept.store.telemetry.remote.packed import Packed
from wellkept.store.telemetry.remote.writer import Version

PATHS = ("/api/v1/write", "/prometheus/api/v1/write")
WHAT = "remote write request"
_MEDIA = "application/x-protobuf"
_PROTOS = {"": Version.V1, "prometheus.WriteRequest": Version.V1, "io.prometheus.write.v2.Request": Version.V2}


def routes(ingest: Ingest) -> list[Route]:
    """The routes; what they acknowledge is stored."""
    limit = ingest.settings.max_body_bytes

    async def write(request: Request) -> Response:
        version = version_of(request)
        body = Packed.of(WHAT, await read_body(request, WHAT, limit), limit)
        return _answer(version, await asyncio.wrap_future(ingest.submit_remote(version, body)))

    taken = door(WHAT, write, _as_text)
    return [Route(path, taken, methods=["POST"]) for path in PATHS]


def version_of(request: Request) -> Version:
    """The version that a request says it is of.

    Raises:
        UnsupportedError: it is of another media type, message or compression, or contradicts itself.
    """
    given = Message()
    given["content-type"] = request.headers.get("content-type", "")
    proto = str(given.get_param("proto", ""))
    if given.get_content_type() != _MEDIA or proto not in _PROTOS:
        told = plain(request.headers, "content-type")
        rule = f"must be {_MEDIA}, with proto={' or proto='.join(filter(None, _PROTOS))}"
        raise UnsupportedError(f"{WHAT}, Content-Type", rule, told)
    if (coding := plain(request.headers, "content-encoding").lower()) not in ("snappy", ""):
        raise UnsupportedError(f"{WHAT}, Content-Encoding", "must be snappy", coding)
    version = _PROTOS[proto]
    told = plain(request.headers, "x-prometheus-remote-write-version")
    if told.startswith("2.") and version is Version.V1:
        rule = "must name proto=io.prometheus.write.v2.Request for version 2"
        raise UnsupportedError(f"{WHAT}, Content-Type", rule, plain(request.headers, "content-type"))
    return version


def _answer(version: Version, receipt: Receipt) -> Response:
    if receipt.rejected:
        text = f"{WHAT}: {receipt.rejected} of its samples are not stored: {receipt.reason}\n"
        answer: Response = PlainTextResponse(text, 400)
    else:
        answer = Response(status_code=204)
    if version is Version.V2:
        written = {"Samples": receipt.items, "Histograms": 0, "Exemplars": 0}
        for kind, count in written.items():
            answer.headers[f"X-Prometheus-Remote-Write-{kind}-Written"] = str(count)
    return answer


def _as_text(error: WellkeptError, status: int) -> Response:
    return PlainTextResponse(f"{error}\n", status)
