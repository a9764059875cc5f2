"""One request to one endpoint: a checked address, checked TLS, a limit of time, no redirect and no proxy."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

from wellkept.kernel.errors import WellkeptError
from wellkept.spine.webhooks.address import Network, Resolve, checked, resolved

LONGEST_WAIT_S = 3600.0
MOST_ANSWER_BYTES = 64 << 10
"""Of an answer so much is read; what a post is answered goes to nobody, so that no endpoint is a way to read others."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request went: ``status`` 0 means that there was no answer, and ``said`` why."""

    status: int
    said: str
    retry_after_s: float = 0.0

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is read: ``status`` 0 means that there was none, and ``said`` why. Header names are lower-case."""

    status: int
    said: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def retry_after_s(self) -> float:
        """Seconds to wait by Retry-After, at most an hour; a date counts from the answer's own date."""
        text = self.headers.get("retry-after", "")
        if text.isascii() and text.isdigit():
            return min(float(text[:10]), LONGEST_WAIT_S)
        try:
            asked = parsedate_to_datetime(text) - parsedate_to_datetime(self.headers.get("date", ""))
        except (ValueError, TypeError):
            return 0.0
        return min(max(asked.total_seconds(), 0.0), LONGEST_WAIT_S)


class Transport:
    """Sends requests, and posts bodies whose answers nobody reads."""

    def __init__(
        self, networks: Sequence[str], resolve: Resolve = resolved, setting: str = "webhooks.networks"
    ) -> None:
        """``setting`` is where ``networks`` stand in the configuration, for what is said of an address."""
        self._networks: list[Network] = [ipaddress.ip_network(text) for text in networks]
        self._resolve, self._setting = resolve, setting

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float, ca_file: Path | None = None
    ) -> Answer:
        """Send a body and tell how that went; whatever goes wrong is an answer, too."""
        reply = self.request("POST", url, body, headers, timeout_s, ca_file)
        return Answer(reply.status, reply.said, reply.retry_after_s)

    def request(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout_s: float,
        ca_file: Path | None = None,
        most_bytes: int = MOST_ANSWER_BYTES,
    ) -> Reply:
        """Send a request and read at most ``most_bytes`` of the answer; whatever goes wrong is an answer, too."""
        parts = urlsplit(url)
        is_plain, host = parts.scheme == "http", parts.hostname or ""
        port = parts.port or (80 if is_plain else 443)
        try:
            addresses = checked(host, port, self._networks, plain=is_plain, resolve=self._resolve)
            trust = None if is_plain else ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
            connection = _Pinned(host, port, addresses, trust, timeout_s)
        except (WellkeptError, OSError, ValueError) as error:
            return Reply(0, _said(error).replace("webhooks.networks", self._setting))
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        watch = threading.Timer(timeout_s, connection.cut)
        watch.start()
        try:
            connection.request(method, path, body, {**headers, "Connection": "close"})
            answer = connection.getresponse()
            read = answer.read(most_bytes)
            also = "; redirects are not followed" if 300 <= answer.status < 400 else ""
            told = {name.lower(): value for name, value in answer.headers.items()}
            return Reply(answer.status, f"answered {answer.status}{also}", told, read)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Reply(0, f"no whole answer within {timeout_s:g} s" if connection.is_cut else _said(error))
        finally:
            watch.cancel()
            connection.close()


class _Pinned(http.client.HTTPConnection):
    """A connection to addresses that were checked, whatever the name says by then."""

    def __init__(
        self, host: str, port: int, addresses: Sequence[str], trust: ssl.SSLContext | None, timeout_s: float
    ) -> None:
        super().__init__(host, port, timeout=timeout_s)
        self._addresses, self._trust, self.is_cut = addresses, trust, False

    def connect(self) -> None:
        plain = self._reached()
        self.sock = plain
        if self._trust is not None:
            self.sock = self._trust.wrap_socket(plain, server_hostname=self.host)
        if self.is_cut:  # wrapping takes the socket over, so a cut meanwhile has found nothing to end
            raise OSError("the time is up")

    def cut(self) -> None:
        """End it from outside, whoever waits for what: an answer that drips must not hold anybody up."""
        self.is_cut = True
        sock = self.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _reached(self) -> socket.socket:
        last: OSError | None = None
        for address in self._addresses:
            try:
                sock = socket.create_connection((address, self.port), self.timeout)
            except OSError as error:
                last = error
                if self.is_cut:
                    break
                continue
            if self.is_cut or str(sock.getpeername()[0]).partition("%")[0] != address.partition("%")[0]:
                sock.close()
                raise OSError(f"the connection is not to {address}")
            return sock
        assert last is not None
        raise last


def _said(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    if isinstance(error, WellkeptError):
        return str(error)
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"{type(error).__name__}: {told}"[:300]
