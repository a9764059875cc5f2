"""Everything in a scene at once."""

from __future__ import annotations

from tests.web import shop, stories
from tests.web.scene import Scene


def furnish(scene: Scene) -> None:
    """Fill a scene: a shop, its hosts, a fraud model, and three incidents."""
    shop.topology(scene)
    shop.metrics(scene)
    shop.spans(scene)
    shop.logs(scene)
    shop.versions(scene)
    shop.predictions(scene)
    stories.disk_incident(scene)
    stories.leak_incident(scene)
    stories.upstream_incident(scene)
