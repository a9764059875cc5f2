"""OTLP request bodies into the tables: the engine decodes the bytes itself, Python never looks inside."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from enum import StrEnum

from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.failures import BodyError, NestedError
from wellkept.store.telemetry.otlp.framing import families, resources
from wellkept.store.telemetry.otlp.nested import flatten
from wellkept.store.telemetry.otlp.schema import schema_path, structure
from wellkept.store.telemetry.otlp.seen import SeenResources
from wellkept.store.telemetry.receipt import ALL, Receipt
from wellkept.store.telemetry.statements import load, of_families


class Signal(StrEnum):
    """The signals of OTLP that are stored."""

    METRICS = "metrics"
    LOGS = "logs"
    TRACES = "traces"


_WANTED = "SELECT count() AS n FROM series_wanted WHERE batch = {batch:UInt64}"


class OtlpWriter:
    """Stores the bodies of export requests.

    The messages hold nothing but repeated fields, so several bodies put one after another are one message, and one
    statement decodes and inserts them all. A body that is cut off would swallow the beginning of the next, so what
    comes here must have been checked (``otlp.framing.check``).
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._batches = itertools.count()
        self._seen = SeenResources()

    def insert(self, signal: Signal, bodies: Sequence[bytes], received_ns: int) -> Sequence[Receipt]:
        """Store uncompressed protobuf bodies; when it returns they are on disk. Gives what became of each.

        ``received_ns`` is the time (nanoseconds since the epoch) of what carries no time of its own.

        Raises:
            InputError: a body is at fault; some rows of it may have been stored nevertheless.
            StoreError: the engine failed; the same holds.
            OverloadError: the engine cannot take more at the moment.
        """
        body = b"".join(bodies)
        try:
            try:
                self._insert(signal, body, received_ns)
            except NestedError:
                self._insert(signal, flatten(signal, body), received_ns)
        except BodyError as error:
            raise InputError(f"OTLP {signal} request", error.rule) from None
        return [ALL] * len(bodies)

    def _insert(self, signal: Signal, body: bytes, received_ns: int) -> None:
        common: dict[str, object] = {"received": received_ns, "schema": schema_path(signal)}
        if signal is Signal.METRICS:
            self._insert_metrics(body, received_ns, common)
        else:
            self._engine.insert_body(load(f"otlp/{signal}.sql"), body, {**common, "structure": structure(signal)})
        self._insert_resources(signal, body, received_ns)

    def _insert_resources(self, signal: Signal, body: bytes, received_ns: int) -> None:
        found = resources(body)
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

    def _insert_metrics(self, body: bytes, received_ns: int, common: Mapping[str, object]) -> None:
        """Points first; then, only if they brought series that are not known yet, what those are."""
        held = self._families(body)
        if not held:
            return
        batch = received_ns + next(self._batches)
        parameters = {**common, "batch": batch, **{family: structure("metrics", family) for family in held}}
        self._engine.insert_body(of_families("otlp/metrics.sql", held), body, parameters)
        if self._engine.query(_WANTED, {"batch": batch}, writing=True)["n"][0].as_py():
            self._engine.insert_body(of_families("otlp/metrics_series.sql", held), body, parameters)

    def _families(self, body: bytes) -> frozenset[str]:
        held = families(body)
        if held is not None:
            return held
        parameters = {"schema": schema_path("families"), "structure": structure("families")}
        (row,) = self._engine.query_body(load("otlp/families.sql"), body, parameters, writing=True).to_pylist()
        return frozenset(name for name, is_there in row.items() if is_there)
