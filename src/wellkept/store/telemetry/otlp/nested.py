"""Requests whose values hold values (a map, a list of lists): each such value becomes the JSON text of it.

The engine decodes everything else by itself; it cannot follow a message into itself. Not a hot path.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import orjson
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from wellkept.kernel.errors import InputError

_REQUESTS: dict[str, type[Message]] = {
    "metrics": ExportMetricsServiceRequest,
    "logs": ExportLogsServiceRequest,
    "traces": ExportTraceServiceRequest,
}


def flatten(signal: str, body: bytes) -> bytes:
    """The request with every map, and every list that is not empty, as a JSON text.

    Raises:
        InputError: the body is not a request of this signal.
    """
    request = _REQUESTS[signal]()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise InputError(f"OTLP {signal} request", "cannot be decoded") from error
    for value in _values(request):
        if _is_nested(value):
            value.string_value = orjson.dumps(_plain(value)).decode()
    return request.SerializeToString()


def _values(message: Message) -> Iterator[AnyValue]:
    """The outermost values in a message."""
    for field, held in message.ListFields():
        if field.message_type is None:
            continue
        for part in held if field.is_repeated else (held,):
            if isinstance(part, AnyValue):
                yield part
            else:
                yield from _values(part)


def _is_nested(value: AnyValue) -> bool:
    kind = value.WhichOneof("value")
    return kind == "kvlist_value" or (kind == "array_value" and len(value.array_value.values) > 0)


def _plain(value: AnyValue) -> Any:
    """A value as JSON has it: bytes are hexadecimal texts, and what is not finite is null."""
    kind = value.WhichOneof("value")
    match kind:
        case None:
            return None
        case "array_value":
            return [_plain(item) for item in value.array_value.values]
        case "kvlist_value":
            return {pair.key: _plain(pair.value) for pair in value.kvlist_value.values}
        case "bytes_value":
            return value.bytes_value.hex()
        case "double_value" if not math.isfinite(value.double_value):
            return None
        case _:
            return getattr(value, kind)
