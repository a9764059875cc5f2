"""Encoded log records read back by the official messages, as plain values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord


@dataclass(frozen=True)
class Decoded:
    """One log record."""

    text: str
    at: int
    number: int
    level: str
    attributes: dict[str, str]
    resource: dict[str, str]
    scope: str
    trace: str = ""
    span: str = ""
    event: str = ""
    observed: int = 0


def decoded(bodies: Iterable[bytes]) -> list[Decoded]:
    """The records of export requests, in their order."""
    found: list[Decoded] = []
    for body in bodies:
        for block in ExportLogsServiceRequest.FromString(body).resource_logs:
            resource = _texts(block.resource.attributes)
            for scope in block.scope_logs:
                found += [_record(record, resource, scope.scope.name) for record in scope.log_records]
    return found


def _record(record: LogRecord, resource: dict[str, str], scope: str) -> Decoded:
    return Decoded(
        record.body.string_value,
        record.time_unix_nano,
        record.severity_number,
        record.severity_text,
        _texts(record.attributes),
        resource,
        scope,
        record.trace_id.hex(),
        record.span_id.hex(),
        record.event_name,
        record.observed_time_unix_nano,
    )


def _texts(pairs: Iterable[KeyValue]) -> dict[str, str]:
    return {pair.key: pair.value.string_value for pair in pairs}
