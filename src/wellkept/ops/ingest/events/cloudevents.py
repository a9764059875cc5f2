"""CloudEvents 1.0 as HTTP carries them: in headers and body (binary), in one document (structured), or in a list."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.moments import nanos_of

STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
PREFIX = "ce-"
VERSION = "1.0"
MOST_EVENTS = 10_000
_REQUIRED = ("id", "source", "type")
_KNOWN = frozenset(
    {*_REQUIRED, "specversion", "time", "subject", "datacontenttype", "dataschema", "data", "data_base64"}
)
_NAME = re.compile(r"[a-z0-9]+\Z")
_NO_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_QUOTED = re.compile(rb"\"((?:[^\"\\]|\\.)*)\"\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Event:
    """One event. ``source`` and ``id`` together are what it is; ``at_ns`` 0 means that it says no time.

    ``data`` is its content as JSON, or a text; ``text`` is the same as a text in any case.
    """

    id: str
    source: str
    type: str
    at_ns: int = 0
    subject: str = ""
    content_type: str = ""
    schema: str = ""
    extensions: Mapping[str, str] = field(default_factory=dict)
    data: Any = None
    text: str = ""


def binary(headers: Mapping[str, str], body: bytes) -> Event:
    """The event of a request whose attributes are headers and whose data is the body.

    Raises:
        InputError: an attribute breaks a rule.
    """
    attributes = {
        name.lower()[len(PREFIX) :]: _of_header(name, value)
        for name, value in headers.items()
        if name.lower().startswith(PREFIX)
    }
    if "datacontenttype" in attributes:
        raise InputError("ce-datacontenttype", "must not be a header: Content-Type says it")
    content_type = headers.get("content-type", "")
    return _event("event", attributes, content_type, *_of_bytes(body, content_type))


def structured(document: Any, where: str = "event") -> Event:
    """The event of a document.

    Raises:
        InputError: it breaks a rule; names the field.
    """
    if not isinstance(document, dict):
        raise InputError(where, "must be an object", document)
    if document.get("data") is not None and document.get("data_base64") is not None:
        raise InputError(where, "must not have both data and data_base64")
    attributes: dict[str, str] = {}
    for name, value in document.items():
        if name not in ("data", "data_base64") and value is not None:
            attributes[name] = _of_value(f"{where}.{name}", value)
    content_type = attributes.pop("datacontenttype", "")
    packed = document.get("data_base64")
    if packed is not None:
        try:
            raw = base64.b64decode(packed, validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise InputError(f"{where}.data_base64", "must be a text in base64", packed) from None
        return _event(where, attributes, content_type, *_of_bytes(raw, content_type))
    data = document.get("data")
    text = data if isinstance(data, str) else "" if data is None else orjson.dumps(data).decode()
    return _event(where, attributes, content_type, data, text)


def batch(document: Any) -> list[Event]:
    """The events of a list; it may be empty.

    Raises:
        InputError: one of them breaks a rule; then none should be taken.
    """
    if not isinstance(document, list):
        raise InputError("events", "must be a list", document)
    if len(document) > MOST_EVENTS:
        raise InputError("events", f"must be at most {MOST_EVENTS}", len(document))
    return [structured(item, f"events[{number}]") for number, item in enumerate(document)]


def decoded(name: str, value: bytes) -> str:
    """A header's value as CloudEvents writes it: quotes taken off, then percent-decoded once, then read as UTF-8.

    Raises:
        InputError: a quote without its other, a broken escape, or bytes that are no UTF-8.
    """
    raw = value.strip()
    if raw.startswith(b'"'):
        quoted = _QUOTED.match(raw)
        if quoted is None:
            raise InputError(name, "must have a closing quote", value)
        raw = re.sub(rb"\\(.)", rb"\1", quoted[1], flags=re.DOTALL)
    if _NO_ESCAPE.search(raw):
        raise InputError(name, "must have two hexadecimal digits behind each %", value)
    raw = _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), raw)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(name, "must be UTF-8 when it is percent-decoded", value) from None


def _of_header(name: str, value: str) -> str:
    return decoded(name, value.encode("latin-1", "replace"))


def _of_value(where: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int):
        raise InputError(where, "must be a text, a whole number or a truth value", value)
    return str(value)


def _of_bytes(raw: bytes, content_type: str) -> tuple[Any, str]:
    """Data that came as bytes, as JSON where it is that, and as text."""
    media = content_type.partition(";")[0].strip().lower()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        packed = base64.b64encode(raw).decode("ascii")
        return packed, packed
    if media in ("", "application/json", "text/json") or media.endswith("+json"):
        try:
            return orjson.loads(raw), text
        except orjson.JSONDecodeError:
            pass
    return text, text


def _event(where: str, attributes: Mapping[str, str], content_type: str, data: Any, text: str) -> Event:
    for name in attributes:
        if not _NAME.match(name):
            raise InputError(f"{where}.{name}", "must be named in lower-case letters and digits")
    version = attributes.get("specversion")
    if version != VERSION:
        raise InputError(f"{where}.specversion", f'must be "{VERSION}"', version)
    for name in _REQUIRED:
        if not attributes.get(name):
            raise InputError(f"{where}.{name}", "is required and must not be empty")
    return Event(
        id=attributes["id"],
        source=attributes["source"],
        type=attributes["type"],
        at_ns=nanos_of(f"{where}.time", attributes["time"]) if "time" in attributes else 0,
        subject=attributes.get("subject", ""),
        content_type=content_type,
        schema=attributes.get("dataschema", ""),
        extensions={name: value for name, value in attributes.items() if name not in _KNOWN},
        data=data,
        text=text,
    )
