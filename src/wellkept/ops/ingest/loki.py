"""Loki's push requests, JSON or snappy-compressed protobuf, as log records.

The labels of a stream are its identity: what they identify goes into the resource, the rest into every record.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.content import unsnap
from wellkept.ops.ingest.identity import Identity
from wellkept.ops.ingest.records import UNKNOWN, Records, fields, text_of
from wellkept.ops.ingest.words import level_of

SCOPE, TENANT = "loki", "loki.tenant"
WHAT = "push request"
_LEVELS = ("detected_level", "level", "severity", "lvl")
_TRACES, _SPANS = ("trace_id", "traceID", "traceId"), ("span_id", "spanID", "spanId")
_LABEL = re.compile(r"\s*([a-zA-Z_][a-zA-Z0-9_.:]*)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|`([^`]*)`)\s*(,|\Z)", re.DOTALL)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_NAMED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_FIRST, _LAST = 0, 1 << 62
"""Nanoseconds since the epoch that a record may have (until the year 2116)."""

Texts = Mapping[str, str]
Stream = tuple[str, Callable[[], Texts], Iterable[Any], Callable[[str, Any], tuple[int, str, Texts]]]
"""Where it is, its labels, its entries, and how an entry is read as time, line and structured metadata."""


class PushReader:
    """Reads requests. A bad stream or entry takes no other with it."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def json(self, body: bytes, tenant: str, received_ns: int) -> tuple[Records, list[InputError]]:
        """The records of a JSON request, and what is wrong with what is not among them.

        Raises:
            InputError: it is no such request.
        """
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise InputError(WHAT, f"must be JSON: {error.msg} at character {error.pos}") from None
        streams = document.get("streams") if isinstance(document, dict) else None
        if not isinstance(streams, list):
            raise InputError(f"{WHAT}.streams", "must be a list", streams)
        return self._read((_of_json(f"streams[{n}]", stream) for n, stream in enumerate(streams)), tenant, received_ns)

    def protobuf(self, body: bytes, tenant: str, received_ns: int, limit: int) -> tuple[Records, list[InputError]]:
        """The same of a protobuf request in snappy's block format.

        Raises:
            InputError: it is no such request.
            TooLargeError: it says that it is larger than ``limit`` bytes; nothing was unpacked.
        """
        request = _request()()
        try:
            request.ParseFromString(bytes(unsnap(WHAT, body, limit)))
        except _decode_error() as error:
            raise InputError(WHAT, "must be a protobuf PushRequest") from error
        streams = (_of_protobuf(f"streams[{n}]", stream) for n, stream in enumerate(request.streams))
        return self._read(streams, tenant, received_ns)

    def _read(self, streams: Iterable[Stream], tenant: str, received_ns: int) -> tuple[Records, list[InputError]]:
        records = Records(SCOPE, received_ns)
        mistakes: list[InputError] = []
        for where, labels, entries, read in streams:
            try:
                said = labels()
                if not said:
                    raise InputError(where, "error at least one label pair is required per stream")
            except InputError as error:
                mistakes.append(error)
                continue
            resource, rest = self._identity.described(said)
            place = records.resource({**resource, **({TENANT: tenant} if tenant else {})})
            _entries(records, place, rest, enumerate(entries), read, where, mistakes)
        return records, mistakes


def _entries(
    records: Records,
    place: int,
    labels: Texts,
    entries: Iterable[tuple[int, Any]],
    read: Callable[[str, Any], tuple[int, str, Texts]],
    where: str,
    mistakes: list[InputError],
) -> None:
    """The entries of a stream. Those without metadata, which are most, differ in time and line alone."""
    level, extra = _level(labels, UNKNOWN), fields(_without(labels, _LEVELS))
    times: list[int] = []
    lines: list[str] = []
    for number, entry in entries:
        try:
            at, line, metadata = read(f"{where}.values[{number}]", entry)
        except InputError as error:
            mistakes.append(error)
            continue
        if not metadata:
            times.append(at)
            lines.append(line)
            continue
        trace, span = (next((metadata[n] for n in names if metadata.get(n)), None) for names in (_TRACES, _SPANS))
        more = fields(_without(metadata, (*_LEVELS, *_TRACES, *_SPANS)), trace, span)
        records.add(place, at, line, _level(metadata, level), extra + more)
    records.extend(place, times, lines, level, extra)


def _level(said: Texts, otherwise: tuple[int, str]) -> tuple[int, str]:
    word = next((said[name] for name in _LEVELS if said.get(name)), "")
    return level_of(word) if word else otherwise


def _without(said: Texts, names: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, value in said.items() if name not in names}


def _of_json(where: str, stream: Any) -> Stream:
    def labels() -> Texts:
        if not isinstance(stream, dict):
            raise InputError(where, "must be an object", stream)
        if not isinstance(stream.get("values", []), list):
            raise InputError(f"{where}.values", "must be a list", stream["values"])
        return _texts(f"{where}.stream", stream.get("stream"))

    values = stream.get("values") if isinstance(stream, dict) else None
    return where, labels, values if isinstance(values, list) else (), _of_value


def _of_value(where: str, value: Any) -> tuple[int, str, Texts]:
    if not isinstance(value, list) or len(value) not in (2, 3):
        raise InputError(where, "must be a list of a time, a line and, where there is some, metadata", value)
    at, line = value[0], value[1]
    if not isinstance(line, str):
        raise InputError(f"{where}[1]", "must be a text", line)
    try:
        nanos = int(at) if isinstance(at, str | int) and not isinstance(at, bool) else -1
    except ValueError:
        nanos = -1
    if not _FIRST <= nanos < _LAST:
        raise InputError(f"{where}[0]", "must be nanoseconds since the epoch, as a text", at)
    return nanos, line, _texts(f"{where}[2]", value[2]) if len(value) == 3 else {}


def _texts(where: str, value: Any) -> Texts:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise InputError(where, "must be an object of texts", value)
    return value


def _of_protobuf(where: str, stream: Any) -> Stream:
    def read(_: str, entry: Any) -> tuple[int, str, Texts]:
        at, pairs = entry.timestamp, entry.structured_metadata
        nanos = at.seconds * 10**9 + at.nanos
        if not _FIRST <= nanos < _LAST:
            raise InputError(where, "must have times after 1970 and before 2116", nanos)
        metadata = {text_of(pair.name): text_of(pair.value) for pair in pairs} if pairs else {}
        return nanos, text_of(entry.line), metadata

    return where, lambda: labels_of(text_of(stream.labels)), stream.entries, read


@functools.lru_cache(maxsize=8192)
def labels_of(text: str) -> Texts:
    """The labels of a stream in Prometheus's notation; to be changed by nobody.

    Raises:
        InputError: it is not in that notation.
    """
    inner = text.strip()
    if not inner.startswith("{") or not inner.endswith("}"):
        raise InputError("error parsing labels", 'must be like {job="x"}', text)
    inner, at, found = inner[1:-1], 0, {}
    while inner[at:].strip():
        label = _LABEL.match(inner, at)
        if label is None:
            raise InputError("error parsing labels", f'must have name="value" at character {at + 1}', text)
        name, quoted, raw, _ = label.groups()
        found[name] = raw if quoted is None else _ESCAPE.sub(_escaped, quoted)
        at = label.end()
    return found


def _escaped(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] in "xuU":
        number = int(code[1:], 16)
        return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"
    return chr(int(code, 8)) if len(code) == 3 else _NAMED.get(code, code)


@functools.cache
def _request() -> Callable[[], Any]:
    """The class of Loki's PushRequest, made from its few fields (names and numbers are those of logproto).

    Texts are bytes here: senders put into them whatever a log file holds.
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    text, message, number = 12, 11, {"int64": 3, "int32": 5}
    file = descriptor_pb2.FileDescriptorProto(name="wellkept/loki.proto", package="wellkept.loki", syntax="proto3")
    declared: dict[str, tuple[tuple[str, int, int, str], ...]] = {
        "Time": (("seconds", 1, number["int64"], ""), ("nanos", 2, number["int32"], "")),
        "Pair": (("name", 1, text, ""), ("value", 2, text, "")),
        "Entry": (
            ("timestamp", 1, message, "Time"),
            ("line", 2, text, ""),
            ("structured_metadata", 3, message, "Pair*"),
        ),
        "Stream": (("labels", 1, text, ""), ("entries", 2, message, "Entry*")),
        "PushRequest": (("streams", 1, message, "Stream*"),),
    }
    for name, members in declared.items():
        made = file.message_type.add(name=name)
        for member, at, kind, of in members:
            label = 3 if of.endswith("*") else 1
            named = f".wellkept.loki.{of.rstrip('*')}" if of else None
            made.field.add(name=member, number=at, type=kind, label=label, type_name=named)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found: Callable[[], Any] = message_factory.GetMessageClass(pool.FindMessageTypeByName("wellkept.loki.PushRequest"))
    return found


def _decode_error() -> type[Exception]:
    from google.protobuf.message import DecodeError

    return DecodeError
