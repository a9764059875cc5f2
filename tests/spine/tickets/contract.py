"""Contracts of others' interfaces, recorded by hand from their documentation, and a server that holds us to them.

A contract names each request that there is: method, path, headers, query and body as patterns, the status and an
example of the answer. What fits none of them is refused and remembered, and the test fails.

Patterns: ``~`` begins a regular expression, ``<any>`` is anything, a list of ``*`` and a pattern is a list of such, a
key that begins with ``?`` may be missing. Everything else has to be equal, and no other key may be there.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

FOLDER = Path(__file__).parent / "contracts"


def load(name: str) -> dict[str, Any]:
    """A contract by its name."""
    document: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return document


def misfit(pattern: Any, value: Any, where: str = "") -> str:
    """Why a value does not fit a pattern; empty where it does."""
    if pattern == "<any>":
        return ""
    if isinstance(pattern, str) and pattern.startswith("~"):
        fits = isinstance(value, str) and re.fullmatch(pattern[1:], value) is not None
        return "" if fits else f"{where} is {value!r}"
    if isinstance(pattern, list) and pattern[:1] == ["*"]:
        if not isinstance(value, list):
            return f"{where} is no list"
        return next((said for n, one in enumerate(value) if (said := misfit(pattern[1], one, f"{where}[{n}]"))), "")
    if isinstance(pattern, dict):
        return _misfit_of_keys(pattern, value, where)
    return "" if pattern == value else f"{where} is {value!r}"


def _misfit_of_keys(pattern: Mapping[str, Any], value: Any, where: str) -> str:
    if not isinstance(value, dict):
        return f"{where} is no object"
    known = {name.removeprefix("?"): part for name, part in pattern.items()}
    for name in value:
        if name not in known:
            return f"{where}.{name} is not in the contract"
    for name in pattern:
        if not name.startswith("?") and name not in value:
            return f"{where}.{name} is missing"
    return next((said for n, one in value.items() if (said := misfit(known[n], one, f"{where}.{n}"))), "")


@dataclass
class Asked:
    """A request that fits: which operation, with what."""

    operation: str
    parts: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    example: Any


@dataclass
class Contract:
    """One interface; remembers who broke it."""

    document: Mapping[str, Any]
    broken: list[str] = field(default_factory=list)

    def fit(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Asked | None:
        """The operation that a request is; None where it is none, and why is remembered."""
        reasons = []
        for name, operation in self.document["operations"].items():
            found = self._fitting(operation, method, target, headers, body)
            if isinstance(found, str):
                reasons.append(f"{name}: {found}")
                continue
            example = operation["example"]
            query = dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))
            return Asked(name, found, query, json.loads(body) if body else None, json.loads(json.dumps(example)))
        self.broken.append(
            f"{method} {target} {body[:2000]!r} fits nothing: " + " | ".join(r for r in reasons if r[-1] != "-")
        )
        return None

    def _fitting(
        self, operation: Mapping[str, Any], method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> Mapping[str, str] | str:
        parts = urlsplit(target)
        pattern = operation["path"]
        regex = pattern[1:] if pattern.startswith("~") else re.escape(pattern)
        found = re.fullmatch(regex, parts.path)
        if method != operation["method"] or found is None:
            return "-"
        for name, wanted in self.document["headers"].items():
            if said := misfit(wanted, headers.get(name, ""), f"header {name}"):
                return said
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        if said := misfit(operation.get("query", {}), given, "query"):
            return said
        if operation.get("body") is None:
            return "there must be no body" if body else found.groupdict()
        if headers.get("content-type") != "application/json":
            return "the body is not said to be JSON"
        return misfit(operation["body"], json.loads(body or b"null"), "body") or found.groupdict()


class Site:
    """A system that is played: keeps tickets as the real one would, and answers as its contract says.

    A test may have it fail: ``refusals`` are answered in place of the next requests (status, headers, body), ``mute``
    names operations that are done once without an answer, and ``bent`` changes answers into what no contract says.
    """

    contract_name = ""

    def __init__(self) -> None:
        self.contract = Contract(load(self.contract_name))
        self.refusals: list[tuple[int, dict[str, str], dict[str, Any]]] = []
        self.mute: list[str] = []
        self.bent: dict[str, Callable[[Any], Any]] = {}
        self.asked: list[Asked] = []
        self.tickets: dict[str, dict[str, Any]] = {}
        self.address = ""
        self.now = "2026-11-24T12:00:00Z"
        """When tickets are made, by the clock over there."""
        self.delay_s = 0.0
        self._lock = threading.Lock()

    def answer(self, asked: Asked) -> tuple[Any, dict[str, str]]:
        """What is answered, with more headers; KeyError where there is no such ticket."""
        raise NotImplementedError

    def count(self, operation: str) -> int:
        return sum(1 for one in self.asked if one.operation == operation)

    def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Any:
        """Status, headers and content of an answer; None for none at all."""
        asked = self.contract.fit(method, target, headers, body)
        if asked is None:
            return 400, {}, {"message": "this is not in the contract"}
        with self._lock:
            if self.refusals:
                return self.refusals.pop(0)
            self.asked.append(asked)
            try:
                content, more = self.answer(asked)
            except KeyError:
                return 404, {}, {"message": "Not Found"}
        time.sleep(self.delay_s)
        if asked.operation in self.mute:
            self.mute.remove(asked.operation)
            return None
        status = self.contract.document["operations"][asked.operation]["status"]
        if asked.operation in self.bent:
            return status, more, self.bent[asked.operation](content)
        example = asked.example
        assert type(content) is type(example), asked.operation
        if isinstance(content, dict):
            assert content.keys() == example.keys(), asked.operation
        return status, more, content


S = TypeVar("S", bound=Site)


@contextlib.contextmanager
def played(site: S) -> Iterator[S]:
    """A site on a port of its own for the length of a block. At its end the contract must not be broken."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found = site.handle(self.command, self.path, headers, body)
            if found is None:
                self.close_connection = True
                return
            status, more, content = found
            written = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(written)),
                **more,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(written)

        do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names are http.server's

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
    assert site.contract.broken == []
