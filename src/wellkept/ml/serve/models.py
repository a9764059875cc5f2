"""What is served: models fetched by digest, checked, cached, and swapped whole."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError, NotFoundError, StoreError, WellkeptError
from wellkept.ml.contract import ModelContract, parse_contract
from wellkept.ml.runtime import Scorer, load_scorer
from wellkept.sdk.client import Client

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """One live model."""

    name: str
    digest: str
    version: int
    contract: ModelContract
    scorer: Scorer
    inputs: tuple[str, ...]
    format: str


class Models:
    """The live models by name. ``refresh`` follows what the platform wants to be served."""

    def __init__(self, client: Client, cache: Path) -> None:
        self._client, self._cache = client, cache
        self._live: dict[str, Served] = {}
        self._known = cache / "deployments.json"

    def refresh(self) -> None:
        """Follow the platform; while it is away, go on with what is live (at start: with what the cache knows)."""
        try:
            wanted = self._client.get("/api/v1/deployments")["deployments"]
            self._known.parent.mkdir(parents=True, exist_ok=True)
            self._known.write_text(json.dumps(wanted), encoding="utf-8")
        except WellkeptError as error:
            log.info("deployments: %s", error)
            if self._live or not self._known.is_file():
                return
            wanted = json.loads(self._known.read_text(encoding="utf-8"))
        for deployment in wanted:
            self._follow(deployment)
        self._live = {name: live for name, live in self._live.items() if name in {d["model"] for d in wanted}}

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
        name, digest = deployment["model"], deployment["digest"]
        if name in self._live and self._live[name].digest == digest:
            return
        try:
            folder = self._fetch(deployment["artifact"])
            scorer, manifest = load_scorer(folder)
            contract = parse_contract(deployment["contract"])
            scorer.score(np.zeros((1, len(manifest["inputs"]))))
        except WellkeptError:
            log.exception("version %s of %s cannot be served; the one before stays", deployment["version"], name)
            return
        served = Served(
            name, digest, deployment["version"], contract, scorer, tuple(manifest["inputs"]), manifest["format"]
        )
        self._live = {**self._live, name: served}
        log.info("version %s of %s is live (%s)", served.version, name, served.format)

    def _fetch(self, artifact: str) -> Path:
        """The artifact's folder; every file's bytes are checked against their digest each time they are loaded."""
        folder = self._cache / artifact.removeprefix("sha256:")
        listing = json.loads(self._blob(artifact, folder.with_suffix(".json")))
        for name, digest in listing.items():
            if "/" in name or name.startswith("."):
                raise StoreError(f"artifact {artifact} holds a file with a path: {name}")
            self._blob(digest, folder / name)
        return folder

    def _blob(self, digest: str, path: Path) -> bytes:
        data = path.read_bytes() if path.is_file() else self._client.raw(f"/api/v1/artifacts/{digest}")
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
            path.unlink(missing_ok=True)
            raise StoreError(f"artifact {digest}: its bytes have another digest; it is not loaded")
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return data


def row_of(served: Served, values: dict[str, Any]) -> NDArray[np.float64]:
    """One row in the order of the model's inputs.

    Raises:
        InputError: an input is missing, unknown, null where it must not be, or not a number.
    """
    unknown = sorted(values.keys() - set(served.inputs))
    if unknown:
        raise InputError(f"input {unknown[0]}", f"is not an input of {served.name}")
    row = np.empty(len(served.inputs))
    nullable = {entry.name: entry.nullable for entry in served.contract.inputs}
    for index, name in enumerate(served.inputs):
        if name not in values:
            raise InputError(f"input {name}", "is required")
        value = values[name]
        if value is None:
            if not nullable.get(name, False):
                raise InputError(f"input {name}", "must not be null")
            row[index] = np.nan
        elif isinstance(value, bool | int | float):
            row[index] = value
        else:
            raise InputError(f"input {name}", "must be a number", value)
    return row
