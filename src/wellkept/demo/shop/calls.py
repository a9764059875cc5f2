"""A service's calls to others: a client span each, with the trace's context, and never longer than they may take."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from opentelemetry.propagate import inject
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer

from wellkept.demo.shop.wire import Http


class CallError(Exception):
    """A call that brought no answer, or an error."""

    def __init__(self, what: str, why: str, status: int = 0) -> None:
        super().__init__(f"{what}: {why}")
        self.status = status


class Peer:
    """Another service, as its callers see it. ``name`` is empty where it is outside of the shop."""

    def __init__(self, tracer: Tracer, name: str, url: str, timeout_s: float) -> None:
        self._tracer, self._name, self._timeout_s = tracer, name, timeout_s
        self._http = Http(url)

    def close(self) -> None:
        """Let go of the kept connections."""
        self._http.close()

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON answer.

        Raises:
            CallError: there was none within the time, or it was an error.
        """
        attributes = {"http.request.method": "POST", "url.path": path}
        if self._name:
            attributes["peer.service"] = self._name
        with self._tracer.start_as_current_span(f"POST {path}", kind=SpanKind.CLIENT, attributes=attributes) as span:
            try:
                return await self._ask(path, body)
            except CallError as error:
                span.set_status(Status(StatusCode.ERROR, str(error)))
                raise

    async def _ask(self, path: str, body: Mapping[str, Any]) -> Any:
        headers = {"content-type": "application/json"}
        inject(headers)
        try:
            async with asyncio.timeout(self._timeout_s):
                status, answer = await self._http.post(path, orjson.dumps(body), headers)
        except TimeoutError as error:
            raise CallError(path, f"no answer within {self._timeout_s * 1000:.0f} ms") from error
        except OSError as error:
            raise CallError(path, type(error).__name__) from error
        if status >= 400:
            raise CallError(path, f"status {status}", status)
        return orjson.loads(answer)
