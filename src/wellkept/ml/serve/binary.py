"""The binary tensors of Open Inference Protocol v2: values behind the JSON of a request, as they lie in memory."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from wellkept.kernel.errors import InputError
from wellkept.ml.serve.body import parsed
from wellkept.ml.serve.protocols import BYTES

HEADER = "Inference-Header-Content-Length"
SIZE = "binary_data_size"
LENGTH = struct.Struct("<I")
"""Stands before each text of a tensor."""
LAYOUTS = {
    "BOOL": "?",
    **{f"INT{8 * size}": f"<i{size}" for size in (1, 2, 4, 8)},
    **{f"UINT{8 * size}": f"<u{size}" for size in (1, 2, 4, 8)},
    **{f"FP{8 * size}": f"<f{size}" for size in (2, 4, 8)},
}


def parsed_request(body: bytes, length: str) -> Any:
    """The JSON value of a request, its binary tensors filled in. ``length`` is what the header says of the JSON's.

    Raises:
        InputError: it is no JSON, or what is behind it are not the tensors that it tells of.
    """
    if not length:
        return parsed(body)
    if not (length.isascii() and length.isdigit() and int(length) <= len(body)):
        raise InputError(HEADER, f"must be the length of the JSON in a body of {len(body)} bytes", length)
    asked, at = parsed(body[: int(length)]), int(length)
    inputs = asked.get("inputs") if isinstance(asked, dict) else None
    for tensor in inputs if isinstance(inputs, list) else ():
        parameters = tensor.get("parameters") if isinstance(tensor, dict) else None
        if isinstance(parameters, dict) and SIZE in parameters:
            size = parameters[SIZE]
            if type(size) is not int or not 0 <= size <= len(body) - at:
                rule = f"must be a number of bytes, of which {len(body) - at} are left"
                raise InputError(f"input {tensor.get('name')}: {SIZE}", rule, size)
            tensor["data"] = _values(tensor, body[at : at + size])
            at += size
    if at < len(body):
        raise InputError("body", f"must end with the last tensor, but {len(body) - at} bytes are left")
    return asked


def _values(tensor: Mapping[str, Any], data: bytes) -> list[Any]:
    """The values of a tensor; NaN is null. Of a datatype that nobody knows there are none, and it is refused later."""
    where, layout = f"input {tensor.get('name')}", LAYOUTS.get(str(tensor.get("datatype")))
    if tensor.get("datatype") == BYTES:
        return _texts(where, data)
    if layout is None:
        return []
    width = np.dtype(layout).itemsize
    if len(data) % width:
        rule = f"must be a multiple of {width}, the bytes of a {tensor['datatype']}"
        raise InputError(f"{where}: {SIZE}", rule, len(data))
    found = np.frombuffer(data, layout)
    values: list[Any] = found.tolist()
    if found.dtype.kind != "f" or np.isfinite(found).all():
        return values
    if np.isinf(found).any():
        raise InputError(f"{where}: data", "must be finite numbers, or NaN for a value that is missing", "infinity")
    return [None if value != value else value for value in values]  # noqa: PLR0124 - which is what NaN is


def _texts(where: str, data: bytes) -> list[Any]:
    """The texts of a tensor; an empty one is null."""
    found: list[Any] = []
    at = 0
    while at < len(data):
        begin = at + LENGTH.size
        at = begin + LENGTH.unpack_from(data, at)[0] if begin <= len(data) else begin
        if at > len(data):
            raise InputError(f"{where}: {SIZE}", "must be texts, each behind its length in 4 bytes", len(data))
        try:
            found.append(data[begin:at].decode() or None)
        except UnicodeDecodeError as error:
            raise InputError(f"{where}: data", f"must be UTF-8: {error.reason} in text {len(found)}") from error
    return found
