"""The same rule file over the same samples: when alerts fire here, and when they fire in Debian's Prometheus.

    python -m bench.rules --promtool PATH [--hours 6] [--seed 1]

Random series (a service's errors and requests with restarts, gaps and stretches of trouble, gauges that come and go)
and one rule file with alerting and recording rules: ``for``, ``keep_firing_for``, rules that use recorded series,
labels from templates. (A limit that is exceeded ends promtool's run, so there is none.) Prometheus's own engine
evaluates it in ``promtool test rules`` at every minute; what fires is what it says of ``ALERTS`` at each. Here the file
is evaluated in both ways, step by step as the running platform does it and in bulk as a back-test does it. Ranges in
the expressions are never a whole number of scrapes, so it does not matter which end of a window belongs to it
(Prometheus 3 leaves out the left one, as we do). The last line is one JSON object: how many intervals there are, in how
many all three agree, how many differ, and how long each took.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from wellkept.app.backtest import answers_of, counting_of
from wellkept.app.rules import Rules
from wellkept.kernel.clock import SettableClock
from wellkept.ops.detect.rules.history import Span, Trial
from wellkept.ops.detect.rules.loading import load_text
from wellkept.ops.ingest.identity import Identity
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.store.state.state import State
from wellkept.store.telemetry.promql.values import Labels
from wellkept.store.telemetry.remote.encoded import request_of
from wellkept.store.telemetry.remote.writer import Version
from wellkept.store.telemetry.telemetry import Telemetry

START_S = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp())
SCRAPE_S, EVERY_S = 15, 60
INSTANCES = 4
RULES = """
groups:
  - name: recorded
    interval: 1m
    rules:
      - record: job:requests:rate
        expr: sum by (job) (rate(requests_total[4m50s]))
      - record: job:errors:ratio
        expr: sum by (job) (rate(errors_total[4m50s])) / job:requests:rate
        labels: {made: here}
      - {alert: Ratio, expr: "job:errors:ratio > 0.05", for: 3m, labels: {severity: error}}
      - {alert: RatioKept, expr: "job:errors:ratio > 0.05", for: 2m, keep_firing_for: 4m}
  - name: plain
    interval: 1m
    rules:
      - {alert: Down, expr: up == 0}
      - {alert: DownLong, expr: up == 0, for: 5m, labels: {who: "{{ $labels.instance }}"}}
      - {alert: DownKept, expr: up == 0, for: 1m, keep_firing_for: 3m}
      - {alert: Absent, expr: "absent(gauge{instance=\\"i0\\"})", for: 2m}
      - {alert: Low, expr: "gauge < 20", for: 90s}
      - {alert: Level, expr: "gauge < 20", labels: {level: "{{ if lt $value 10.0 }}low{{ else }}lower{{ end }}"}}
      - {alert: NotBoth, expr: "up == 0 unless on (instance) gauge < 50", for: 1m}
      - {alert: Growth, expr: "increase(errors_total[9m50s]) > 100", for: 4m}
      - {alert: Mean, expr: "avg_over_time(gauge[7m10s]) < 40", for: 2m}
      - {alert: Flapping, expr: "changes(up[19m50s]) > 3", keep_firing_for: 10m}
"""

Interval = tuple[str, int, int]
"""The alert, and the minutes at which it fires first and last without a break."""


@dataclass(frozen=True)
class Series:
    """One series: a value a scrape, NaN where there was none."""

    labels: Labels
    values: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--promtool", type=Path, required=True)
    parser.add_argument("--hours", type=float, default=6.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    minutes = round(given.hours * 60)
    series = list(made(np.random.default_rng(given.seed), minutes * 60 // SCRAPE_S + 1))
    took: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="bench-rules-") as folder:
        with timed(took, "prometheus"):
            theirs = prometheus(given.promtool, Path(folder), series, minutes)
        with contextlib.closing(Telemetry.open(Path(folder) / "telemetry")) as telemetry:
            store(telemetry, series)
            with timed(took, "bulk"):
                bulk = in_bulk(telemetry, minutes)
            with timed(took, "step_by_step"):
                steps = step_by_step(telemetry, Path(folder), minutes)
    everything = theirs | bulk | steps
    agreed = theirs & bulk & steps
    for where, found in (("prometheus", theirs), ("bulk", bulk), ("step by step", steps)):
        for interval in sorted(found - agreed):
            print(f"only in some, {where}: {interval}", file=sys.stderr)
    print(json.dumps({
        "intervals": len(theirs), "agree": len(agreed), "share": round(len(agreed) / max(len(everything), 1), 4),
        "bulk_differs": len(theirs ^ bulk), "step_by_step_differs": len(theirs ^ steps),
        "rules": load_text(RULES, "rules").rules, "minutes": minutes, "seed": given.seed,
        "seconds": {name: round(seconds, 2) for name, seconds in took.items()},
    }))  # fmt: skip


@contextlib.contextmanager
def timed(took: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    took[name] = time.perf_counter() - began


def made(random: np.random.Generator, scrapes: int) -> Iterator[Series]:
    """Series of a service with several instances."""
    for index in range(INSTANCES):
        labels = {"job": f"j{index % 2}", "instance": f"i{index}"}
        trouble = stretches(random, scrapes, 240, 60)
        up = np.where(stretches(random, scrapes, 150, 25), 0.0, 1.0)
        up[gaps(random, scrapes)] = np.nan
        requests = np.cumsum(random.poisson(60, scrapes)).astype(float)
        errors = np.cumsum(random.poisson(np.where(trouble, 9, 1))).astype(float)
        for restart in random.integers(1, scrapes, 3):
            requests[restart:] -= requests[restart]
            errors[restart:] -= errors[restart]
        gauge = np.clip(50 + np.cumsum(random.normal(0, 3, scrapes)), 0, 100).round(3)
        gauge[gaps(random, scrapes)] = np.nan
        for name, values in (("up", up), ("requests_total", requests), ("errors_total", errors), ("gauge", gauge)):
            yield Series(tuple(sorted({"__name__": name, **labels}.items())), values)


def stretches(random: np.random.Generator, scrapes: int, apart: float, long: float) -> np.ndarray:
    """True in some stretches."""
    flags = np.zeros(scrapes, dtype=bool)
    at = 0
    while (at := at + 1 + int(random.exponential(apart))) < scrapes:
        length = 1 + int(random.exponential(long))
        flags[at : at + length] = True
        at += length
    return flags


def gaps(random: np.random.Generator, scrapes: int) -> np.ndarray:
    """Where nothing was scraped, sometimes for longer than anybody looks back."""
    return stretches(random, scrapes, 400, 20)


def store(telemetry: Telemetry, series: Sequence[Series]) -> None:
    """The samples by remote write, an hour at a time."""
    scrapes = len(series[0].values)
    for first in range(0, scrapes, 240):
        body = b"".join(
            request_of([(one.labels, float(one.values[at]))], (START_S + at * SCRAPE_S) * 1000)
            for one in series
            for at in range(first, min(first + 240, scrapes))
            if np.isfinite(one.values[at])
        )
        telemetry.remote.insert(Version.V1, [body], (START_S + first * SCRAPE_S) * 1_000_000_000)
        telemetry.points.settle()


def prometheus(promtool: Path, folder: Path, series: Sequence[Series], minutes: int) -> set[Interval]:
    """When alerts fire in Prometheus: what its unit tests say of ALERTS, where nothing is expected."""
    (folder / "rules.yaml").write_text(RULES, "utf-8")
    world = {
        "interval": f"{SCRAPE_S}s",
        "input_series": [{"series": named(one.labels), "values": written(one.values)} for one in series],
        "promql_expr_test": [
            {"expr": 'ALERTS{alertstate="firing"}', "eval_time": f"{minute}m", "exp_samples": []}
            for minute in range(minutes + 1)
        ],
    }
    tests = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [world]}
    (folder / "tests.yaml").write_text(json.dumps(tests), "utf-8")
    command = [str(promtool), "test", "rules", str(folder / "tests.yaml")]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    firing: dict[str, list[int]] = {}
    for when, got in re.findall(r"time: ([\dhms]+),\s+exp: ?.*?\s+got: ?(.*?)\n", said.stdout + said.stderr, re.DOTALL):
        for labels in re.findall(r"(\{.*?\}) 1E\+00", got):
            firing.setdefault(normal(labels), []).append(minute_of(when))
    return {interval for labels, found in firing.items() for interval in joined(labels, sorted(found))}


def minute_of(text: str) -> int:
    hours, minutes = re.search(r"(\d+)h", text), re.search(r"(\d+)m", text)
    return (int(hours[1]) * 60 if hours else 0) + (int(minutes[1]) if minutes else 0)


def in_bulk(telemetry: Telemetry, minutes: int) -> set[Interval]:
    """When they would have fired, as a back-test finds it."""
    answers = answers_of(telemetry)
    span = Span(START_S * 1000, (START_S + minutes * 60) * 1000)
    history = Trial(answers, counting_of(answers, telemetry)).run(load_text(RULES, "rules"), span)
    assert not history.failed, history.failed
    return {
        (labelled(one.labels), (one.fired_ms // 1000 - START_S) // 60, (one.last_ms // 1000 - START_S) // 60)
        for _, _, one in history.alerts
    }


def step_by_step(telemetry: Telemetry, folder: Path, minutes: int) -> set[Interval]:
    """When they fire as the running platform evaluates them."""
    with contextlib.closing(State.open(folder / "state")) as state:
        clock = SettableClock(datetime.fromtimestamp(START_S, UTC))
        topology = Topology(state)
        locate = Identity(topology, clock).entity_of
        rules = Rules(telemetry, Stream(state, telemetry.changes), topology, locate, clock, [folder / "rules.yaml"])
        firing: dict[str, list[int]] = {}
        for minute in range(minutes + 1):
            clock.set(datetime.fromtimestamp(START_S + minute * 60, UTC))
            rules.tick(clock.now())
            telemetry.points.settle()
            for run in (run for group in rules.groups for run in group.rules):
                for alert in run.firing:
                    firing.setdefault(labelled(alert.labels), []).append(minute)
    return {interval for labels, found in firing.items() for interval in joined(labels, found)}


def joined(labels: str, found: Sequence[int]) -> Iterator[Interval]:
    """Minutes in a row as intervals."""
    first = last = found[0]
    for minute in found[1:]:
        if minute > last + EVERY_S // 60:
            yield labels, first, last
            first = minute
        last = minute
    yield labels, first, last


def named(labels: Labels) -> str:
    inside = ", ".join(f'{name}="{value}"' for name, value in labels if name != "__name__")
    return f"{dict(labels)['__name__']}{{{inside}}}"


def labelled(labels: Labels) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"


def normal(text: str) -> str:
    """Labels as Prometheus prints them, without the state, in the order of their names."""
    pairs = sorted(re.findall(r'(\w+)="([^"]*)"', text))
    return labelled(tuple(pair for pair in pairs if pair[0] not in ("alertstate", "__name__")))


def written(values: np.ndarray) -> str:
    return " ".join("_" if np.isnan(value) else f"{value:g}" if value < 1e5 else f"{value:.0f}" for value in values)


if __name__ == "__main__":
    main()
