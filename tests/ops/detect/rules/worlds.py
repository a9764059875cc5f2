"""A telemetry store with series in it, and rules over it, as the platform wires them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from tests.store.fixtures import state_in

from wellkept.app.backtest import answers_of, counting_of
from wellkept.app.rules import Rules
from wellkept.kernel.clock import SettableClock
from wellkept.ops.detect.rules.history import Trial
from wellkept.ops.ingest.identity import Identity
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.store.telemetry.remote.encoded import request_of
from wellkept.store.telemetry.remote.writer import Version
from wellkept.store.telemetry.telemetry import Telemetry

START_S = 1_700_000_000 // 3600 * 3600
"""A whole hour."""


def moment(second: float) -> datetime:
    """So many seconds after the start."""
    return datetime.fromtimestamp(START_S + second, UTC)


class World:
    """A platform of rules alone, on a clock that the test moves."""

    def __init__(self, telemetry: Telemetry, folder: Path, documents: Mapping[str, str] | None = None) -> None:
        self.telemetry, self.folder = telemetry, folder / "rules"
        self.folder.mkdir(exist_ok=True)
        self.state = state_in(folder / "state")
        self.clock = SettableClock(moment(0))
        self.stream = Stream(self.state, telemetry.changes)
        self.topology = Topology(self.state)
        for name, text in (documents or {}).items():
            (self.folder / name).write_text(text, "utf-8")
        self.rules = self.started()

    def started(self) -> Rules:
        """The rules as a platform that has just started has them."""
        locate = Identity(self.topology, self.clock).entity_of
        return Rules(self.telemetry, self.stream, self.topology, locate, self.clock, [self.folder])

    def restart(self) -> None:
        """Forget what is in memory."""
        self.rules = self.started()

    def store(self, metric: str, samples: Iterable[tuple[float, float]], **labels: str) -> None:
        """Samples of one series: (second, value)."""
        named = tuple(sorted({"__name__": metric, **labels}.items()))
        for second, value in samples:
            at = round((START_S + second) * 1000)
            self.telemetry.remote.insert(Version.V1, [request_of([(named, value)], at)], at * 1_000_000)

    def store_line(self, metric: str, values: Iterable[float], every_s: float = 15.0, **labels: str) -> None:
        """Samples from the start on, one every so many seconds, in one request."""
        named = tuple(sorted({"__name__": metric, **labels}.items()))
        body, last = b"", 0
        for index, value in enumerate(values):
            last = round((START_S + index * every_s) * 1000)
            body += request_of([(named, value)], last)
        self.telemetry.remote.insert(Version.V1, [body], last * 1_000_000)
        self.telemetry.points.settle()

    def tick(self, second: float) -> None:
        """Look at the rules at a moment."""
        self.clock.set(moment(second))
        self.rules.tick(self.clock.now())

    def ticks(self, first: float, last: float, every_s: float = 15.0) -> None:
        """Look again and again."""
        second = first
        while second <= last:
            self.tick(second)
            second += every_s

    def open(self) -> list[str]:
        """The sentences of the open findings."""
        return [finding.sentence for finding in self.stream.open_findings()]

    def value(self, query: str, second: float) -> dict[tuple[tuple[str, str], ...], float]:
        """What an expression is at a moment."""
        vector = self.telemetry.promql.instant(query, round((START_S + second) * 1000)).value
        return dict(zip(vector.labels, vector.values[:, 0].tolist(), strict=True))  # type: ignore[union-attr]

    def trial(self) -> Trial:
        """A trial over what is stored."""
        answers = answers_of(self.telemetry)
        return Trial(answers, counting_of(answers, self.telemetry))

    def close(self) -> None:
        self.state.close()
