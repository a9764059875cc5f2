"""ONNX files are data: nothing outside of the bytes belongs to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wellkept.kernel.errors import InputError

FILE = "model.onnx"


def check_onnx(data: bytes) -> None:
    """Refuse a file with tensors that lie elsewhere: their paths would be read from the machine that loads it.

    Raises:
        InputError: it has such a tensor, wherever in the graph; or it is not ONNX.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise InputError(FILE, "must be an ONNX model", f"{len(data)} bytes of something else") from error
    for message in _messages(model):
        if isinstance(message, onnx.TensorProto) and (message.external_data or message.data_location):
            places = [entry.value for entry in message.external_data if entry.key == "location"]
            rule = f"must hold its tensors itself, but {message.name or 'one'} lies elsewhere"
            raise InputError(FILE, rule, *places[:1])


def _messages(message: Any) -> Iterator[Any]:
    """A message and everything in it."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for inner in value if field.is_repeated else (value,):
            yield from _messages(inner)
