"""OTLP request bodies into the tables: the engine decodes the bytes itself, Python never looks inside."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from enum import StrEnum

from wellkept.kernel.errors import InputError, OverloadError, StoreError
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.failures import BodyError, NestedError
from wellkept.store.telemetry.otlp.framing import count, resources
from wellkept.store.telemetry.otlp.metrics import MetricDecoder
from wellkept.store.telemetry.otlp.nested import flatten
from wellkept.store.telemetry.otlp.schema import columns, schema_path, structure
from wellkept.store.telemetry.otlp.seen import SeenResources
from wellkept.store.telemetry.points.writer import PointWriter
from wellkept.store.telemetry.receipt import ALL, Receipt
from wellkept.store.telemetry.requests import Requests, identity
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

    def __init__(self, engine: Engine, points: PointWriter, requests: Requests) -> None:
        self._engine, self._requests = engine, requests
        self._metrics = MetricDecoder(engine, points)
        self._seen = SeenResources()

    def insert(self, signal: Signal, bodies: Sequence[bytes], received_ns: int) -> Sequence[Receipt]:
        """Store uncompressed protobuf bodies; when it returns they are on disk. Gives what became of each.

        ``received_ns`` is the time (nanoseconds since the epoch) of what carries no time of its own. Rows
        of logs and traces keep the identities of their requests (``Requests``).

        Raises:
            InputError: a body is at fault; some rows of it may have been stored nevertheless.
            StoreError: the engine failed; the same holds.
            OverloadError: the engine cannot take more at the moment.
        """
        try:
            try:
                return self._insert(signal, bodies, bodies, received_ns)
            except NestedError:
                return self._insert(signal, bodies, [flatten(signal, body) for body in bodies], received_ns)
        except BodyError as error:
            raise InputError(f"OTLP {signal} request", error.rule) from None

    def _insert(
        self, signal: Signal, sent: Sequence[bytes], bodies: Sequence[bytes], received_ns: int
    ) -> Sequence[Receipt]:
        """Store the bodies, which may say what was sent in another way.

        What names the resources comes first: were it last and failed, rows would be stored that nobody is told of.
        """
        receipts: Sequence[Receipt] = [ALL] * len(bodies)
        body = b"".join(bodies)
        self._insert_resources(signal, body, received_ns)
        if signal is Signal.METRICS:
            receipts = self._metrics.insert(bodies, received_ns)
        else:
            counts = [count(each) for each in bodies]
            identities = [identity(each) for each in sent]
            self._requests.clear(signal, identities)
            parameters = {
                "received": received_ns,
                "schema": schema_path(signal),
                "structure": columns(signal),
                "requests": identities,
                "firsts": list(itertools.accumulate(counts, initial=1))[:-1],
                "counts": counts,
            }
            try:
                self._engine.insert_body(load(f"otlp/{signal}.sql"), body, parameters)
            except (StoreError, OverloadError) as error:
                if not isinstance(error, BodyError):  # of a body at fault nothing is stored
                    self._requests.cut_short(signal, identities, received_ns)
                raise
        return receipts

    def _insert_resources(self, signal: Signal, body: bytes, received_ns: int) -> None:
        found = resources(signal, body)
        if found is not None and self._seen.are_known(signal, found, received_ns):
            return
        parameters = {
            "received": received_ns,
            "signal": str(signal),
            "schema": schema_path("resources"),
            "structure": structure("resources"),
        }
        self._engine.insert_body(load("otlp/resources.sql"), body, parameters)
        if found is not None:
            self._seen.note(signal, found, received_ns)
