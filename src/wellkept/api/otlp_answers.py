"""What the doors for OTLP answer: the few small messages, encoded by hand, which costs a request nothing.

The export responses of all signals are alike but for one name, and protobuf sends no names.
"""

from __future__ import annotations

from typing import Any

from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.receipt import Receipt
from wellkept.store.telemetry.varint import varint

INVALID_ARGUMENT, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE, UNAUTHENTICATED = 3, 8, 13, 14, 16
"""The codes of ``google.rpc.Code`` that these doors say."""

_REJECTED = {
    Signal.METRICS: "rejectedDataPoints",
    Signal.LOGS: "rejectedLogRecords",
    Signal.TRACES: "rejectedSpans",
}
_RETRY_INFO = b"type.googleapis.com/google.rpc.RetryInfo"


def response(receipt: Receipt) -> bytes:
    """An export response; ``partial_success`` is set only where something was not stored, or there is a warning."""
    if not receipt.rejected and not receipt.reason:
        return b""
    return _sized(1, _number(1, receipt.rejected) + _sized(2, receipt.reason.encode()))


def response_as_json(signal: Signal, receipt: Receipt) -> dict[str, Any]:
    """The same in the JSON of OTLP, whose 64-bit numbers are texts."""
    partial: dict[str, str] = {}
    if receipt.rejected:
        partial[_REJECTED[signal]] = str(receipt.rejected)
    if receipt.reason:
        partial["errorMessage"] = receipt.reason
    return {"partialSuccess": partial} if partial else {}


def status(code: int, message: str, retry_after_s: int | None = None) -> bytes:
    """A ``google.rpc.Status``, with a ``google.rpc.RetryInfo`` where the sender should come again."""
    body = _number(1, code) + _sized(2, message.encode())
    if retry_after_s is not None:
        duration = _number(1, retry_after_s)
        body += _sized(3, _sized(1, _RETRY_INFO) + _sized(2, _sized(1, duration)))
    return body


def _number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value) if value else b""


def _sized(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content if content else b""
