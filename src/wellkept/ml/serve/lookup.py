"""Features that a service knows: what a request leaves out is asked for, in one request, for a bounded time.

A service is sent ``{"model": NAME, "features": [...], "entity_keys": [...]}`` and answers ``{"rows": [{...}, ...]}``, a
row an entity key (null where it does not know it), and may say under ``as_of`` from when they are.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import orjson

from wellkept.kernel.errors import InputError, OverloadError
from wellkept.ml.inputspec import Input
from wellkept.ml.serve.caller import Caller
from wellkept.ml.serve.meters import Meters
from wellkept.ml.serve.rules import Rows
from wellkept.ml.serve.served import Served

log = logging.getLogger(__name__)

KIND = "service:"
MAX_BYTES = 16 << 20
TRIES, PAUSE_S = 5, 1.0
"""After so many failures in a row a service is left alone for so long: its callers need not wait for nothing."""
LONGEST = 40
Row = Mapping[str, Any]


class UnknownAnswerError(Exception):
    """A service answered, but not in the form that is agreed on."""


class Lookup:
    """Completes rows. ``services``: URLs by the names that contracts use."""

    def __init__(self, services: Mapping[str, str], timeout_s: float, meters: Meters) -> None:
        self._services, self._timeout_s, self._meters = services, timeout_s, meters
        self._http: httpx.AsyncClient | None = None
        self._failures: dict[str, int] = {}
        self._not_before: dict[str, float] = {}

    def wants(self, served: Served, rows: Rows) -> bool:
        """Whether a request leaves out what a service knows."""
        if not self._services or rows.names is None or len(rows.names) >= len(served.names):
            return False
        return any(self._service(entry) for entry in served.rules.missing(rows.names))

    async def completed(self, served: Served, rows: Rows, caller: Caller) -> tuple[Rows, dict[str, str]]:
        """The rows with what was left out, and what the log is told of it.

        Raises:
            InputError: no entity key says whose features are meant.
            OverloadError: a service does not answer, and an input of it has no default.
        """
        assert rows.names is not None
        keys = caller.entity_keys if len(caller.entity_keys) == len(rows) else caller.entity_keys * len(rows)
        wanted: dict[str, list[Input]] = {}
        for entry in served.rules.missing(rows.names):
            if service := self._service(entry):
                wanted.setdefault(service, []).append(entry)
        if not all(keys):
            left_out = ", ".join(entry.name for entries in wanted.values() for entry in entries)
            raise InputError("parameters.entity_key", f"is required where {left_out} must be looked up")
        found = await asyncio.gather(
            *(self._asked(service, served, entries, keys) for service, entries in wanted.items())
        )
        names, values = rows.names, [tuple(row) for row in rows.values]
        defaulted: list[str] = []
        marks: dict[str, str] = {"features_from": ",".join(wanted)}
        for (service, entries), (answers, as_of) in zip(wanted.items(), found, strict=True):
            names += tuple(entry.name for entry in entries)
            values = [
                (*row, *(self._value(entry, answer, service, served, defaulted) for entry in entries))
                for row, answer in zip(values, answers, strict=True)
            ]
            if as_of:
                marks["features_as_of"] = as_of
        if defaulted:
            marks["defaulted"] = ",".join(dict.fromkeys(defaulted))
        return Rows(names, values), marks

    def _service(self, entry: Input) -> str:
        """The service that an input is asked of; empty where the caller must know it."""
        name = entry.source.removeprefix(KIND)
        return name if entry.source.startswith(KIND) and name in self._services else ""

    def _value(
        self, entry: Input, answer: Row | None, service: str, served: Served, defaulted: list[str]
    ) -> float | bool | int | str | None:
        value = None if answer is None else answer.get(entry.name)
        if value is not None:
            if entry.is_category and isinstance(value, str):
                return value
            if entry.is_category or not isinstance(value, bool | int | float):
                rule = "must be a text, as it is a category" if entry.is_category else "must be a number"
                raise InputError(f"input {entry.name}, from {service}", rule, value)
            return value
        defaulted.append(entry.name)
        self._meters.defaulted[served.name, served.label, entry.name] += 1
        if entry.default is None and not entry.nullable:
            raise OverloadError(f"input {entry.name}: {service} does not give it, and it has no default")
        return entry.default

    async def _asked(
        self, service: str, served: Served, entries: Sequence[Input], keys: Sequence[str]
    ) -> tuple[Sequence[Row | None], str]:
        """The rows of a service and from when they are; rows of nothing where it does not answer as it should.

        This is the edge at which whatever a service or the network does is logged and counted.
        """
        nothing: tuple[Sequence[Row | None], str] = ([None] * len(keys), "")
        if time.monotonic() < self._not_before.get(service, 0.0):
            self._meters.lookups[service, "left alone"] += 1
            return nothing
        asked = {"model": served.name, "features": [entry.name for entry in entries], "entity_keys": list(keys)}
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._post(self._services[service], asked)
            rows = _rows(answer, len(keys))
        except TimeoutError:
            self._failed(service, "timeout", f"not within {self._timeout_s:g} s")
            return nothing
        except (httpx.HTTPError, UnknownAnswerError, ValueError) as error:
            self._failed(service, "error", str(error) or type(error).__name__)
            return nothing
        self._failures[service] = 0
        self._meters.lookups[service, "ok"] += 1
        return rows, str(answer.get("as_of", ""))[:LONGEST]

    async def _post(self, url: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        if self._http is None:
            self._http = httpx.AsyncClient(trust_env=False, timeout=self._timeout_s)
        headers = {"Content-Type": "application/json"}
        async with self._http.stream("POST", url, content=orjson.dumps(asked), headers=headers) as answer:
            body = bytearray()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise UnknownAnswerError(f"its answer is over {MAX_BYTES} bytes")
            if answer.status_code != httpx.codes.OK:
                raise UnknownAnswerError(f"it answered with status {answer.status_code}")
        found = orjson.loads(body)
        if not isinstance(found, dict):
            raise UnknownAnswerError("its answer is no object")
        return found

    def _failed(self, service: str, outcome: str, why: str) -> None:
        self._meters.lookups[service, outcome] += 1
        self._failures[service] = self._failures.get(service, 0) + 1
        if self._failures[service] == 1:
            log.warning("feature service %s: %s; declared defaults are taken", service, why)
        if self._failures[service] % TRIES == 0:
            self._not_before[service] = time.monotonic() + PAUSE_S


def _rows(answer: Mapping[str, Any], count: int) -> Sequence[Row | None]:
    rows = answer.get("rows")
    if not isinstance(rows, list) or len(rows) != count:
        raise UnknownAnswerError(f"its answer must have {count} rows, one an entity key")
    if not all(row is None or isinstance(row, dict) for row in rows):
        raise UnknownAnswerError("a row of its answer is no object")
    return rows
