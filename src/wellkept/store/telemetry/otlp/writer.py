"""OTLP request bodies into the tables: the engine decodes the bytes itself, Python never looks inside."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.otlp.schema import schema_path, structure
from wellkept.store.telemetry.statements import load


class Signal(StrEnum):
    """The signals of OTLP that are stored."""

    METRICS = "metrics"
    LOGS = "logs"
    TRACES = "traces"


class OtlpWriter:
    """Stores the bodies of export requests.

    The messages hold nothing but repeated fields, so several bodies put one after another are one message, and one
    statement decodes and inserts them all. A body that is cut off would swallow the beginning of the next, so what
    comes here must have been checked (``otlp.framing.check``).
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def insert(self, signal: Signal, bodies: Sequence[bytes], received_ns: int) -> None:
        """Store uncompressed protobuf bodies; when it returns they are on disk.

        ``received_ns`` is the time (nanoseconds since the epoch) of what carries no time of its own.

        Raises:
            StoreError: the engine could not decode or store them; some rows may have been stored nevertheless.
            OverloadError: the engine cannot take more at the moment.
        """
        parameters = {
            "received": received_ns,
            "structure": structure(signal),
            "schema": schema_path(signal),
        }
        self._engine.insert_body(load(f"otlp/{signal}.sql"), b"".join(bodies), parameters)
