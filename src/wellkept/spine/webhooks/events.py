"""An event: something that happened, as a CloudEvent that others can read, small enough for any receiver."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from wellkept.kernel.codec import encode
from wellkept.kernel.errors import InputError

SPECIFICATION = "1.0"
MEDIA = "application/cloudevents+json"
MOST_BYTES = 64 << 10
"""Of a body; data that make it longer are left out, and can be asked for by the subject."""
LONGEST_TEXT, LONGEST_SUBJECT = 2000, 300
HIDDEN = re.compile(r"(?i)(secret|password|passwd|token|credential|api_?key|authorization)")
"""Keys whose values never leave."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, to what, when. ``id`` is the same whenever the same thing is told."""

    id: str
    type: str
    subject: str
    at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)


def event(kind: str, subject: str, at: datetime, data: Mapping[str, Any], *key: str) -> Event:
    """An event whose id depends on its type and ``key`` alone."""
    digest = hashlib.sha256("\x1f".join((kind, *key)).encode("utf-8", "surrogatepass")).hexdigest()
    return Event(f"evt_{digest[:32]}", kind, subject[:LONGEST_SUBJECT], at, data)


def body_of(told: Event, source: str, *, whole: bool = False) -> str:
    """The event as JSON: CloudEvents 1.0, structured; ``type`` and ``data`` are where Standard Webhooks has them.

    Args:
        told: what happened.
        source: who tells it.
        whole: whether the receiver works with the data, so that nothing of them may be hidden, cut or left out.

    Raises:
        InputError: it is to be whole, and longer than a body may be.
    """
    data = encode(dict(told.data))
    document = {
        "specversion": SPECIFICATION,
        "id": told.id,
        "source": source,
        "type": told.type,
        "subject": told.subject,
        "time": told.at.astimezone(UTC).isoformat(),
        "datacontenttype": "application/json",
        "data": data if whole else _plain(data),
    }
    text = _json(document)
    if len(text.encode()) > MOST_BYTES:
        if whole:
            raise InputError(f"event {told.type}", f"must be at most {MOST_BYTES} bytes", len(text.encode()))
        text = _json({**document, "data": {"left_out": f"more than {MOST_BYTES} bytes"}})
    return text


def is_wanted(kind: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns (``plan.proposed``, ``plan.*``, ``*``) names a type."""
    return any(
        pattern in ("*", kind) or (pattern.endswith(".*") and kind.startswith(pattern[:-1])) for pattern in patterns
    )


def _json(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    """A value without secrets and without endless texts."""
    if isinstance(value, dict):
        return {key: "***" if HIDDEN.search(key) else _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"{value[: LONGEST_TEXT - 1]}…"
    return value
