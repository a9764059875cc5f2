"""A round of a large set of rules: what it costs where selectors are read together, and where each is read by itself.

    python -m bench.many_rules --rules FOLDER [--series 5] [--rounds 3]

``FOLDER`` holds rule files. Every metric that they name gets a few series with a quarter of an hour of samples; with
``--series 0`` there are none, as where most of a set is about software that nobody runs. The last line is one JSON
object: how many rules, metrics and series there are, the median processor time of a round in both ways in seconds, and
how many times as fast the first is. The alerts of both ways are compared, and must be the same.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from wellkept.app.rules import Rules
from wellkept.kernel.clock import SettableClock
from wellkept.ops.detect.rules.base import Expression
from wellkept.ops.detect.rules.loading import Loaded, files_of, load_file
from wellkept.ops.detect.rules.questions import metrics_of
from wellkept.ops.ingest.identity import Identity
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.store.state.state import State
from wellkept.store.telemetry.promql.values import labels_of
from wellkept.store.telemetry.remote.encoded import request_of
from wellkept.store.telemetry.remote.writer import Version
from wellkept.store.telemetry.telemetry import Telemetry

START_S = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp())
LONG_S, SCRAPE_S, EVERY_S = 900, 30, 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", type=Path, required=True)
    parser.add_argument("--series", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    paths = files_of([given.rules])
    loaded = [load_file(path) for path in paths]
    metrics = sorted(asked_for(loaded))
    took: dict[str, float] = {}
    alerts: dict[str, list[str]] = {}
    for way in ("one by one", "together"):
        with world(paths, metrics, given.series) as (rules, clock, telemetry):
            if way == "one by one":
                rules.answers.promql.ahead = lambda *_: {}  # type: ignore[method-assign]
            took[way] = median(list(rounds(rules, clock, telemetry, given.rounds)))
            runs = [run for group in rules.groups for run in group.rules]
            alerts[way] = sorted(
                f"{alert.labels} {alert.state}" for run in runs for alert in run.alerts.active.values()
            )
    assert alerts["one by one"] == alerts["together"], "both ways must come to the same alerts"
    counts = {"rules": sum(one.rules for one in loaded), "metrics": len(metrics), "series": len(metrics) * given.series}
    print(json.dumps({**counts, **took, "times": round(took["one by one"] / took["together"], 1)}))


def asked_for(loaded: list[Loaded]) -> set[str]:
    """The metrics that rules name."""
    questions = [rule.question for one in loaded for group in one.groups for rule in group.rules]
    return {metric for one in questions if isinstance(one, Expression) for metric in metrics_of(one.query)}


@contextlib.contextmanager
def world(paths: list[Path], metrics: list[str], series: int) -> Iterator[tuple[Rules, SettableClock, Telemetry]]:
    """The rules over a store in which every metric has some series."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wellkept-many-rules-")))
        telemetry = stack.enter_context(contextlib.closing(Telemetry.open(folder / "telemetry")))
        for second in range(START_S, START_S + LONG_S + 1, SCRAPE_S) if series else ():
            named = [[("__name__", metric), ("instance", f"i{index}")] for metric in metrics for index in range(series)]
            body = request_of([(labels_of(pairs), float(second - START_S)) for pairs in named], second * 1000)
            telemetry.remote.insert(Version.V1, [body], second * 1_000_000_000)
        telemetry.points.settle()
        state = stack.enter_context(contextlib.closing(State.open(folder / "state")))
        clock, topology = SettableClock(datetime.fromtimestamp(START_S, UTC)), Topology(state)
        locate = Identity(topology, clock).entity_of
        yield Rules(telemetry, Stream(state, telemetry.changes), topology, locate, clock, paths), clock, telemetry


def rounds(rules: Rules, clock: SettableClock, telemetry: Telemetry, count: int) -> Iterator[float]:
    """Processor time of each round, in seconds; the first one, which learns what series are called, does not count."""
    for index in range(count + 1):
        clock.set(datetime.fromtimestamp(START_S + LONG_S + index * EVERY_S, UTC))
        began = time.process_time()
        rules.tick(clock.now())
        if index:
            yield time.process_time() - began
        telemetry.points.settle()


if __name__ == "__main__":
    main()
