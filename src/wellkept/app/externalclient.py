"""What a CI does for a retrain: fetch the rows, train the project, send the model back; no server is needed."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from wellkept.app.externalreport import MANIFEST
from wellkept.kernel.errors import InputError
from wellkept.ml.contract import digest_of, read_project
from wellkept.ml.process import run_worker
from wellkept.ml.runtime import FILES
from wellkept.ml.train.stage import training_request
from wellkept.sdk.client import Client

WORKER = "wellkept.ml.train.outside"
OCTETS = "application/octet-stream"
UPLOAD_TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A run as its event tells it."""

    run: str
    url: str
    token: str
    data: Mapping[str, Any]

    def client(self) -> Client:
        """A client that the run's token lets in, to this run alone."""
        parts = urlsplit(self.url)
        return Client(f"{parts.scheme}://{parts.netloc}", self.token, UPLOAD_TIMEOUT_S)

    @property
    def path(self) -> str:
        return urlsplit(self.url).path


def asked_by(file: Path) -> Asked:
    """The run that an event asks for: the event itself, or what GitHub or GitLab put around it.

    Raises:
        InputError: the file holds no such event.
    """
    try:
        document: Any = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(f"event {file}", "must be a JSON document") from error
    for names in (("client_payload", "event"), ()):
        found: Any = document
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        data = found.get("data") if isinstance(found, dict) else None
        if isinstance(data, dict) and all(isinstance(data.get(key), str) for key in ("run", "url", "token")):
            return Asked(data["run"], data["url"], data["token"], data)
    raise InputError(f"event {file}", "must be an event retrain.requested, with run, url and token in its data")


def train_outside(project: Path, asked: Asked, out: Path, timeout_s: float) -> dict[str, Any]:
    """Train a project on the rows of a run; the model's files lie in ``out`` afterwards.

    Raises:
        InputError: the project is for another model, or the rows are not what the event says.
        TrainingError: the project's code failed.
    """
    contract, _ = read_project(project)
    if contract.name != asked.data.get("model"):
        raise InputError(f"project {project}", f"must be of model {asked.data.get('model')}", contract.name)
    client = asked.client()
    try:
        rows = client.raw(f"{asked.path}/rows")
    finally:
        client.close()
    if digest_of(rows) != asked.data.get("rows_digest"):
        raise InputError("rows", f"must have the digest {asked.data.get('rows_digest')}", digest_of(rows))
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="wellkept-outside-") as folder:
        snapshot = Path(folder) / "rows.parquet"
        snapshot.write_bytes(rows)
        paths = {"project": str(project.resolve()), "snapshot": str(snapshot), "out": str(out.resolve())}
        request = training_request(contract)
        request["parameters"] = dict(asked.data.get("parameters", request["parameters"]))
        found = run_worker(WORKER, {**request, **paths}, Path(folder), timeout_s)
    return {"run": asked.run, "rows": found["rows"], "format": found["manifest"]["format"], "folder": str(out)}


def report_model(
    asked: Asked, artifact: Path, project: Path | None, metrics: Mapping[str, float], junit: Path | None
) -> dict[str, Any]:
    """Send a model's files and say that the run is done. Sent twice it is said once.

    Raises:
        InputError: the folder holds no model in a known format, or the platform refuses it.
        ConflictError: the run has expired or is over.
    """
    manifest = artifact / MANIFEST
    if not manifest.is_file():
        raise InputError(f"artifact {artifact}", f"must hold {MANIFEST}")
    kind = json.loads(manifest.read_text(encoding="utf-8")).get("format")
    if kind not in FILES:
        raise InputError(f"{manifest}: format", f"must be one of {', '.join(FILES)}", kind)
    client = asked.client()
    try:
        sent = {name: _sent(client, asked, artifact / name) for name in (MANIFEST, FILES[kind])}
        report: dict[str, Any] = {"state": "done", "files": sent, "metrics": dict(metrics)}
        if project is not None:
            report["code"] = digest_of((project / "model.py").read_bytes())
        if junit is not None:
            report["junit"] = _sent(client, asked, junit)
        told: dict[str, Any] = client.post(f"{asked.path}/report", report)
    finally:
        client.close()
    return told


def report_failure(asked: Asked, error: str, junit: Path | None) -> dict[str, Any]:
    """Say that a run failed, and why; the platform need not wait for its end."""
    client = asked.client()
    try:
        report: dict[str, Any] = {"state": "failed", "error": error[:2000]}
        if junit is not None:
            report["junit"] = _sent(client, asked, junit)
        told: dict[str, Any] = client.post(f"{asked.path}/report", report)
    finally:
        client.close()
    return told


def _sent(client: Client, asked: Asked, file: Path) -> str:
    """The digest of a file that the platform has now."""
    data = file.read_bytes()
    answer: dict[str, str] = json.loads(client.send(f"{asked.path}/files", data, OCTETS))
    expected = f"sha256:{hashlib.sha256(data).hexdigest()}"
    if answer["digest"] != expected:
        raise InputError(f"file {file.name}", f"must have arrived as {expected}", answer["digest"])
    return expected
