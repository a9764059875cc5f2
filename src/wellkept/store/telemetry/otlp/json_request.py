"""OTLP JSON to protobuf, by the same field tables that the engine decodes with. Not a hot path.

The traps of OTLP's JSON: trace and span ids are hexadecimal (not base64), enumerations are numbers only, 64-bit
integers may be numbers or texts, keys are lowerCamelCase only, and what is not known is ignored.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.otlp.schema import SCALARS, Field, Messages, messages, root
from wellkept.store.telemetry.varint import varint

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_HEX = frozenset({"trace_id", "span_id", "parent_span_id"})
_DEEPEST = 60
_INTEGER, _DECIMAL = re.compile(r"-?[0-9]{1,20}"), re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_HEXADECIMAL = re.compile(r"([0-9a-fA-F]{2})*")


def to_protobuf(signal: str, body: bytes) -> bytes:
    """The protobuf of a JSON request; an empty body is an empty request.

    Raises:
        InputError: not JSON, or a field has a value of the wrong type; names the field.
    """
    what = f"OTLP {signal} request"
    if not body:
        return b""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError(what, f"must be JSON: {error.msg} at character {error.pos}") from None
    return _message(messages(signal), root(signal), value, what, 0)


def _message(known: Messages, name: str, value: Any, where: str, depth: int) -> bytes:
    if not isinstance(value, Mapping):
        raise InputError(where, "must be an object", value)
    if depth > _DEEPEST:
        raise InputError(where, f"must not be nested deeper than {_DEEPEST} levels")
    out = bytearray()
    for field in known[name]:
        item = value.get(_camel(field.name))
        if item is None:
            continue
        place = f"{where}.{_camel(field.name)}"
        if not field.is_repeated:
            out += _field(known, field, item, place, depth)
            continue
        if not isinstance(item, list):
            raise InputError(place, "must be a list", item)
        for index, element in enumerate(item):
            out += _field(known, field, element, f"{place}[{index}]", depth)
    return bytes(out)


def _field(known: Messages, field: Field, value: Any, where: str, depth: int) -> bytes:
    if field.holds or field.kind not in SCALARS:
        return _sized(field, _message(known, field.holds or field.kind, value, where, depth + 1))
    if field.kind == "string":
        if not isinstance(value, str):
            raise InputError(where, "must be a text", value)
        return _sized(field, value.encode("utf-8", "replace"))
    if field.kind == "bytes":
        return _sized(field, _bytes(field, value, where))
    wire, pack = _NUMBERS[field.kind]
    try:
        return varint(field.number << 3 | wire) + pack(_number(field.kind, value, where))
    except (struct.error, OverflowError):
        raise InputError(where, f"must fit {field.kind}", value) from None


def _number(kind: str, value: Any, where: str) -> Any:
    if kind == "bool":
        if not isinstance(value, bool):
            raise InputError(where, "must be true or false", value)
        return int(value)
    if kind == "double":
        return _double(value, where)
    if isinstance(value, str) and kind.endswith("64"):
        if not _INTEGER.fullmatch(value):
            raise InputError(where, "must be an integer, or a text of one", value)
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(where, "must be an integer", value)
    return value


def _double(value: Any, where: str) -> float:
    named = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
    if isinstance(value, str) and value in named:
        return named[value]
    is_text = isinstance(value, str) and _DECIMAL.fullmatch(value)
    if not is_text and (not isinstance(value, int | float) or isinstance(value, bool)):
        raise InputError(where, "must be a number", value)
    return float(value)


def _bytes(field: Field, value: Any, where: str) -> bytes:
    is_hex = field.name in _HEX
    rule = "must be a hexadecimal text" if is_hex else "must be a base64 text"
    if not isinstance(value, str) or (is_hex and not _HEXADECIMAL.fullmatch(value)):
        raise InputError(where, rule, value)
    if is_hex:
        return bytes.fromhex(value)
    try:
        padded = value + "=" * (-len(value) % 4)
        return base64.b64decode(padded.translate(_URL_SAFE), validate=True)
    except (ValueError, binascii.Error):
        raise InputError(where, rule, value) from None


_URL_SAFE = str.maketrans("-_", "+/")


def _sized(field: Field, content: bytes) -> bytes:
    return varint(field.number << 3 | _BYTES) + varint(len(content)) + content


def _zigzag(value: int) -> bytes:
    if not -(1 << 31) <= value < 1 << 31:
        raise OverflowError
    return varint(value << 1 ^ value >> 31)


def _ranged(bits: int, *, signed: bool) -> Callable[[int], bytes]:
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)

    def pack(value: int) -> bytes:
        if not low <= value <= high:
            raise OverflowError
        return varint(value)

    return pack


_NUMBERS: dict[str, tuple[int, Callable[[Any], bytes]]] = {
    "bool": (_VARINT, _ranged(1, signed=False)),
    "int32": (_VARINT, _ranged(32, signed=True)),
    "sint32": (_VARINT, _zigzag),
    "int64": (_VARINT, _ranged(64, signed=True)),
    "uint32": (_VARINT, _ranged(32, signed=False)),
    "uint64": (_VARINT, _ranged(64, signed=False)),
    "fixed32": (_FIXED32, struct.Struct("<I").pack),
    "fixed64": (_FIXED64, struct.Struct("<Q").pack),
    "sfixed64": (_FIXED64, struct.Struct("<q").pack),
    "double": (_FIXED64, struct.Struct("<d").pack),
}


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)
