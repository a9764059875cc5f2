"""Resources: the attribute sets that telemetry came from."""

from __future__ import annotations

from datetime import datetime

from wellkept.store.telemetry.arrow import text_maps
from wellkept.store.telemetry.engine import Engine

_SINCE = """
SELECT any(attributes) AS attributes FROM resources
WHERE last_seen >= {since:DateTime64(3, 'UTC')} GROUP BY resource ORDER BY resource"""


class Resources:
    """What reported, told by its resource attributes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def since(self, moment: datetime) -> list[dict[str, str]]:
        """The distinct resources heard of since then, of any signal, as their attributes.

        A resource that reports all the time is noted once a minute: ask for more than a minute back.
        """
        return text_maps(self._engine.query(_SINCE, {"since": moment})["attributes"])
