"""Who may call: everything needs the token, except what this table leaves open. Deny by default."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Mapping
from http.cookies import SimpleCookie

from starlette.datastructures import Headers, QueryParams
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from wellkept.api import otlp
from wellkept.kernel.errors import ForbiddenError

OPEN = frozenset({"/healthz", "/readyz", "/login"})
OPEN_BELOW = ("/static/",)
OWN_PROOF = frozenset({"/v2/enqueue"})
"""Doors whose format carries its proof in the body. They look at it themselves, before anything else."""
OWN_PROOF_BELOW = re.compile(r"/api/v1/(?:hooks/[^/]+|slack/interactions)")
"""The same for whole addresses: messages from others' systems, which are signed."""
SENDERS = ("/v1/", "/v2/", "/api/v1/write", "/alertmanager/", "/cloudevents", "/loki/", "/otlp/", "/prometheus/")
"""Doors for tools of others. Many of those know nothing but a user and a password; the password is the token then."""
PROGRAMS = ("/api/", "/mcp", *SENDERS)
"""What pages never write to: there a session proves nothing."""
COOKIE = "wellkept_token"
POLICY_VIOLATION = 1008
"""The close code of WebSocket (RFC 6455); no door of ours speaks it."""

ScopedCheck = Callable[[str, str], bool]
"""(path, token) -> whether the token opens that path."""
SessionCheck = Callable[[str, str], bool]
"""(session cookie, token) -> whether the session was made from the token."""


class Authentication:
    """ASGI middleware: a bearer token for programs (a password for senders), a session cookie for browsers.

    A browser that has neither is sent to ``/login``; a program gets 401. Writing by cookie alone is for the pages,
    which carry their own proof against forged forms.
    """

    def __init__(
        self, app: ASGIApp, token: str, is_session: SessionCheck, is_scoped: ScopedCheck = lambda _path, _token: False
    ) -> None:
        """``is_scoped`` tells whether a bearer's token, which is not the platform's, opens this one address."""
        self._app, self._token, self._is_session, self._is_scoped = app, token, is_session, is_scoped

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        elif self._is_open(scope["path"]) or self._is_first_visit(scope) or self._is_known(scope):
            await self._app(scope, receive, send)
        else:
            await _refusal(scope)(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        return path in OPEN or has_own_proof(path) or path.startswith(OPEN_BELOW)

    def _is_known(self, scope: Scope) -> bool:
        headers, path = Headers(scope=scope), scope["path"]
        if (is_sender if path.startswith(SENDERS) else is_bearer)(headers, self._token):
            return True
        if self._is_scoped(path, bearer_of(headers)):
            return True
        is_page = not path.startswith(PROGRAMS) or scope["method"] in ("GET", "HEAD")
        session = _cookie(headers)
        return is_page and bool(session) and self._is_session(session, self._token)

    def _is_first_visit(self, scope: Scope) -> bool:
        """Whether the address holds a token; the first page compares it, and shows nothing but a session or /login."""
        return scope["path"] == "/" and "token" in QueryParams(scope.get("query_string", b""))


def has_own_proof(path: str) -> bool:
    """Whether a door looks at its proof itself."""
    return path in OWN_PROOF or OWN_PROOF_BELOW.fullmatch(path) is not None


def bearer_of(headers: Mapping[str, str]) -> str:
    """The bearer's token of a request; empty where there is none."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


def is_bearer(headers: Mapping[str, str], token: str) -> bool:
    """Whether the headers hold the token as a bearer's."""
    return hmac.compare_digest(bearer_of(headers).encode(), token.encode())


def is_sender(headers: Mapping[str, str], token: str) -> bool:
    """Whether the headers prove that a sender may write: the token as a bearer's, or as a password."""
    return is_bearer(headers, token) or _is_password(headers, token)


def _is_password(headers: Mapping[str, str], token: str) -> bool:
    """Whether the headers hold the token as the password of some user."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    try:
        _, _, password = base64.b64decode(given.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return False
    return scheme.lower() == "basic" and hmac.compare_digest(password, token.encode())


def _cookie(headers: Mapping[str, str]) -> str:
    morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    return morsel.value if morsel else ""


def _refusal(scope: Scope) -> Response:
    accepts = Headers(scope=scope).get("accept", "")
    if scope["method"] == "GET" and "text/html" in accepts:
        return RedirectResponse("/login", 303)
    told = "this needs the token that `wellkept up` printed, as 'Authorization: Bearer <token>'"
    if scope["path"] in otlp.PATHS:
        answer = otlp.refusal(ForbiddenError(told), otlp.media_of(Headers(scope=scope)))
    else:
        answer = JSONResponse({"error": {"type": "ForbiddenError", "message": told}}, 401)
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer
