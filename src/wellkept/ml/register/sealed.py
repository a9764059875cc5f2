"""Files of registered versions are written once: what was approved must stay what it was.

An approval names a version, and a version names a place. Whoever may log files could change what lies there afterwards,
so nothing more is written to a place once a version is made of it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from time import monotonic
from urllib.parse import unquote, urlsplit

from wellkept.store.mlflow.client import MlflowVersion

FRESH_S = 5.0
Versions = Callable[[], Iterable[MlflowVersion]]


class Sealed:
    """Knows the places of registered versions. ``stale`` has them read anew."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        self._places: tuple[re.Pattern[str], ...] = ()
        self._until, self._lock = 0.0, threading.Lock()

    def stale(self) -> None:
        """A version was made, or may have been."""
        self._until = 0.0

    def holds(self, path: str) -> bool:
        """Whether a path below ``mlflow-artifacts`` is of a registered version.

        Raises:
            StoreError: MLflow does not answer, so nobody knows.
        """
        with self._lock:
            if monotonic() >= self._until:
                until = monotonic() + FRESH_S
                places = (place_of(version.source) for version in self._versions())
                self._places = tuple(place for place in places if place is not None)
                self._until = until
        return any(place.search(path) for place in self._places)


def place_of(source: str) -> re.Pattern[str] | None:
    """The paths of a version's files: of a logged model (``models:/m-1``), of a run, or of a place in the store."""
    parts = urlsplit(source)
    path = unquote(parts.path).strip("/")
    if parts.scheme == "models" and path.startswith("m-"):
        return re.compile(rf"(^|/)models/{re.escape(path)}/")
    if parts.scheme == "runs":
        run, _, rest = path.partition("/")
        return re.compile(rf"(^|/){re.escape(run)}/artifacts/{re.escape(rest)}(/|$)")
    if parts.scheme == "mlflow-artifacts":
        return re.compile(rf"(^|/){re.escape(path)}(/|$)")
    return None
