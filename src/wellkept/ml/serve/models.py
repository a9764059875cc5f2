"""What is served: versions fetched by digest, checked, tried, and swapped whole."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from wellkept.kernel.errors import NotFoundError, OverloadError, WellkeptError
from wellkept.ml.codeprocess import brings_code, scorer_with_code
from wellkept.ml.contract import parse_contract
from wellkept.ml.inputspec import Input
from wellkept.ml.interval import interval_of
from wellkept.ml.serve.fetch import Blobs, write_whole
from wellkept.ml.serve.served import CHAMPION, Served
from wellkept.ml.serve.traffic import Traffic, traffic_of
from wellkept.sdk.client import Client

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
"""A version that cannot be served is tried again after growing pauses."""
CODE_PATIENCE_S = 10.0
"""What a version's own code may take over one request."""
WARM_ROWS = 64
"""A version is tried on one row and on so many before it answers, which also tells what they cost."""
Listing = Mapping[str, Any]


@dataclass(frozen=True)
class Deployed:
    """One model with all its loaded versions, and who of them answers."""

    versions: tuple[Served, ...]
    traffic: Traffic

    @cached_property
    def champion(self) -> Served:
        """The version that answers where nothing says otherwise."""
        return next((served for served in self.versions if served.is_champion), self.versions[0])

    @cached_property
    def _by_name(self) -> Mapping[str, Served]:
        return {key: served for served in reversed(self.versions) for key in (served.label, served.digest)}

    @cached_property
    def categories(self) -> frozenset[str]:
        """The inputs that are categories to any version."""
        return frozenset(entry.name for served in self.versions for entry in served.inputs if entry.is_category)

    def version(self, wanted: str) -> Served:
        """A version by its number or digest.

        Raises:
            NotFoundError: it is not loaded.
        """
        found = self._by_name.get(wanted)
        if found is None:
            numbers = ", ".join(served.label for served in self.versions)
            rule = f"serves version {numbers} alone" if len(self.versions) == 1 else f"serves versions {numbers}"
            raise NotFoundError(f"model {self.champion.name}", rule, wanted)
        return found


@dataclass(slots=True)
class Trouble:
    """A version that could not be served: what was said about it, and when it is tried again."""

    model: str
    version: str
    message: str
    pause_s: float
    again_at: float


class Models:
    """The live models by name. ``refresh`` follows what the platform wants to be served.

    It runs on a thread beside the requests: a version is fetched, loaded and tried before the swap, which is one
    assignment; a request that has begun goes on with the version that it began with.
    """

    def __init__(self, client: Client, cache: Path) -> None:
        self._client, self._blobs = client, Blobs(client, cache)
        self._live: dict[str, Deployed] = {}
        self._troubles: dict[str, Trouble] = {}
        self._listed: frozenset[str] | None = None
        """The models that the platform wants to be served; None as long as that is not known."""
        self._known = cache / "deployments.json"
        self._written = ""

    def refresh(self) -> None:
        """Follow the platform; while it is away, go on with what is live (at start: with what the cache knows)."""
        try:
            wanted = self._client.get("/api/v1/deployments")["deployments"]
            self._remember(json.dumps(wanted))
        except WellkeptError as error:
            log.info("deployments: %s", error)
            remembered = None if self._live else self._remembered()
            if remembered is None:
                return
            wanted = remembered
        listed: dict[str, list[Listing]] = {}
        for entry in wanted:
            listed.setdefault(entry["model"], []).append(entry)
        self._listed = frozenset(listed)
        for name, entries in listed.items():
            self._follow(name, entries)
        self._live = {name: live for name, live in self._live.items() if name in listed}
        digests = {entry["digest"] for entry in wanted}
        self._troubles = {digest: trouble for digest, trouble in self._troubles.items() if digest in digests}

    def get(self, name: str) -> Deployed:
        """A live model.

        Raises:
            NotFoundError: no version of that model is wanted to be live.
            OverloadError: one is, but it is not loaded, or cannot be.
        """
        found = self._live.get(name)
        if found is not None:
            return found
        if self._listed is not None and name not in self._listed:
            raise NotFoundError(f"model {name}", "has no live version here")
        trouble = next((one.message for one in list(self._troubles.values()) if one.model == name), None)
        raise OverloadError(f"model {name}: " + (f"cannot be served: {trouble}" if trouble else "is not loaded yet"))

    @property
    def is_ready(self) -> bool:
        """Whether every model that is wanted answers."""
        return self._listed is not None and self._listed <= self._live.keys()

    def all(self) -> list[Deployed]:
        return list(self._live.values())

    def troubles(self) -> dict[str, dict[str, str]]:
        """What is listed and cannot be served: model, number of the version, and why."""
        found: dict[str, dict[str, str]] = {}
        for trouble in list(self._troubles.values()):
            found.setdefault(trouble.model, {})[trouble.version] = trouble.message
        return found

    def put(self, name: str, versions: Sequence[Served]) -> None:
        """Have exactly these versions of a model live."""
        self._live = {**self._live, name: Deployed(tuple(versions), traffic_of(versions))}
        self._listed = (self._listed or frozenset()) | {name}

    def _follow(self, name: str, entries: Sequence[Listing]) -> None:
        """Serve what is listed of a model. Whatever keeps a version from that is said once, and tried again."""
        before = self._live.get(name)
        live = before.versions if before else ()
        loaded = {served.digest: served for served in live}
        wanted = list({entry["digest"]: entry for entry in reversed(entries)}.values())[::-1]
        found = [served for entry in wanted if (served := self._version(entry, loaded)) is not None]
        if before is not None and not any(served.is_champion for served in found):
            stays = before.champion
            if not stays.is_champion:
                stays = replace(stays, deployment={**stays.deployment, "role": CHAMPION}, kept=stays.lane)
            found = [stays, *(served for served in found if served.digest != stays.digest)]
        if not found or found == list(live):
            return
        try:
            self.put(name, found)
        except (ValueError, WellkeptError) as error:
            log.warning("the traffic of %s stays as it is: %s", name, error)
            return
        for served in found:
            if served.digest not in loaded:
                log.info("version %s of %s is live (%s)", served.version, name, served.format)

    def _version(self, entry: Listing, loaded: Mapping[str, Served]) -> Served | None:
        """The version of an entry: as it is, under a changed listing, or loaded; None where it cannot be served."""
        digest = entry["digest"]
        known = loaded.get(digest)
        if known is not None:
            return known if known.deployment == entry else replace(known, deployment=entry, kept=known.lane)
        trouble = self._troubles.get(digest)
        if trouble is not None and time.monotonic() < trouble.again_at:
            return None
        try:
            served = self.load(entry)
        except Exception as error:  # noqa: BLE001 - the edge of what artifacts and their libraries may raise
            self._note(entry, trouble, error)
            return None
        self._troubles.pop(digest, None)
        return served

    def _note(self, entry: Listing, trouble: Trouble | None, error: Exception) -> None:
        message = str(error) or type(error).__name__
        if trouble is None or trouble.message != message:
            what = "version %s of %s cannot be served (%s: %s); what is live stays"
            log.warning(what, entry["version"], entry["model"], type(error).__name__, message)
        pause_s = FIRST_PAUSE_S if trouble is None else min(2 * trouble.pause_s, LONGEST_PAUSE_S)
        self._troubles[entry["digest"]] = Trouble(
            entry["model"], str(entry["version"]), message, pause_s, time.monotonic() + pause_s
        )

    def load(self, entry: Listing) -> Served:
        """A version, fetched, checked and tried on one row, whether or not it is live.

        Raises:
            StoreError: its bytes are not what their digests say.
            InputError: it is of a format that is not known.
        """
        artifact = self._blobs.artifact(entry["artifact"])
        manifest: dict[str, Any] = json.loads(artifact.read("manifest.json"))
        if brings_code(manifest):
            artifact.lay_out()
        scorer = scorer_with_code(artifact.folder, manifest, artifact.read, CODE_PATIENCE_S)
        contract = parse_contract(entry["contract"])
        declared = {one.name: one for one in contract.inputs}
        inputs = tuple(declared.get(name, Input(name=name)) for name in manifest["inputs"])
        served = Served(
            entry["model"],
            entry["digest"],
            entry["version"],
            contract,
            scorer,
            inputs,
            manifest["format"],
            entry,
            artifact.read,
            categories=manifest.get("categories", {}),
            interval=interval_of(manifest),
        )
        for rows in (1, 1, 1, WARM_ROWS, WARM_ROWS):
            served.lane.score_now(np.zeros((rows, len(inputs))))
        return served

    def _remember(self, wanted: str) -> None:
        if wanted != self._written:
            write_whole(self._known, wanted.encode())
            self._written = wanted

    def _remembered(self) -> list[Listing] | None:
        """What was wanted when this server ran before; None where that is not known."""
        try:
            found: list[Listing] | None = json.loads(self._known.read_bytes()) if self._known.is_file() else None
        except ValueError:
            log.warning("%s is damaged; nothing is served until the platform answers", self._known)
            return None
        return found
