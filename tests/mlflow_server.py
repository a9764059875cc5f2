"""Stands for an MLflow server: the few routes that matter, a registry in memory, and what it was sent."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tests.api.serving import served

from wellkept.store.mlflow.client import Upstream

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts/{path:path}"


@dataclass
class FakeMlflow:
    """The registry, the files, and every request: method, path, query, headers, body."""

    versions: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    aliases: dict[str, dict[str, str]] = field(default_factory=dict)
    files: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    asked: list[tuple[str, str, str, dict[str, str], bytes]] = field(default_factory=list)
    broken: set[tuple[str, str]] = field(default_factory=set)
    """Versions whose files it cannot read."""
    forgets: bool = False
    """Whether it takes an alias and does not keep it."""
    upstream: Upstream = field(default_factory=lambda: Upstream("http://127.0.0.1:9"))

    def add(self, name: str, version: str, **files: bytes) -> None:
        """A version, and files of it (``__`` in a name is a dot)."""
        self.aliases.setdefault(name, {})
        self.versions[name, version] = {
            "name": name,
            "version": version,
            "source": f"models:/m-{name}-{version}",
            "run_id": "r1",
            "creation_timestamp": 1000 + int(version),
            "current_stage": "None",
        }
        for file, data in files.items():
            self.files[name, version, file.replace("__", ".")] = data

    async def answer(self, request: Request) -> Response:
        try:
            body = await request.body()
        except ClientDisconnect:
            return Response(status_code=400)
        path, method = request.url.path, request.method
        self.asked.append((method, path, request.url.query, dict(request.headers), body))
        if path == "/health":
            return Response("OK")
        if path == "/get-artifact-redirect":
            return Response(status_code=302, headers={"location": "http://elsewhere.example/x"})
        given = {**dict(request.query_params), **(json.loads(body) if body and "/mlflow/" in path else {})}
        if path == "/model-versions/get-artifact":
            if (given["name"], given["version"]) in self.broken:
                return Response("oops", status_code=500)
            data = self.files.get((given["name"], given["version"], given["path"]))
            return Response(data) if data is not None else _missing("no such file")
        if path.startswith("/api/2.0/mlflow-artifacts/"):
            return JSONResponse({"received": len(body)})
        return self._registry(method, path.removeprefix(f"{API}/").removeprefix("/ajax-api/2.0/mlflow/"), given)

    def _registry(self, method: str, verb: str, given: dict[str, Any]) -> Response:
        name, version = str(given.get("name", "")), str(given.get("version", ""))
        if verb == "model-versions/search":
            return JSONResponse({"model_versions": list(self.versions.values())})
        if verb == "registered-models/search":
            return JSONResponse({"registered_models": [self._model(one) for one in self.aliases]})
        if verb == "runs/get":
            metrics = [{"key": "auc", "value": 0.9}]
            return JSONResponse({"run": {"info": {}, "data": {"metrics": metrics, "params": []}}})
        if verb in ("experiments/create", "registered-models/create", "runs/create"):
            return JSONResponse({"made": verb})
        if name not in self.aliases:
            return _missing(f"Registered Model with name={name} not found")
        if verb.startswith("model-versions/") and (name, version) not in self.versions:
            return _missing(f"Model Version (name={name}, version={version}) not found")
        if verb == "registered-models/get":
            return JSONResponse({"registered_model": self._model(name)})
        if verb == "model-versions/get":
            return JSONResponse({"model_version": self.versions[name, version]})
        self._change(method, verb, given, name, version)
        return JSONResponse({})

    def _change(self, method: str, verb: str, given: dict[str, Any], name: str, version: str) -> None:
        if verb == "registered-models/alias" and method == "POST" and not self.forgets:
            self.aliases[name][given["alias"]] = version
        elif verb == "registered-models/alias" and method == "DELETE":
            self.aliases[name].pop(given["alias"], None)
        elif verb == "registered-models/delete":
            del self.aliases[name]
        elif verb == "registered-models/rename":
            self.aliases[given["new_name"]] = self.aliases.pop(name)
        elif verb == "model-versions/delete":
            del self.versions[name, version]
        elif verb == "model-versions/transition-stage":
            self.versions[name, version]["current_stage"] = given["stage"]

    def _model(self, name: str) -> dict[str, Any]:
        aliases = [{"alias": alias, "version": version} for alias, version in self.aliases[name].items()]
        return {"name": name, "aliases": aliases}

    def asked_of(self, verb: str) -> list[dict[str, Any]]:
        """The bodies that a verb was asked with."""
        return [json.loads(body) for _, path, _, _, body in self.asked if path == f"{API}/{verb}" and body]


def _missing(message: str) -> Response:
    return JSONResponse({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": message}, 404)


@contextlib.contextmanager
def fake_mlflow() -> Iterator[FakeMlflow]:
    """A server on loopback for the length of a block."""
    fake = FakeMlflow()
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    with served(Starlette(routes=[Route("/{path:path}", fake.answer, methods=methods)])) as address:
        fake.upstream = Upstream(address)
        yield fake
