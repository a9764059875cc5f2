"""One HTTP connection on the standard library alone, for programs that should stay small, such as the agent."""

from __future__ import annotations

import http.client
import select
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from wellkept.kernel.errors import InputError, WellkeptError

DEFAULT_DATA = Path(".wellkept/data")
"""Where the server of this folder keeps its address and token."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class Connection:
    """Kept open between requests; made anew when the other side closed it meanwhile. For one thread at a time."""

    def __init__(self, url: str, token: str, timeout_s: float) -> None:
        """Nothing is opened yet.

        Raises:
            InputError: the URL is not one of a server.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise InputError("url", f"is not right: {error}", url) from error
        if parts.scheme not in ("http", "https") or not host:
            raise InputError("url", "must begin with http:// or https:// and name a host", url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self.url = url.rstrip("/")
        self._prefix, self._token = parts.path.rstrip("/"), token
        self._http = kind(host, port, timeout=timeout_s)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask once.

        Raises:
            WellkeptError: the server cannot be reached, or broke off. Whether it did what was asked is not known.
        """
        if _is_closed(self._http.sock):
            self._http.close()
        sent = {"Authorization": f"Bearer {self._token}", **(headers or {})}
        try:
            self._http.request(method, f"{self._prefix}{path}", body, sent)
            answer = self._http.getresponse()
            return Answer(answer.status, dict(answer.headers.items()), answer.read())
        except (OSError, http.client.HTTPException) as error:
            self._http.close()
            raise WellkeptError(f"the server at {self.url} does not answer ({type(error).__name__})") from error

    def close(self) -> None:
        self._http.close()


def _is_closed(sock: socket.socket | None) -> bool:
    """Whether the other side closed an idle connection: then there is something to read, the end."""
    if sock is None:
        return False
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
