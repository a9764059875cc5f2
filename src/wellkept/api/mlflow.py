"""The door to MLflow: an unmodified client speaks to it as to MLflow, behind our authentication and our gate.

A request goes through, in this order: is the host ours, who asks, did a foreign page send it, is the path plain, and
what does the table say (:mod:`wellkept.api.mlflow_rules`). Refusals are in MLflow's own form, with a
status at which its clients do not try again.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import anyio.to_thread
import httpx
from starlette.background import BackgroundTask
from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from wellkept.api.auth import POLICY_VIOLATION, is_sender
from wellkept.api.mlflow_requests import check_locations, check_parameters, document_of, plain_path, wish_of
from wellkept.api.mlflow_rules import UNKNOWN, Route, Rule, Size, route_of
from wellkept.kernel.errors import (
    ConflictError,
    ForbiddenError,
    InputError,
    NotFoundError,
    StoreError,
    TooLargeError,
    WellkeptError,
)
from wellkept.ml.register.mlflow import MlflowDesk
from wellkept.store.mlflow.client import Upstream

log = logging.getLogger(__name__)

ASKED = frozenset(
    {
        *("accept", "accept-encoding", "accept-language", "content-type", "content-encoding", "user-agent", "range"),
        *("if-none-match", "if-modified-since", "x-mlflow-client-request-id"),
    }
)
"""Headers that are handed on. The others are between two neighbours, prove something, or steer MLflow."""
KEPT_BACK = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "upgrade"),
        *("transfer-encoding", "server", "date", "set-cookie", "access-control-allow-origin", "location"),
    }
)
SAFE = frozenset({"GET", "HEAD"})
CODES = {
    404: "RESOURCE_DOES_NOT_EXIST",
    401: "UNAUTHENTICATED",
    413: "INVALID_PARAMETER_VALUE",
    409: "RESOURCE_CONFLICT",
}
TOKEN_NEEDED = (
    "this needs the token that `wellkept up` printed: MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_PASSWORD beside any "  # noqa: S105 - a sentence
    "MLFLOW_TRACKING_USERNAME"
)
QUESTION_BYTES = 32 << 20
READ_S = 600.0


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """Who may be asked for by name, and how much may come in."""

    hosts: frozenset[str]
    """What a Host header may name, without the port."""
    largest_file: int
    is_managed: bool
    token: str = field(repr=False, default="")


class MlflowDoor:
    """An ASGI application."""

    def __init__(self, upstream: Upstream, desk: MlflowDesk, settings: DoorSettings) -> None:
        self._upstream, self._desk, self._settings = upstream, desk, settings
        self.counts: Counter[str] = Counter()
        self._http: httpx.AsyncClient | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._live(receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except WellkeptError as error:
            self.counts["refused"] += 1
            answer = _refusal(error)
        except ClientDisconnect:
            return None
        except httpx.HTTPError as error:
            log.warning("mlflow: %s %s: %s", request.method, request.url.path, type(error).__name__)
            answer = _said(503, "TEMPORARILY_UNAVAILABLE", "MLflow does not answer now; it is tried again")
            answer.headers["Retry-After"] = "2"
        return await answer(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """The connections to MLflow end with the server, in its own loop."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                if self._http is not None:
                    await self._http.aclose()
                return await send({"type": "lifespan.shutdown.complete"})
            await send({"type": "lifespan.startup.complete"})

    async def _answer(self, request: Request) -> Response:
        self._check_host(request.headers)
        if not is_sender(request.headers, self._settings.token):
            answer = _said(401, CODES[401], TOKEN_NEEDED)
            answer.headers["WWW-Authenticate"] = 'Basic realm="wellkept"'
            return answer
        self._check_page(request)
        path = plain_path(request.scope.get("raw_path") or request.url.path.encode())
        check_parameters(request.query_params.multi_items())
        route = route_of(request.method, path)
        self.counts[route.rule] += 1
        if route.rule is Rule.REFUSE:
            why = "is no route that Wellkept knows" if route is UNKNOWN else "is switched off behind Wellkept"
            raise ForbiddenError(f"{request.method} {path} {why}")
        if route.size is Size.FILE and await anyio.to_thread.run_sync(self._desk.sealed.holds, path):
            raise ForbiddenError(f"{path} is a file of a registered version: those are written once; log it anew")
        if route.rule is Rule.PASS:
            return await self._handed_on(request, path, self._limited(request, route))
        document = document_of(await self._whole(request, route))
        if route.rule is Rule.GATE:
            return await self._gated(request, path, document)
        check_locations(document, is_managed=self._settings.is_managed)
        try:
            return await self._handed_on(request, path, json.dumps(document).encode())
        finally:
            self._desk.sealed.stale()

    async def _gated(self, request: Request, path: str, document: Mapping[str, Any]) -> Response:
        """What the gate has to say. What it lets through is written anew: MLflow reads what we have read."""
        wish = wish_of(request.method, path, document)
        if self._desk.is_free(wish):
            fields = {name: document[name] for name in ("name", "alias", "version") if name in document}
            return await self._handed_on(request, path, json.dumps(fields).encode())
        if await anyio.to_thread.run_sync(self._desk.is_so, wish):
            return JSONResponse({})
        by = _user(request.headers)
        plan = await anyio.to_thread.run_sync(self._desk.propose, wish, by)
        self.counts["waiting"] += 1
        told = f"{wish.title}: needs approval, request {plan}: `wellkept approve {plan}`"
        return _said(403, "PERMISSION_DENIED", told)

    async def _handed_on(self, request: Request, path: str, body: bytes | AsyncIterator[bytes]) -> Response:
        """Ask MLflow, and stream its answer back. The address is the one that was judged, written anew."""
        headers = {name: value for name, value in request.headers.items() if name in ASKED}
        if isinstance(body, bytes):
            headers["content-type"] = "application/json"
        elif "content-length" in request.headers:
            headers["content-length"] = request.headers["content-length"]
        query = str(QueryParams(request.query_params.multi_items()))
        address = quote(path, safe="/:@!$&'()*+,;=~") + (f"?{query}" if query else "")
        has_body = request.method not in SAFE
        asked = self._client().build_request(
            request.method, address, headers=headers, content=body if has_body else None
        )
        answer = await self._client().send(asked, stream=True)
        given = MutableHeaders(
            raw=[(k.lower(), v) for k, v in answer.headers.raw if k.lower().decode() not in KEPT_BACK]
        )
        if "location" in answer.headers:
            given["location"] = urlsplit(answer.headers["location"]).path or "/"
        return StreamingResponse(
            answer.aiter_raw(), answer.status_code, headers=dict(given), background=BackgroundTask(answer.aclose)
        )

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            upstream = self._upstream
            limits = httpx.Limits(max_connections=64, max_keepalive_connections=16)
            transport = httpx.AsyncHTTPTransport(uds=upstream.socket, limits=limits) if upstream.socket else None
            self._http = httpx.AsyncClient(
                base_url=upstream.url,
                headers=upstream.headers(),
                transport=transport,
                limits=limits,
                timeout=httpx.Timeout(READ_S, connect=5.0),
                trust_env=upstream.is_outside,
            )
        return self._http

    def _limit(self, request: Request, route: Route) -> int:
        limit = self._settings.largest_file if route.size is Size.FILE else QUESTION_BYTES
        announced = request.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > limit:
            raise TooLargeError("body", f"must have at most {limit} bytes", int(announced))
        return limit

    def _limited(self, request: Request, route: Route) -> AsyncIterator[bytes]:
        """The body as it comes in, cut off with an error where it is too long."""
        limit = self._limit(request, route)

        async def parts() -> AsyncIterator[bytes]:
            total = 0
            async for part in request.stream():
                total += len(part)
                if total > limit:
                    raise TooLargeError("body", f"must have at most {limit} bytes")
                if part:
                    yield part

        return parts()

    async def _whole(self, request: Request, route: Route) -> bytes:
        return b"".join([part async for part in self._limited(request, route)])

    def _check_host(self, headers: Headers) -> None:
        """A page elsewhere may have its own name point to this machine; a browser would then ask us in its name."""
        host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        if host.lower() not in self._settings.hosts:
            raise ForbiddenError(f"host {host!r} is not one that this door answers to; add it to mlflow.hosts")

    def _check_page(self, request: Request) -> None:
        """A browser that knows the password sends it along with what a foreign page asks."""
        if request.method in SAFE:
            return
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "none")
        own = f"{request.url.scheme}://{request.headers.get('host', '')}"
        if (origin is not None and origin != own) or site not in ("none", "same-origin"):
            raise ForbiddenError(f"a page of {origin or site} may not write here")


def _refusal(error: WellkeptError) -> Response:
    if isinstance(error, StoreError):
        answer = _said(503, "TEMPORARILY_UNAVAILABLE", str(error))
        answer.headers["Retry-After"] = "2"
        return answer
    if isinstance(error, NotFoundError):
        return _said(404, CODES[404], str(error))
    if isinstance(error, ForbiddenError):
        return _said(403, "PERMISSION_DENIED", str(error))
    if isinstance(error, TooLargeError):
        return _said(413, CODES[413], str(error))
    if isinstance(error, ConflictError):
        return _said(409, CODES[409], str(error))
    return _said(400 if isinstance(error, InputError) else 500, "INVALID_PARAMETER_VALUE", str(error))


def _said(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error_code": code, "message": message}, status)


def _user(headers: Mapping[str, str]) -> str:
    """Who asks: the user of a user and password, or just a client."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user = base64.b64decode(given.strip(), validate=True).partition(b":")[0].decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            user = ""
        if user.isprintable() and user:
            return user[:80]
    return "an MLflow client"


def hosts_of(names: Iterable[str]) -> frozenset[str]:
    """Loopback, and the names given."""
    return frozenset({"127.0.0.1", "localhost", "::1", *(name.lower() for name in names)})
