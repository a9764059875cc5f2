"""Remote write requests into the tables, of either version."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.failures import BodyError
from wellkept.store.telemetry.points.writer import PointWriter
from wellkept.store.telemetry.receipt import Receipt
from wellkept.store.telemetry.remote.packed import Packed, RemoteBody, unpacked
from wellkept.store.telemetry.remote.write1 import Write1
from wellkept.store.telemetry.remote.write2 import Write2


class Version(StrEnum):
    """The versions of Prometheus's remote write."""

    V1 = "1.0"
    V2 = "2.0"


class RemoteWriter:
    """Stores the bodies of remote write requests."""

    def __init__(self, engine: Engine, writer: PointWriter) -> None:
        self._write1, self._write2 = Write1(engine, writer), Write2(engine, writer)

    def insert(self, version: Version, bodies: Sequence[RemoteBody], received_ns: int) -> Sequence[Receipt]:
        """Store bodies of one version; gives what became of each.

        Raises:
            InputError: a body is at fault; nothing of the group is stored.
            StoreError: the engine failed, and some samples may be stored.
            OverloadError: the engine cannot take more at the moment.
        """
        try:
            if version is Version.V2:
                return self._write2.insert(unpacked(bodies), received_ns)
            return self._write1.insert(bodies, received_ns)
        except BodyError as error:
            raise InputError(f"remote write {version} request", error.rule) from None


_FIRST_BYTES = {Version.V1: (0x0A, 0x1A), Version.V2: (0x22, 0x2A)}
"""The fields of a request: series and metadata (1, 3), or symbols and series (4, 5)."""


def check_version(version: Version, body: RemoteBody) -> None:
    """A request of one version, read as the other, is valid and empty: it would be lost without a word.

    Raises:
        InputError: the body does not begin with a field of this version, or is no snappy block.
    """
    try:
        begin = body.first() if isinstance(body, Packed) else next(iter(body[:1]), None)
    except BodyError as error:
        raise InputError("remote write request", error.rule) from None
    if begin is not None and begin not in _FIRST_BYTES[version]:
        other = next((each for each, first in _FIRST_BYTES.items() if begin in first), None)
        rule = f"is of version {other}: name it in Content-Type" if other else "does not begin with a field of it"
        raise InputError(f"remote write {version} request", rule)
