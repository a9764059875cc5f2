"""The messages of remote write 1.0 and 2.0 as protobuf classes, written down independently of the product."""

from __future__ import annotations

import struct
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

STALE = struct.unpack("<d", (0x7FF0000000000002).to_bytes(8, "little"))[0]
Labels = dict[str, str]
Samples = list[tuple[int, float]]

_SCALARS = {"double": 1, "int64": 3, "uint64": 4, "int32": 5, "string": 9, "bytes": 12, "uint32": 13, "sint64": 18}
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Label": {"name": (1, "string"), "value": (2, "string")},
    "Sample": {"value": (1, "double"), "timestamp": (2, "int64")},
    "Histogram": {"count_int": (1, "uint64"), "sum": (3, "double"), "timestamp": (15, "int64")},
    "TimeSeries": {"labels": (1, "*Label"), "samples": (2, "*Sample"), "histograms": (4, "*Histogram")},
    "MetricMetadata": {
        "type": (1, "int32"),
        "metric_family_name": (2, "string"),
        "help": (4, "string"),
        "unit": (5, "string"),
    },
    "WriteRequest": {"timeseries": (1, "*TimeSeries"), "metadata": (3, "*MetricMetadata")},
    "Metadata2": {"type": (1, "int32"), "help_ref": (3, "uint32"), "unit_ref": (4, "uint32")},
    "Sample2": {"value": (1, "double"), "timestamp": (2, "int64"), "start_timestamp": (3, "int64")},
    "TimeSeries2": {
        "labels_refs": (1, "*uint32"),
        "samples": (2, "*Sample2"),
        "histograms": (3, "*Histogram"),
        "metadata": (5, "Metadata2"),
    },
    "Request": {"symbols": (4, "*string"), "timeseries": (5, "*TimeSeries2")},
}


def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="remote.proto", package="t", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, told) in fields.items():
            made = message.field.add(name=field, number=number, label=3 if told.startswith("*") else 1)
            kind = told.removeprefix("*")
            made.type = descriptor_pb2.FieldDescriptorProto.Type.ValueType(_SCALARS.get(kind, 11))
            if kind not in _SCALARS:
                made.type_name = f".t.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


_POOL = _pool()


def message(name: str) -> Any:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"t.{name}"))()


def request1(*series: tuple[Labels, Samples]) -> bytes:
    request = message("WriteRequest")
    for labels, samples in series:
        made = request.timeseries.add()
        for name, value in sorted(labels.items()):
            made.labels.add(name=name, value=value)
        for at, number in samples:
            made.samples.add(timestamp=at, value=number)
    return bytes(request.SerializeToString())


def request2(*series: tuple[Labels, Samples], **metadata: str | int) -> bytes:
    """``metadata`` of every series: ``type``, ``help``, ``unit``."""
    request = message("Request")
    symbols = [""]

    def ref(text: str) -> int:
        if text not in symbols:
            symbols.append(text)
        return symbols.index(text)

    for labels, samples in series:
        made = request.timeseries.add()
        for pair in sorted(labels.items()):
            made.labels_refs.extend(ref(text) for text in pair)
        for at, number in samples:
            made.samples.add(timestamp=at, value=number)
        made.metadata.type = int(metadata.get("type", 0))
        made.metadata.help_ref, made.metadata.unit_ref = (ref(str(metadata.get(name, ""))) for name in ("help", "unit"))
    request.symbols.extend(symbols)
    return bytes(request.SerializeToString())
