"""Alertmanager's two sides: its webhook's receiver, and its API v2 as Prometheus and amtool use it.

Everything is below ``/alertmanager``, so that ``path_prefix: /alertmanager`` makes a Prometheus send its alerts here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from wellkept import __version__
from wellkept.api.alertmanager_silences import SilenceDoor
from wellkept.api.errors import body_of
from wellkept.api.senders import SMALL, Together, content_of, door, parsed
from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import InputError, WellkeptError
from wellkept.kernel.matching import Matcher
from wellkept.ops.ingest.alerts.alertmanager import Read, Reader
from wellkept.ops.ingest.alerts.gettable import RECEIVER, Wanted, gettable
from wellkept.ops.ingest.alerts.intake import ALERTMANAGER, Alerts
from wellkept.spine.matchers import Matching

PREFIX, ALERTS = "/alertmanager", "/api/v2/alerts"
_NAMED = 5
"""So many mistakes are named in an answer; the others are counted."""


class AlertmanagerDoor:
    """The endpoints. What they acknowledge is stored."""

    def __init__(
        self, alerts: Alerts, reader: Reader, clock: Clock, max_body_bytes: int, silences: SilenceDoor
    ) -> None:
        self._alerts, self._reader, self._clock, self._limit = alerts, reader, clock, max_body_bytes
        self._silences = silences
        self._started, self._together = clock.now(), Together()

    async def webhook(self, request: Request) -> Response:
        body = await content_of(request, "Alertmanager notification", self._limit)
        read = await self._take("Alertmanager notification", body, self._reader.webhook)
        if read.mistakes:
            return Response(orjson.dumps(body_of(InputError(*_told(read)))), 400, media_type="application/json")
        return _json({"accepted": len(read.words)})

    async def post(self, request: Request) -> Response:
        body = await content_of(request, "alerts", self._limit)
        read = await self._take("alerts", body, self._reader.posted)
        if read.mistakes:
            return _json(str(InputError(*_told(read))), 400)
        return Response(status_code=200)

    async def alerts(self, request: Request) -> Response:
        return _json(await run_in_threadpool(self._open, request))

    async def groups(self, request: Request) -> Response:
        """All alerts in one group: who groups here are the incidents."""
        found = await run_in_threadpool(self._open, request)
        group = {"labels": {}, "receiver": {"name": RECEIVER}, "alerts": found}
        return _json([group] if found else [])

    def _open(self, request: Request) -> list[dict[str, Any]]:
        asked = request.query_params
        receiver = asked.get("receiver")
        if receiver and not Matching([Matcher("r", "=~", receiver)]).matches({"r": RECEIVER}):
            return []
        filters = tuple(Matcher.of(text) for text in asked.getlist("filter"))
        active, silenced = (asked.get(name, "true") != "false" for name in ("active", "silenced"))
        wanted = Wanted(filters, active, silenced)
        return gettable(self._alerts.open(ALERTMANAGER), wanted, self._silences.silenced_by)

    async def status(self, _: Request) -> Response:
        return _json(
            {
                "cluster": {"status": "disabled", "peers": []},
                "config": {"original": ""},
                "uptime": self._started.isoformat(),
                "versionInfo": {
                    "version": __version__, "branch": "", "buildDate": "", "buildUser": "", "goVersion": "",
                    "revision": "",
                },
            }
        )  # fmt: skip

    async def _take(self, what: str, body: bytes, read: Callable[[Any, datetime], Read]) -> Read:
        def reading() -> Read:
            return read(parsed(what, body), self._clock.now())

        # A few alerts are read in less time than it takes to hand them to another thread.
        found = reading() if len(body) <= SMALL else await run_in_threadpool(reading)
        if found.words:
            await self._together.wait(self._alerts.submit(found.words))
        return found


def routes(alerts: Alerts, reader: Reader, clock: Clock, max_body_bytes: int, silences: SilenceDoor) -> list[Route]:
    """The routes below ``/alertmanager``."""
    doors = AlertmanagerDoor(alerts, reader, clock, max_body_bytes, silences)

    async def fine(_: Request) -> Response:
        return PlainTextResponse("OK")

    async def receivers(_: Request) -> Response:
        return _json([{"name": RECEIVER}])

    def at(path: str, method: str, take: Callable[[Request], Awaitable[Response]]) -> Route:
        return Route(f"{PREFIX}{path}", take, methods=[method])

    return [
        at("/webhook", "POST", door("Alertmanager notification", doors.webhook)),
        at(ALERTS, "POST", door("list of alerts", doors.post, _as_text)),
        at(ALERTS, "GET", door("question for alerts", doors.alerts, _as_text)),
        at("/api/v2/alerts/groups", "GET", door("question for alerts", doors.groups, _as_text)),
        at("/api/v2/silences", "GET", door("question for silences", silences.listed, _as_text)),
        at("/api/v2/silences", "POST", door("silence", silences.post, _as_text)),
        at("/api/v2/silence/{silence}", "GET", door("question for a silence", silences.one, _as_text)),
        at("/api/v2/silence/{silence}", "DELETE", door("end of a silence", silences.delete, _as_text)),
        at("/api/v2/status", "GET", doors.status),
        at("/api/v2/receivers", "GET", receivers),
        at("/-/ready", "GET", fine),
        at("/-/healthy", "GET", fine),
    ]


def _told(read: Read) -> tuple[str, str]:
    first, *others = (str(mistake) for mistake in read.mistakes[:_NAMED])
    more = f" (and {len(read.mistakes) - _NAMED} more)" if len(read.mistakes) > _NAMED else ""
    rule = f"{'; '.join((first, *others))}{more}"
    return "alerts", f"{len(read.words)} were stored, {len(read.mistakes)} were not: {rule}"


def _as_text(error: WellkeptError, status: int) -> Response:
    """The API answers errors with a text in JSON."""
    return _json(str(error), status)


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
