"""Requests to trackers: the guarded transport, JSON, and failures that say whether it may work later."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from wellkept.kernel.clock import Clock
from wellkept.spine.tickets.answer import Answer
from wellkept.spine.tickets.base import TicketError, Trouble
from wellkept.spine.webhooks.send import LONGEST_WAIT_S, Reply

MOST_ANSWER_BYTES = 8 << 20
"""A page of a hundred long issues is far below."""
AGENT = "wellkept-tickets/1"
LONGEST_SAID = 300
BUSY = frozenset({408, 425, 429})
RESET_HEADERS = ("x-ratelimit-reset", "ratelimit-reset")
LEFT_HEADERS = ("x-ratelimit-remaining", "ratelimit-remaining")


class Sending(Protocol):
    """What sends a request (see :class:`wellkept.spine.webhooks.send.Transport`)."""

    def request(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout_s: float,
        ca_file: Path | None = None,
        most_bytes: int = ...,
    ) -> Reply: ...


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it went; ``status`` 0 means that there was no answer. It holds no secret."""

    at: datetime
    method: str
    path: str
    status: int
    said: str


Told = Callable[[Call], None]
"""Is told of every request, and may raise to stop what is under way."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where requests go, and with what: the address, its headers (made anew for every request), limits."""

    address: str
    headers: Callable[[], Mapping[str, str]]
    timeout_s: float
    ca_file: Path | None = None


class Caller:
    """Asks one tracker."""

    def __init__(self, site: Site, transport: Sending, clock: Clock, told: Told) -> None:
        self._site, self._transport, self._clock, self._told = site, transport, clock, told

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, query: Mapping[str, str] | None = None
    ) -> Answer:
        """The answer's JSON; that of an empty one is None.

        Args:
            method: of HTTP.
            path: below the address; its parts are quoted already.
            body: sent as JSON.
            query: what stands behind the ``?``.

        Raises:
            TicketError: there was no answer, or one that is not a success.
        """
        return self.answer(method, path, body, query)[0]

    def answer(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, query: Mapping[str, str] | None = None
    ) -> tuple[Answer, Mapping[str, str]]:
        """The same with the answer's headers, by lower-case name."""
        site = self._site
        sent = {"Accept": "application/json", "User-Agent": AGENT, **site.headers()}
        content = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        if content is not None:
            sent["Content-Type"] = "application/json"
        url = f"{site.address}{path}" + (f"?{urlencode(query, quote_via=quote)}" if query else "")
        reply = self._transport.request(method, url, content, sent, site.timeout_s, site.ca_file, MOST_ANSWER_BYTES)
        now = self._clock.now()
        said = "" if 200 <= reply.status < 300 else (_reason(reply.body) or reply.said)
        self._told(Call(now, method, path, reply.status, said))
        if said or not 200 <= reply.status < 300:
            raise TicketError(trouble_of(reply), f"{method} {path}: {_numbered(reply, said)}", wait_of(reply, now))
        request = f"{method} {path}"
        return Answer(request, _json(reply, request)), reply.headers


def trouble_of(reply: Reply) -> Trouble:
    """What kind of failure an answer is. A 403 that names a limit asks to wait, as GitHub has it."""
    if reply.status == 0 or reply.status in BUSY or reply.status >= 500:
        return Trouble.AGAIN
    if reply.status == 403 and _is_limit(reply):
        return Trouble.AGAIN
    if reply.status in (401, 403, 407):
        return Trouble.DENIED
    return Trouble.GONE if reply.status in (404, 410) else Trouble.REFUSED


def wait_of(reply: Reply, now: datetime) -> float:
    """Seconds for which an answer asks to be left alone, at most an hour: Retry-After, or until a limit is renewed."""
    wait_s = reply.retry_after_s
    if wait_s <= 0 and (reply.status == 429 or _is_limit(reply)):
        wait_s = max((_until(reply.headers.get(name, ""), now) for name in RESET_HEADERS), default=0.0)
    return min(max(wait_s, 0.0), LONGEST_WAIT_S)


def _is_limit(reply: Reply) -> bool:
    used_up = any(reply.headers.get(name, "").strip() == "0" for name in LEFT_HEADERS)
    return used_up or "retry-after" in reply.headers or b"rate limit" in reply.body[:2000].lower()


def _until(text: str, now: datetime) -> float:
    """Seconds until a moment: since the epoch (GitHub, GitLab, ServiceNow), or ISO 8601 (Jira)."""
    if text.isascii() and text.isdigit() and len(text) < 12:
        return float(text) - now.timestamp()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()


def _json(reply: Reply, what: str) -> Any:
    if not reply.body.strip():
        return None
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError) as error:
        raise TicketError(
            Trouble.AGAIN, f"{what}: the answer is no JSON, or longer than {MOST_ANSWER_BYTES} bytes"
        ) from error


def _numbered(reply: Reply, said: str) -> str:
    return f"answered {reply.status}: {said}" if reply.status and said != reply.said else said


def _reason(body: bytes) -> str:
    """What an error says, in the ways of the four systems; empty where it does not."""
    try:
        document = json.loads(body[:65_536])
    except (ValueError, RecursionError):
        return ""
    words: list[str] = []
    if isinstance(document, dict):
        for key in ("message", "error", "detail", "errorMessages", "errors"):
            _collect(document.get(key), words)
    return "; ".join(dict.fromkeys(words))[:LONGEST_SAID]


def _collect(value: Any, words: list[str], depth: int = 3) -> None:
    if isinstance(value, str) and value:
        words.append(value)
    elif isinstance(value, list) and depth:
        for one in value[:10]:
            _collect(one, words, depth - 1)
    elif isinstance(value, dict) and depth:
        for name, one in list(value.items())[:10]:
            inner: list[str] = []
            _collect(one, inner, depth - 1)
            words += [f"{name}: {said}" for said in inner]
