"""Silences as an Alertmanager's API v2 has them, so that amtool, Karma and Grafana make and end them here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from wellkept.api.senders import content_of, parsed
from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import InputError, NotFoundError
from wellkept.kernel.finding import Finding
from wellkept.kernel.matching import Matcher
from wellkept.kernel.noise import Silence, SilenceState
from wellkept.ops.ingest.moments import rfc3339
from wellkept.spine.labels import labels_of
from wellkept.spine.matchers import Matching
from wellkept.spine.noise import NoiseDesk

LARGEST = 1 << 20
ENDED_BY = "alertmanager API"
_ORDER = (SilenceState.ACTIVE, SilenceState.PENDING, SilenceState.EXPIRED)


class SilenceDoor:
    """The endpoints ``/api/v2/silences`` and ``/api/v2/silence/{id}``."""

    def __init__(
        self, desk: NoiseDesk, clock: Clock, labels: Callable[[Finding], Mapping[str, str]] = labels_of
    ) -> None:
        self._desk, self._clock, self._labels = desk, clock, labels

    async def listed(self, request: Request) -> Response:
        filters = [Matcher.of(text) for text in request.query_params.getlist("filter")]
        return _json(await run_in_threadpool(self._listed, filters))

    async def post(self, request: Request) -> Response:
        body = await content_of(request, "silence", LARGEST)
        try:
            made = await run_in_threadpool(lambda: self._post(parsed("silence", body)))
        except NotFoundError as error:
            return _json(str(error), 404)
        return _json({"silenceID": made.id})

    async def one(self, request: Request) -> Response:
        try:
            found = await run_in_threadpool(self._desk.silence, request.path_params["silence"])
        except NotFoundError:
            return Response(status_code=404)
        return _json(shown(found, self._clock.now()))

    async def delete(self, request: Request) -> Response:
        try:
            await run_in_threadpool(self._desk.end_silence, request.path_params["silence"], ENDED_BY)
        except NotFoundError:
            return Response(status_code=404)
        return Response(status_code=200)

    def silenced_by(self, alerts: Iterable[Finding]) -> list[list[str]]:
        """The ids of the active silences that match each of some alerts."""
        now = self._clock.now()
        active = [
            (silence.id, Matching(silence.matchers))
            for silence in self._desk.silences(over=False)
            if silence.state(now) is SilenceState.ACTIVE
        ]
        return [[id_ for id_, matching in active if matching.matches(labels)] for labels in map(self._labels, alerts)]

    def _listed(self, filters: list[Matcher]) -> list[dict[str, Any]]:
        now = self._clock.now()
        found = [one for one in self._desk.silences() if _fits(one, filters)]
        found.sort(key=lambda one: (_ORDER.index(one.state(now)), one.ends_at))
        return [shown(one, now) for one in found]

    def _post(self, document: Any) -> Silence:
        if not isinstance(document, dict):
            raise InputError("silence", "must be an object", document)
        matchers = _matchers(document.get("matchers"))
        starts_at, ends_at = (_moment(document, name) for name in ("startsAt", "endsAt"))
        by, comment = (_text(document, name) for name in ("createdBy", "comment"))
        identity = document.get("id") or ""
        if not identity:
            return self._desk.add_silence(matchers, starts_at, ends_at, by, comment)
        if not isinstance(identity, str):
            raise InputError("silence.id", "must be a text", identity)
        now = self._clock.now()
        before = self._desk.silence(identity)
        start = before.starts_at if before.starts_at <= now and starts_at <= now else starts_at
        return self._desk.change_silence(Silence(identity, matchers, start, ends_at, by, comment, now))


def shown(silence: Silence, now: datetime) -> dict[str, Any]:
    """A silence in the form of the API."""
    return {
        "id": silence.id,
        "status": {"state": silence.state(now).value},
        "updatedAt": _written(silence.updated_at),
        "comment": silence.comment,
        "createdBy": silence.by,
        "startsAt": _written(silence.starts_at),
        "endsAt": _written(silence.ends_at),
        "matchers": [
            {"name": one.name, "value": one.value, "isRegex": one.is_regex, "isEqual": one.is_equal}
            for one in silence.matchers
        ],
    }


def _fits(silence: Silence, filters: Iterable[Matcher]) -> bool:
    """Whether a silence is asked for: each filter is about the label of one of its matchers, and fits its value."""
    return all(
        any(one.name == asked.name and Matching([asked]).matches({one.name: one.value}) for one in silence.matchers)
        for asked in filters
    )


def _matchers(given: Any) -> tuple[Matcher, ...]:
    if not isinstance(given, list) or not given:
        raise InputError("silence.matchers", "must be a list with at least one", given)
    found = []
    for number, item in enumerate(given):
        where = f"silence.matchers[{number}]"
        if not isinstance(item, dict):
            raise InputError(where, "must be an object", item)
        name, value = item.get("name"), item.get("value")
        is_regex, is_equal = item.get("isRegex", False), item.get("isEqual", True)
        if not isinstance(name, str) or not isinstance(value, str):
            raise InputError(where, "must have a name and a value that are texts", item)
        if not isinstance(is_regex, bool) or not isinstance(is_equal, bool):
            raise InputError(where, "must have isRegex and isEqual that are true or false", item)
        found.append(Matcher(name, ("=" if is_equal else "!") + ("~" if is_regex else "" if is_equal else "="), value))
    return tuple(found)


def _moment(document: Mapping[str, Any], name: str) -> datetime:
    found = rfc3339(f"silence.{name}", document.get(name))
    if found is None:
        raise InputError(f"silence.{name}", "must be a moment after 1970", document.get(name))
    return found


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"silence.{name}", "must be a text that is not empty", value)
    return re.sub(r"\s+", " ", value).strip()


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
