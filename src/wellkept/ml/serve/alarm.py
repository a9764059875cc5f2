"""What keeps a version from being served, told at the platform's door for alerts: it is an incident like any other."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from wellkept.kernel.errors import WellkeptError
from wellkept.sdk.client import Client

log = logging.getLogger(__name__)

DOOR = "/alertmanager/api/v2/alerts"
PATIENCE_S = 30.0
"""A version is given so long: a platform that has just started may not be able to hand it out yet."""
EVERY_S, HOLDS_S = 60.0, 180.0
"""An alert is repeated as long as its reason lasts, and is over when nobody repeats it: this process may have ended."""


class Alarm:
    """Tells what cannot be served. Several workers tell the same alert."""

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._clock = client, clock
        self._since: dict[tuple[str, str], float] = {}
        self._told_at: dict[tuple[str, str], float] = {}

    def tell(self, troubles: Mapping[str, Mapping[str, str]], live: Collection[str]) -> None:
        """Take what cannot be served now, by model and version, and the models of which another version answers."""
        now = self._clock()
        why = {(model, version): said for model, of in troubles.items() for version, said in of.items()}
        self._since = {key: self._since.get(key, now) for key in why}
        self._told_at = {key: at for key, at in self._told_at.items() if key in why}
        due = [
            key
            for key, since in self._since.items()
            if now - since >= PATIENCE_S and now - self._told_at.get(key, -EVERY_S) >= EVERY_S
        ]
        if not due:
            return
        try:
            self._client.send(
                DOOR, orjson.dumps([_alert(*key, why[key], key[0] in live) for key in due]), "application/json"
            )
        except WellkeptError as error:
            log.info("what cannot be served could not be told: %s", error)
            return
        self._told_at |= dict.fromkeys(due, now)


def _alert(model: str, version: str, why: str, is_answered: bool) -> dict[str, Any]:
    meanwhile = "what was served before still answers" if is_answered else "requests for the model are refused"
    return {
        "labels": {
            "alertname": "ModelCannotBeServed",
            "wellkept.model.name": model,
            "version": version,
            "severity": "error" if is_answered else "critical",
        },
        "annotations": {
            "summary": f"Version {version} of {model} cannot be served",
            "description": f"Version {version} of {model} is to be served and cannot be: {why}. Meanwhile {meanwhile}.",
        },
        "endsAt": (datetime.now(UTC) + timedelta(seconds=HOLDS_S)).isoformat(),
    }
