"""One request to one target, within its time and its size. Nothing else is contacted: no proxy, no redirect."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.content import gunzip
from wellkept.ops.ingest.scrape.base import ScrapeError, Target
from wellkept.ops.ingest.scrape.job import Job, Tls
from wellkept.ops.ingest.scrape.negotiation import Dialect, asking, dialect_of

_IDLE_S = 300.0
_LONGEST_SECRET = 64 << 10
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What a target answered, as it came."""

    content: bytes
    is_gzip: bool
    dialect: Dialect


class Fetcher:
    """Asks one target. Its connection stays open between scrapes."""

    def __init__(self, target: Target, trust: ssl.SSLContext) -> None:
        self._target = target
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_IDLE_S)
        self._http = httpx.AsyncClient(verify=trust, trust_env=False, timeout=target.job.patience_s, limits=limits)
        self._opened: Any = None

    async def fetch(self) -> Answer:
        """What the target says.

        Raises:
            ScrapeError: it did not answer in time, refused, sent too much, or cannot be asked.
        """
        job = self._target.job
        try:
            async with asyncio.timeout(job.patience_s):
                return await self._ask(job)
        except (TimeoutError, httpx.TimeoutException):
            raise ScrapeError(f"no whole answer within {job.patience_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            raise ScrapeError(_why(error)) from error

    async def close(self) -> None:
        await self._http.aclose()

    async def _follow(self, event: str, told: Mapping[str, Any]) -> None:
        """Close a connection that was given up while it was made secure: the client would leave it open."""
        match event:
            case "connection.connect_tcp.complete":
                self._opened = told["return_value"]
            case "connection.start_tls.complete":
                self._opened = None
            case "connection.start_tls.failed" if self._opened is not None:
                await self._opened.aclose()

    async def _ask(self, job: Job) -> Answer:
        headers, more = {**asking(job.patience_s), **_proof(job)}, {"trace": self._follow}
        asked = self._http.stream("GET", self._target.url, headers=headers, follow_redirects=False, extensions=more)
        async with asked as response:
            if response.status_code != httpx.codes.OK:
                also = ", and redirects are not followed" if response.is_redirect else ""
                raise ScrapeError(f"answered {response.status_code} {response.reason_phrase}{also}".rstrip())
            coding = response.headers.get("Content-Encoding", "identity").strip().lower()
            if coding not in ("identity", "gzip"):
                raise ScrapeError(f"answered in the encoding {coding!r}, which was not asked for")
            limit = job.body_mib * _MIB
            content = bytearray()
            async for part in response.aiter_raw():
                content += part
                if len(content) > limit:
                    raise ScrapeError(f"the page is over {limit} bytes; body_mib is {job.body_mib}")
            return Answer(bytes(content), coding == "gzip", dialect_of(response.headers.get("Content-Type", "")))


def page_of(answer: Answer, job: Job) -> str:
    """The text of an answer.

    Raises:
        ScrapeError: it is too long when it is unpacked, damaged, or no UTF-8.
    """
    content = answer.content
    if answer.is_gzip:
        try:
            content = gunzip("the page", content, job.body_mib * _MIB)
        except InputError as error:
            raise ScrapeError(str(error)) from error
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ScrapeError(f"the page is not UTF-8: byte {error.start}") from None


def trust_of(tls: Tls) -> ssl.SSLContext:
    """How certificates are checked.

    Raises:
        InputError: a file that it needs cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=str(tls.ca_file) if tls.ca_file else None)
        if tls.cert_file:
            context.load_cert_chain(tls.cert_file, tls.key_file)
    except OSError as error:
        named = ", ".join(str(file) for file in (tls.ca_file, tls.cert_file, tls.key_file) if file)
        raise InputError("ingest.scrape tls", f"cannot be used: {error.strerror or error}", named) from error
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _proof(job: Job) -> dict[str, str]:
    """Who we are. The files are read every time: whoever changes a password does not restart us."""
    if job.bearer_token_file is not None:
        token = _secret(job.bearer_token_file)
        if not token.isascii():
            raise ScrapeError(f"{job.bearer_token_file} must hold a token of ASCII characters")
        return {"Authorization": f"Bearer {token}"}
    if job.basic_auth is not None:
        pair = f"{job.basic_auth.username}:{_secret(job.basic_auth.password_file)}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {}


def _secret(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as opened:
            secret = opened.read(_LONGEST_SECRET).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ScrapeError(f"{file} cannot be read: {getattr(error, 'strerror', '') or 'it is not UTF-8'}") from error
    if not secret or not secret.isprintable():
        raise ScrapeError(f"{file} must hold one line of text")
    return secret


def _why(error: Exception) -> str:
    """What went wrong, in the words of whoever noticed first: libraries wrap it in less telling ones."""
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) is not None and not isinstance(inner, asyncio.CancelledError):
        cause = inner
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {cause.verify_message}"
    told = str(cause) or str(error)
    if isinstance(cause, OSError) and cause.errno:
        told = os.strerror(cause.errno) if cause.errno > 0 else cause.strerror or told
    return f"{type(error).__name__}: {told}"
