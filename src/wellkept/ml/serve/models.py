"""What is served: models fetched by digest, checked, cached, and swapped whole."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wellkept.kernel.errors import NotFoundError, StoreError, WellkeptError
from wellkept.ml.contract import Input, ModelContract, parse_contract
from wellkept.ml.features import WithFeatures
from wellkept.ml.runtime import Scorer, load_scorer
from wellkept.ml.serve.featurework import FeatureProcess
from wellkept.sdk.client import Client

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
"""A version that cannot be served is tried again after growing pauses."""


@dataclass(frozen=True, slots=True)
class Served:
    """One live model. ``inputs`` are in the order of the model's columns."""

    name: str
    digest: str
    version: int
    contract: ModelContract
    scorer: Scorer
    inputs: tuple[Input, ...]
    format: str


@dataclass(slots=True)
class Trouble:
    """A version that could not be served: what was said about it, and when it is tried again."""

    message: str
    pause_s: float
    again_at: float


class Models:
    """The live models by name. ``refresh`` follows what the platform wants to be served."""

    def __init__(self, client: Client, cache: Path) -> None:
        self._client, self._cache = client, cache
        self._live: dict[str, Served] = {}
        self._troubles: dict[str, Trouble] = {}
        self._known = cache / "deployments.json"
        self._written = ""

    def refresh(self) -> None:
        """Follow the platform; while it is away, go on with what is live (at start: with what the cache knows)."""
        try:
            wanted = self._client.get("/api/v1/deployments")["deployments"]
            self._remember(json.dumps(wanted))
        except WellkeptError as error:
            log.info("deployments: %s", error)
            if self._live:
                return
            wanted = self._remembered()
        for deployment in wanted:
            self._follow(deployment)
        names = {deployment["model"] for deployment in wanted}
        self._live = {name: live for name, live in self._live.items() if name in names}

    def get(self, name: str) -> Served:
        """A live model.

        Raises:
            NotFoundError: no version of that model is live.
        """
        if name not in self._live:
            raise NotFoundError(f"model {name}", "has no live version here")
        return self._live[name]

    def all(self) -> list[Served]:
        return list(self._live.values())

    def _follow(self, deployment: dict[str, Any]) -> None:
        """Serve a version in place of the one before. Whatever keeps it from that is said once, and tried again."""
        name, digest = deployment["model"], deployment["digest"]
        trouble = self._troubles.get(digest)
        if name in self._live and self._live[name].digest == digest:
            return
        if trouble is not None and time.monotonic() < trouble.again_at:
            return
        try:
            served = self.load(deployment)
        except Exception as error:  # noqa: BLE001 - the edge of what artifacts and their libraries may raise
            self._note(deployment, trouble, error)
            return
        self._live = {**self._live, name: served}
        self._troubles.pop(digest, None)
        log.info("version %s of %s is live (%s)", served.version, name, served.format)

    def _note(self, deployment: dict[str, Any], trouble: Trouble | None, error: Exception) -> None:
        message = str(error) or type(error).__name__
        if trouble is None or trouble.message != message:
            what = "version %s of %s cannot be served (%s: %s); the one before stays"
            log.warning(what, deployment["version"], deployment["model"], type(error).__name__, message)
        pause_s = FIRST_PAUSE_S if trouble is None else min(2 * trouble.pause_s, LONGEST_PAUSE_S)
        self._troubles[deployment["digest"]] = Trouble(message, pause_s, time.monotonic() + pause_s)

    def load(self, deployment: dict[str, Any]) -> Served:
        """A version, fetched, checked and tried on one row, whether or not it is live.

        Raises:
            StoreError: its bytes are not what their digests say.
            InputError: it is of a format that is not known.
        """
        folder = self._fetch(deployment["artifact"])
        scorer, manifest = load_scorer(folder)
        if manifest.get("columns"):
            process = FeatureProcess(folder, manifest["inputs"], manifest["columns"])
            scorer = WithFeatures(process, scorer)
        contract = parse_contract(deployment["contract"])
        declared = {entry.name: entry for entry in contract.inputs}
        inputs = tuple(declared.get(name, Input(name=name)) for name in manifest["inputs"])
        scorer.score(np.zeros((1, len(inputs))))
        return Served(
            deployment["model"],
            deployment["digest"],
            deployment["version"],
            contract,
            scorer,
            inputs,
            manifest["format"],
        )

    def _fetch(self, artifact: str) -> Path:
        """The artifact's folder; every file's bytes are checked against their digest each time they are loaded."""
        folder = self._cache / artifact.removeprefix("sha256:")
        listing = json.loads(self._blob(artifact, folder.with_suffix(".json")))
        for name, digest in listing.items():
            if "/" in name or "\\" in name or name.startswith("."):
                raise StoreError(f"artifact {artifact} holds a file with a path: {name}")
            self._blob(digest, folder / name)
        return folder

    def _blob(self, digest: str, path: Path) -> bytes:
        data = path.read_bytes() if path.is_file() else self._client.raw(f"/api/v1/artifacts/{digest}")
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
            path.unlink(missing_ok=True)
            raise StoreError(f"artifact {digest}: its bytes have another digest; it is not loaded")
        if not path.is_file():
            _write(path, data)
        return data

    def _remember(self, wanted: str) -> None:
        if wanted != self._written:
            _write(self._known, wanted.encode())
            self._written = wanted

    def _remembered(self) -> list[dict[str, Any]]:
        try:
            found: list[dict[str, Any]] = json.loads(self._known.read_bytes()) if self._known.is_file() else []
        except ValueError:
            log.warning("%s is damaged; nothing is served until the platform answers", self._known)
            return []
        return found


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(data)
    partial.replace(path)
