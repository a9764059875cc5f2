"""A small client of MLflow's REST interface 2.0: what the gate changes, reads back, and follows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from wellkept.kernel.errors import InputError, NotFoundError, StoreError, TooLargeError

API = "/api/2.0/mlflow"
PAGE = 200
TIMEOUT_S = 20.0
NO_SUCH = "RESOURCE_DOES_NOT_EXIST"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where MLflow answers: a Unix socket of ours, or a URL with what proves who we are."""

    url: str
    socket: str = ""
    user: str = ""
    secret: str = field(default="", repr=False)

    def headers(self) -> dict[str, str]:
        """The header that proves it, where there is a secret: with a user as his password, else as a bearer's."""
        if not self.secret:
            return {}
        if self.user:
            request = httpx.Request("GET", "http://mlflow")
            return {
                "Authorization": next(httpx.BasicAuth(self.user, self.secret).auth_flow(request)).headers[
                    "Authorization"
                ]
            }
        return {"Authorization": f"Bearer {self.secret}"}

    @property
    def is_outside(self) -> bool:
        """Whether a proxy that the environment names may be the way to it."""
        return not self.socket and (urlsplit(self.url).hostname or "") not in LOOPBACK


@dataclass(frozen=True, slots=True)
class MlflowVersion:
    """One version of a registered model, as MLflow knows it."""

    name: str
    version: str
    run_id: str = ""
    source: str = ""
    created_ms: int = 0
    stage: str = "None"
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """What must not change between an approval and the action: where it is from and when it was made."""
        return f"{self.source} of run {self.run_id or 'unknown'}, made at {self.created_ms}"


class MlflowClient:
    """Asks MLflow, on whatever thread. Every method may raise StoreError: MLflow does not answer, or not rightly."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        transport = httpx.HTTPTransport(uds=upstream.socket) if upstream.socket else None
        self._http = httpx.Client(
            base_url=upstream.url,
            headers=upstream.headers(),
            transport=transport,
            timeout=TIMEOUT_S,
            trust_env=upstream.is_outside,
        )

    def is_well(self) -> bool:
        """Whether it answers at all."""
        try:
            return self._http.get("/health", timeout=2.0).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def version(self, name: str, version: str) -> MlflowVersion:
        """One version.

        Raises:
            NotFoundError: MLflow has no such version.
        """
        found = self._ask("GET", "model-versions/get", {"name": name, "version": version})
        return _version(found["model_version"])

    def aliases(self, name: str) -> dict[str, str]:
        """Alias to version.

        Raises:
            NotFoundError: MLflow has no such model.
        """
        found = self._ask("GET", "registered-models/get", {"name": name})["registered_model"]
        return {str(entry["alias"]): str(entry["version"]) for entry in found.get("aliases", [])}

    def has_model(self, name: str) -> bool:
        """Whether there is a registered model of that name."""
        try:
            self._ask("GET", "registered-models/get", {"name": name})
        except NotFoundError:
            return False
        return True

    def versions(self, name: str = "") -> Iterator[MlflowVersion]:
        """Every version of a model, or of all of them."""
        token, chosen = "", {"filter": f"name = '{_quoted(name)}'"} if name else {}
        while True:
            page = self._ask("GET", "model-versions/search", {**chosen, "max_results": PAGE, "page_token": token})
            yield from map(_version, page.get("model_versions", []))
            token = page.get("next_page_token", "")
            if not token:
                return

    def models(self) -> dict[str, dict[str, str]]:
        """Every registered model, with its aliases and their versions."""
        token, found = "", dict[str, dict[str, str]]()
        while True:
            page = self._ask("GET", "registered-models/search", {"max_results": PAGE, "page_token": token})
            for model in page.get("registered_models", []):
                found[str(model["name"])] = {str(a["alias"]): str(a["version"]) for a in model.get("aliases", [])}
            token = page.get("next_page_token", "")
            if not token:
                return found

    def run(self, run_id: str) -> dict[str, Any]:
        """A run: ``info``, and ``data`` with its metrics, parameters and tags."""
        found: dict[str, Any] = self._ask("GET", "runs/get", {"run_id": run_id})["run"]
        return found

    def set_alias(self, name: str, alias: str, version: str) -> None:
        self._ask("POST", "registered-models/alias", body={"name": name, "alias": alias, "version": version})

    def delete_alias(self, name: str, alias: str) -> None:
        self._ask("DELETE", "registered-models/alias", body={"name": name, "alias": alias})

    def delete_version(self, name: str, version: str) -> None:
        self._ask("DELETE", "model-versions/delete", body={"name": name, "version": version})

    def delete_model(self, name: str) -> None:
        self._ask("DELETE", "registered-models/delete", body={"name": name})

    def rename(self, name: str, new_name: str) -> None:
        self._ask("POST", "registered-models/rename", body={"name": name, "new_name": new_name})

    def transition(self, name: str, version: str, stage: str, archive: bool) -> None:
        body = {"name": name, "version": version, "stage": stage, "archive_existing_versions": archive}
        self._ask("POST", "model-versions/transition-stage", body=body)

    def artifact(self, name: str, version: str, path: str, limit: int) -> bytes:
        """A file of a version, wherever MLflow keeps it.

        Raises:
            NotFoundError: there is no such file.
            TooLargeError: it is longer than ``limit`` bytes.
        """
        parameters = {"name": name, "version": version, "path": path}
        what, parts, total = f"{path} of version {version} of {name}", [], 0
        try:
            with self._http.stream("GET", "/model-versions/get-artifact", params=parameters) as answer:
                if answer.status_code != httpx.codes.OK:
                    answer.read()
                    raise _error(what, answer)
                for part in answer.iter_bytes():
                    total += len(part)
                    if total > limit:
                        raise TooLargeError(what, f"must have at most {limit} bytes")
                    parts.append(part)
        except httpx.HTTPError as error:
            raise StoreError(f"MLflow does not answer: {type(error).__name__}") from error
        return b"".join(parts)

    def close(self) -> None:
        self._http.close()

    def _ask(self, method: str, verb: str, parameters: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        try:
            answer = self._http.request(method, f"{API}/{verb}", params=parameters, json=body)
        except httpx.HTTPError as error:
            raise StoreError(f"MLflow does not answer: {type(error).__name__}") from error
        if answer.status_code != httpx.codes.OK:
            raise _error(f"mlflow {verb}", answer)
        try:
            return answer.json()
        except ValueError as error:
            raise StoreError(f"MLflow answered {verb} with no JSON") from error


def _error(what: str, answer: httpx.Response) -> Exception:
    """The error that an answer stands for: what MLflow says is missing or wrong, or that it failed."""
    try:
        told = json.loads(answer.content)
        code, message = str(told.get("error_code", "")), str(told.get("message", ""))[:300]
    except (ValueError, AttributeError):
        code, message = "", ""
    if code == NO_SUCH or answer.status_code == httpx.codes.NOT_FOUND:
        return NotFoundError(what, f"is not there: {message or 'MLflow does not know it'}")
    if 400 <= answer.status_code < 500:
        return InputError(what, f"was refused by MLflow ({answer.status_code}): {message or code or 'no reason given'}")
    return StoreError(f"{what}: MLflow answered {answer.status_code}: {message or code}")


def _version(told: Mapping[str, Any]) -> MlflowVersion:
    return MlflowVersion(
        name=str(told["name"]),
        version=str(told["version"]),
        run_id=str(told.get("run_id", "")),
        source=str(told.get("source", "")),
        created_ms=int(told.get("creation_timestamp", 0)),
        stage=str(told.get("current_stage", "None")),
        tags={str(tag["key"]): str(tag.get("value", "")) for tag in told.get("tags", [])},
    )


def _quoted(name: str) -> str:
    """A name inside single quotes of MLflow's filter language, which knows no way to write such a quote.

    Raises:
        InputError: the name holds one.
    """
    if "'" in name:
        raise InputError("mlflow model", "must hold no single quote", name)
    return name
