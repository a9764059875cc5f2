"""Lines as log records: JSON objects by the names that logging libraries give to things, everything else as text.

No line is refused. A moment without a zone is taken for UTC; a record without one takes the time of its receipt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from wellkept.kernel.clock import to_nanos
from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.identity import HOST_IDS, HOSTS, NAMESPACES, PODS, SERVICES, Identity
from wellkept.ops.ingest.moments import nanos_of
from wellkept.ops.ingest.records import UNKNOWN, Records, fields, text_of
from wellkept.ops.ingest.words import level_of

SCOPE, WHAT = "lines", "lines"
NAMING = frozenset({*SERVICES, *NAMESPACES, *PODS, *HOST_IDS, *HOSTS, "app_name", "appname", "logger.service"})
"""Fields that may name what a record is about."""
TIMES = ("timestamp", "time", "@timestamp", "ts", "datetime", "date", "timeUnixNano", "eventTime")
MESSAGES = ("message", "msg", "body", "log", "text", "event", "@m")
LEVELS = ("level", "severity", "lvl", "levelname", "severity_text", "severityText", "log.level", "loglevel", "@l")
TRACES = ("trace_id", "traceId", "traceid", "trace.id", "otelTraceID")
SPANS = ("span_id", "spanId", "spanid", "span.id", "otelSpanID")
_DEEPEST = 4
_UNITS = ((1e11, 10**9), (1e14, 10**6), (1e17, 10**3))
"""A number below the first is counted in units of so many nanoseconds: seconds, milliseconds, microseconds."""
_LAST, _DIGITS = 1 << 62, 20


class LineDoor:
    """Reads bodies of lines."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def lines(self, body: bytes, about: Mapping[str, str], received_ns: int) -> Records:
        """The records of a body, a line each; empty lines are none. ``about`` names what all of them are about."""
        raw = (line.rstrip(b"\r") for line in body.split(b"\n"))
        return self._records((_read(line) for line in raw if line.strip()), about, received_ns)

    def listed(self, body: bytes, about: Mapping[str, str], received_ns: int) -> Records:
        """The records of a JSON list, one for each of its items.

        Raises:
            InputError: it is none.
        """
        try:
            items = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise InputError(WHAT, f"must be JSON: {error.msg} at character {error.pos}") from None
        if not isinstance(items, list):
            raise InputError(WHAT, "must be a list, or an object in each line", items)
        return self._records(((item, _text(item)) for item in items), about, received_ns)

    def _records(self, lines: Iterable[tuple[Any, str]], about: Mapping[str, str], received_ns: int) -> Records:
        records = Records(SCOPE, received_ns)
        named = {name: value for name, value in about.items() if name in NAMING and value}
        places: dict[tuple[tuple[str, str], ...], tuple[int, dict[str, str]]] = {}
        for value, text in lines:
            if isinstance(value, dict):
                self._object(records, value, text, named, places)
            else:
                records.add(self._place(records, named, places)[0], 0, text)
        return records

    def _object(
        self,
        records: Records,
        value: Mapping[str, Any],
        line: str,
        named: Mapping[str, str],
        places: dict[tuple[tuple[str, str], ...], tuple[int, dict[str, str]]],
    ) -> None:
        said = _flat(value)
        at = _take_time(said)
        text = _taken(said, MESSAGES)
        word = _taken(said, LEVELS)
        trace, span = _taken(said, TRACES), _taken(said, SPANS)
        own = {name: said.pop(name) for name in tuple(said) if name in NAMING and isinstance(said[name], str)}
        place, rest = self._place(records, {**named, **own}, places)
        message = line if text is None else text if isinstance(text, str) else _text(text)
        level = UNKNOWN if word is None else level_of(word)
        attributes = {**rest, **{name: _text(item) for name, item in said.items()}}
        records.add(place, at, message, level, fields(attributes, trace, span))

    def _place(
        self,
        records: Records,
        labels: Mapping[str, str],
        places: dict[tuple[tuple[str, str], ...], tuple[int, dict[str, str]]],
    ) -> tuple[int, dict[str, str]]:
        """The resource of what labels name, and the labels that it does not say."""
        key = tuple(sorted(labels.items()))
        found = places.get(key)
        if found is None:
            resource, rest = self._identity.described(labels)
            found = places[key] = records.resource(resource), rest
        return found


def _read(line: bytes) -> tuple[Any, str]:
    """What a line is as JSON (None where it is none), and as text."""
    if line.lstrip()[:1] == b"{":
        try:
            return orjson.loads(line), text_of(line)
        except orjson.JSONDecodeError:
            pass
    return None, text_of(line)


def _flat(value: Mapping[str, Any]) -> dict[str, Any]:
    """An object with the names of inner ones joined by dots. What is nested deeper stays JSON."""
    found: dict[str, Any] = {}

    def walk(inner: Mapping[str, Any], before: str, depth: int) -> None:
        for name, item in inner.items():
            if isinstance(item, dict) and item and depth < _DEEPEST:
                walk(item, f"{before}{name}.", depth + 1)
            elif item is not None:
                found[f"{before}{name}"] = item

    walk(value, "", 1)
    return found


def _taken(said: dict[str, Any], names: tuple[str, ...]) -> Any:
    """The value of the first of these names, taken out."""
    return next((said.pop(name) for name in names if name in said), None)


def _take_time(said: dict[str, Any]) -> int:
    """The time in nanoseconds, taken out; 0 where none of the names holds one."""
    for name in TIMES:
        nanos = _nanos(said[name]) if name in said else 0
        if 0 < nanos < _LAST:
            del said[name]
            return nanos
    return 0


def _nanos(value: Any) -> int:
    if isinstance(value, str):
        return _nanos_of_text(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _LAST:
        return 0
    unit = next((unit for limit, unit in _UNITS if value < limit), 1)
    if isinstance(value, int):
        return value * unit
    return round(value * (unit / 1000)) * 1000 if unit > 1 else round(value)  # a float's digits end at microseconds


def _nanos_of_text(text: str) -> int:
    try:
        return nanos_of("time", text)
    except InputError:
        pass
    try:
        if text.replace(".", "", 1).isdigit():
            return _nanos(float(text) if "." in text else int(text[:_DIGITS]))
        if len(text) <= len("2026-01-31"):
            return 0  # a day is no moment
        moment = datetime.fromisoformat(text.replace(",", "."))
    except ValueError:
        return 0
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    try:
        return max(0, to_nanos(aware.astimezone(UTC)))
    except OverflowError:
        return 0


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
