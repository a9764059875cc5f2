"""Remote write requests into the tables, of either version."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.bodies import Body
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.failures import BodyError
from wellkept.store.telemetry.points.writer import PointWriter
from wellkept.store.telemetry.receipt import Receipt
from wellkept.store.telemetry.remote.write1 import Write1
from wellkept.store.telemetry.remote.write2 import Write2


class Version(StrEnum):
    """The versions of Prometheus's remote write."""

    V1 = "1.0"
    V2 = "2.0"


class RemoteWriter:
    """Stores the bodies of remote write requests."""

    def __init__(self, engine: Engine, writer: PointWriter) -> None:
        self._writers: dict[Version, Write1 | Write2] = {
            Version.V1: Write1(engine, writer),
            Version.V2: Write2(engine, writer),
        }

    def insert(self, version: Version, bodies: Sequence[Body], received_ns: int) -> Sequence[Receipt]:
        """Store uncompressed bodies of one version; gives what became of each.

        Raises:
            InputError: a body is at fault; nothing of the group is stored.
            StoreError: the engine failed, and some samples may be stored.
            OverloadError: the engine cannot take more at the moment.
        """
        try:
            return self._writers[version].insert(bodies, received_ns)
        except BodyError as error:
            raise InputError(f"remote write {version} request", error.rule) from None


_FIRST_BYTES = {Version.V1: (0x0A, 0x1A), Version.V2: (0x22, 0x2A)}
"""The fields of a request: series and metadata (1, 3), or symbols and series (4, 5)."""


def check_version(version: Version, body: Body) -> None:
    """A request of one version, read as the other, is valid and empty: it would be lost without a word.

    Raises:
        InputError: the body does not begin with a field of this version.
    """
    if body and body[0] not in _FIRST_BYTES[version]:
        other = next((each for each, first in _FIRST_BYTES.items() if body[0] in first), None)
        rule = f"is of version {other}: name it in Content-Type" if other else "does not begin with a field of it"
        raise InputError(f"remote write {version} request", rule)
