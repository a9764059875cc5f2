"""The doors for formats of others, wired: what users send already, and nobody has to change a sender for us."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from starlette.routing import Route

from wellkept.api import alertmanager, cloudevents, lines, loki, pagerduty, remote_write
from wellkept.api.alertmanager_silences import SilenceDoor
from wellkept.ops.ingest.alerts.alertmanager import Reader
from wellkept.ops.ingest.alerts.pagerduty import EventReader
from wellkept.ops.ingest.events.intake import Events
from wellkept.ops.ingest.lines import LineDoor
from wellkept.ops.ingest.loki import PushReader
from wellkept.spine.labels import labels_of

if TYPE_CHECKING:
    from wellkept.app.platform import Platform

OF_STORMS = frozenset({f"{alertmanager.PREFIX}/webhook", f"{alertmanager.PREFIX}{alertmanager.ALERTS}", pagerduty.PATH})
"""Doors that thousands of small requests a second may come to."""


def routes(platform: Platform, token: str) -> list[Route]:
    """Every route of them."""
    clock, alerts, identity = platform.clock, platform.alerts, platform.identity
    limit = platform.ingest.settings.max_body_bytes
    silences = SilenceDoor(platform.noise, clock, functools.partial(labels_of, whose=platform.catalogue))
    return [
        *alertmanager.routes(alerts, Reader(identity, alerts.settings), clock, limit, silences),
        *pagerduty.routes(alerts, EventReader(identity, alerts.settings), clock, token),
        *cloudevents.routes(Events(platform.stream, identity, clock), platform.ingest, platform.inference),
        *lines.routes(platform.ingest, LineDoor(identity), clock),
        *remote_write.routes(platform.ingest),
        *loki.routes(platform.ingest, PushReader(identity), clock),
    ]
