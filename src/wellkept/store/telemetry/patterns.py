"""Patterns of log lines as they are stored: what they are, how often they came, and the bulk counting of lines.

The cheap key of a line is made in the engine, so that lines are counted where they lie; only one line of each key that
is not known yet leaves it. ``wellkept.ops.detect.patterns.cheap`` makes the same key of a single line.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa

from wellkept.store.telemetry.arrow import stream
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import Grid, millis
from wellkept.store.telemetry.statements import load

KEY_BYTES = 1000
"""Bytes of a line that its key is made of."""
KEY_FROM = "123456789@\t\r\"'`,;:()[]{}<>|!?&"
KEY_TO = "0000000000" + " " * (len(KEY_FROM) - 10)
"""Byte by byte: every digit becomes 0 (as does what makes an address), every delimiter a blank."""
COLOUR = r"(?:\x1b|\\u001[bB])(?:\[[0-9;:?]*[A-Za-z]|[()][0-9A-Z])"
"""What programs write to colour a word on a terminal, as it is or as JSON has it. It is no part of a line."""
KEY_COLOURED = ("\x1b", "\\u001b", "\\u001B")
"""Without one of these, nothing is coloured."""
KEY_CLASS = r"(?m)^(?:Caused by: )?([A-Za-z_][\w.$]*(?:Exception|Error)\b|(?:[A-Za-z_]\w*\.)+[A-Z]\w*(?::|\r?$))"
"""What an exception is called in the further lines of a body: ``ValueError``, ``requests.exceptions.Timeout``."""
_TOPS = "com|org|net|edu|gov|ar|at|au|be|br|ca|ch|cn|cz|de|es|eu|fr|hk|in|it|jp|kr|mx|nl|pl|ru|se|tw|uk|us"
KEY_TOPS = tuple(f".{top} " for top in _TOPS.split("|"))
"""What the name of a host ends with."""
KEY_HOST = rf"[^ ]*\.(?:{_TOPS}) "
_KEY: dict[str, object] = {
    "key_bytes": KEY_BYTES, "key_from": KEY_FROM, "key_to": KEY_TO, "key_class": KEY_CLASS, "key_tops": KEY_TOPS,
    "key_host": KEY_HOST, "key_colour": COLOUR, "key_coloured": KEY_COLOURED,
}  # fmt: skip

MOST_SERIES = 20_000
"""Rows of a window: pairs of a shape and an entity, or values of parameters."""
_LAST = "SELECT toUnixTimestamp64Nano(max(counted_until)) AS until FROM log_pattern_counts"

SHAPES = pa.schema(
    [
        ("shape", pa.uint64()),
        ("pattern", pa.uint64()),
        ("text", pa.string()),
        ("template", pa.string()),
        ("parameters", pa.list_(pa.string())),
        ("samples", pa.list_(pa.string())),
        ("first_seen", pa.timestamp("ms", "UTC")),
        ("noted_at", pa.timestamp("ms", "UTC")),
    ]
)
COUNTS = pa.schema(
    [
        ("time", pa.timestamp("ms", "UTC")),
        ("shape", pa.uint64()),
        ("entity", pa.string()),
        ("service", pa.string()),
        ("severity", pa.uint8()),
        ("lines", pa.uint32()),
        ("counted_until", pa.timestamp("ns", "UTC")),
    ]
)
VALUES = pa.schema(
    [
        ("time", pa.timestamp("ms", "UTC")),
        ("pattern", pa.uint64()),
        ("entity", pa.string()),
        ("parameter", pa.string()),
        ("value", pa.string()),
        ("lines", pa.uint32()),
    ]
)


class PatternStore:
    """Reads new lines by their keys, and keeps shapes, counts and values."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keys(self, bodies: Sequence[str]) -> list[str]:
        """The cheap keys of bodies, as the engine makes them."""
        rows = pa.table({"body": pa.array(bodies, pa.string())})
        return list(self._engine.query_body(load("queries/pattern_keys.sql"), stream(rows), _KEY)["key"].to_pylist())

    def counted_until(self) -> int:
        """Lines received until this moment (nanoseconds) are counted already; 0 where none are."""
        return max(0, int(self._engine.query(_LAST)["until"][0].as_py()))

    def count(self, after: int, until: int, step_s: float, samples: int, *, recorded: bool = False) -> pa.Table:
        """Lines received after ``after`` and not after ``until`` (nanoseconds), grouped in bulk.

        Those of a recording, which is stored ahead of the clock, count as received when they were written.

        Columns ``key``, ``at`` (milliseconds, the beginning of a step), ``entity``, ``service``, ``severity`` (the
        least number of its class), ``lines``, and up to ``samples`` of their ``bodies``.
        """
        span = {"after": after, "until": until, "step": max(1, round(step_s * 1000)), "samples": samples}
        span["recorded"] = int(recorded)
        return self._engine.query(load("queries/pattern_counts.sql"), {**_KEY, **span})

    def add(self, counts: pa.Table, values: pa.Table | None = None) -> None:
        """Store counts (of schema ``COUNTS``) and values (``VALUES``)."""
        self._engine.insert_arrow("log_pattern_counts", counts)
        if values is not None:
            self._engine.insert_arrow("log_pattern_values", values)

    def note(self, shapes: pa.Table) -> None:
        """Store what shapes are (of schema ``SHAPES``); the newest word about a shape holds."""
        self._engine.insert_arrow("log_shapes", shapes)

    def shapes(self, limit: int) -> pa.Table:
        """``shape``, ``pattern``, ``text``, ``samples``, ``first_seen`` (milliseconds), those noted last."""
        return self._engine.query(load("queries/log_shapes.sql"), {"limit": limit})

    def counts(self, start: datetime, end: datetime, step_s: float) -> tuple[Grid, pa.Table]:
        """Lines by ``shape`` and ``entity``: their ``steps`` on the grid, ``lines`` in each, the worst ``severity``."""
        grid = Grid.of(start, end, step_s)
        parameters = {**grid.parameters, "limit": MOST_SERIES}
        return grid, self._engine.query(load("queries/pattern_window.sql"), parameters)

    def values(self, start: datetime, end: datetime, step_s: float) -> tuple[Grid, pa.Table]:
        """Sampled lines by ``pattern``, ``entity``, ``parameter`` and ``value``: their ``steps``, ``lines`` in each."""
        grid = Grid.of(start, end, step_s)
        parameters = {**grid.parameters, "limit": MOST_SERIES}
        return grid, self._engine.query(load("queries/pattern_values.sql"), parameters)

    def listed(
        self,
        start: datetime,
        end: datetime,
        *,
        service: str = "",
        entity: str = "",
        severity: int = 0,
        limit: int = 100,
    ) -> pa.Table:
        """Patterns with what is known of them, the most frequent first.

        ``counts``: their lines in those of the span's sixty ``steps`` in which there were any.
        """
        parameters: dict[str, object] = {"start": millis(start), "end": millis(end), "service": service}
        parameters |= {"entity": entity, "severity": severity, "limit": limit}
        return self._engine.query(load("queries/pattern_list.sql"), parameters)
