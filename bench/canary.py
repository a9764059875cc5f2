"""How right the judge of canaries is, and what a look costs; one JSON object as the last line.

``make bench NAME=canary`` simulates canaries that are judged again and again: how many that do no harm are stopped
(``false_stop``, at most ``alpha``), how many at the very limit pass (``false_pass``), how many that do harm are stopped
(``power``) and after how many of their requests. ``peeking`` is the usual test at 5 % looked at as often. Then the
store is filled, and looks at both arms are timed (``look_ms`` by requests), beside reading the rows themselves.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.contract import parse_contract
from wellkept.ml.deploy.measures import pass_at, stop_at
from wellkept.ml.deploy.paired import FLOORS
from wellkept.ml.deploy.remembered import Remembered
from wellkept.ml.deploy.sequential import mean_evidence, share_evidence
from wellkept.ml.rollout import Rollout
from wellkept.ml.serve.served import Served
from wellkept.ml.serve.traffic import traffic_of
from wellkept.store.telemetry.arms import Arm, Asked
from wellkept.store.telemetry.telemetry import Telemetry

Floats = NDArray[np.float64]
POLICY = Rollout(strategy="canary")
START = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(frozen=True)
class World:
    """What both versions are like: shares of failed and slow requests, chance that a truth is a yes, its blur."""

    failed: tuple[float, float] = (0.002, 0.002)
    slow: tuple[float, float] = (0.01, 0.01)
    blur: tuple[float, float] = (0.8, 0.8)
    """How far a score lies from its chance, in logits: the more, the greater the loss."""


AT_LIMIT = World(failed=(0.002, 0.002 + POLICY.health.errors))
WORLDS = {
    "fails_5_percent": World(failed=(0.002, 0.05)),
    "fails_2_percent": World(failed=(0.002, 0.022)),
    "slow_15_percent": World(slow=(0.01, 0.15)),
    "blurred_scores": World(blur=(0.8, 2.0)),
}


def main() -> None:
    """Simulate, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--looks", type=int, default=200)
    parser.add_argument("--per-look", type=int, default=200, help="requests of both between two looks")
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--requests", type=int, nargs="*", default=[100_000, 1_000_000])
    options = parser.parse_args()
    random = np.random.default_rng(20261129)
    same = Simulation(World(), options, random)
    limit = Simulation(AT_LIMIT, options, random)
    found: dict[str, Any] = {
        "alpha": round(1 - POLICY.confidence, 3),
        "runs": options.runs,
        "looks": options.looks,
        "false_stop": same.stopped(),
        "false_stop_at_limit": limit.stopped(),
        "false_pass_at_limit": limit.passed(),
        "promoted": same.passed(),
        "requests_to_promote": same.needed_to_pass(),
        "peeking": same.peeking(),
        "power": {},
        "requests_to_stop": {},
    }
    for name, world in WORLDS.items():
        simulation = Simulation(world, options, random)
        found["power"][name] = simulation.stopped()
        found["requests_to_stop"][name] = simulation.needed_to_stop()
    found["choose_us"] = choosing()
    found["look_ms"] = looking(options.requests)
    print(json.dumps(found))


class Simulation:
    """Runs of a canary, each looked at again and again; all arrays are [runs, looks]."""

    def __init__(self, world: World, options: argparse.Namespace, random: np.random.Generator) -> None:
        size = (options.runs, options.looks)
        new1 = random.binomial(options.per_look, options.share, size)
        new0 = options.per_look - new1
        self.asked1, asked0 = new1.cumsum(axis=1), new0.cumsum(axis=1)
        self.failed = [random.binomial(n, p).cumsum(axis=1) for n, p in zip((new0, new1), world.failed, strict=True)]
        slow = [random.binomial(n, p).cumsum(axis=1) for n, p in zip((new0, new1), world.slow, strict=True)]
        self.asked0 = asked0
        errors = share_evidence(self.failed[1], self.asked1, self.failed[0], asked0, POLICY.health.errors)
        slowness = share_evidence(slow[1], self.asked1, slow[0], asked0, POLICY.health.slow)
        quality = self._quality(world, (new0, new1), random)
        is_known = self.asked1 >= POLICY.quality.min_labels
        harm = np.maximum(errors.harm, slowness.harm)
        self.harm = np.where(is_known, np.maximum(harm, quality.harm), harm)
        fine = np.minimum(np.minimum(errors.fine, slowness.fine), quality.fine)
        self.fine = np.where(is_known & (self.asked1 >= POLICY.step_rows), fine, -np.inf)
        self.is_stop, self.is_pass = self.harm >= stop_at(POLICY), self.fine >= pass_at(POLICY)

    def stopped(self) -> float:
        """The share of the runs that are stopped at some look, before they pass."""
        return _rounded((_first(self.is_stop) < _first(self.is_pass)).mean())

    def passed(self) -> float:
        """The share of the runs that pass at some look, before they are stopped."""
        return _rounded((_first(self.is_pass) < _first(self.is_stop)).mean())

    def needed_to_stop(self) -> float:
        """The median of the challenger's requests until it is stopped."""
        return self._needed(self.is_stop)

    def needed_to_pass(self) -> float:
        """The same until it passes."""
        return self._needed(self.is_pass)

    def peeking(self) -> float:
        """The share of the runs in which a z-test on failures at 5 %, one-sided, says so at some look."""
        p1, p0 = self.failed[1] / np.maximum(self.asked1, 1), self.failed[0] / np.maximum(self.asked0, 1)
        pooled = (self.failed[1] + self.failed[0]) / (self.asked1 + self.asked0)
        spread = np.sqrt(np.maximum(pooled * (1 - pooled) * (1 / np.maximum(self.asked1, 1) + 1 / self.asked0), 1e-12))
        return _rounded((((p1 - p0) / spread > 1.645) & (self.asked1 >= 100)).any(axis=1).mean())

    def _needed(self, when: NDArray[np.bool_]) -> float:
        found = when.any(axis=1)
        return float(np.median(self.asked1[found, _first(when)[found]])) if found.any() else math.nan

    def _quality(self, world: World, new: tuple[Any, Any], random: np.random.Generator) -> Any:
        """Evidence on the mean log loss of scores that are blurred by as much as the world says."""
        rise, means, variances = POLICY.quality.loss, [], []
        for rows, blur in zip(new, world.blur, strict=True):
            mean, variance = _loss(blur, random)
            # Sums of so many losses are normal enough; drawing each of them would take hours.
            sums = (rows * mean + np.sqrt(rows * variance) * random.standard_normal(rows.shape)).cumsum(axis=1)
            count = np.maximum(rows.cumsum(axis=1), 1)
            means.append(sums / count)
            variances.append(variance / count)
        room = rise * means[0] + FLOORS["log"]
        return mean_evidence(means[1] - means[0] - room, variances[1] + (1 + rise) ** 2 * variances[0], room)


def _loss(blur: float, random: np.random.Generator) -> tuple[float, float]:
    """Mean and variance of the log loss of scores with so much blur on the logits of the chances."""
    logits = 2 * random.standard_normal(400_000)
    truth = random.random(400_000) < 1 / (1 + np.exp(-logits))
    score = 1 / (1 + np.exp(-(logits + blur * random.standard_normal(400_000))))
    loss = -np.log(np.clip(np.where(truth, score, 1 - score), 0.01, 1))
    return float(loss.mean()), float(loss.var())


def _first(when: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The first look of each run at which it is so; beyond the last where it never is."""
    return np.asarray(np.where(when.any(axis=1), when.argmax(axis=1), when.shape[1]), dtype=np.int64)


def _rounded(value: Any) -> float:
    return round(float(value), 4)


class _Nothing:
    def score(self, rows: Any) -> Any:
        return np.zeros(len(rows))


def choosing() -> float:
    """Microseconds that the choice of a version takes."""
    contract = parse_contract("{name: m, task: regression, owner: o, inputs: [{name: a}], metrics: {primary: mae}}")
    listed: tuple[Mapping[str, Any], ...] = (
        {"role": "champion"},
        {"role": "challenger", "share": 0.1, "salt": "rol-1"},
    )
    versions = [
        Served("m", str(n), n, contract, _Nothing(), contract.inputs, "onnx", entry) for n, entry in enumerate(listed)
    ]
    traffic, keys = traffic_of(versions), [f"card-{number}" for number in range(200_000)]
    begun = time.perf_counter()
    for key in keys:
        traffic.choose(key, "")
    return round((time.perf_counter() - begun) / len(keys) * 1e6, 2)


_SPANS = """
INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, SpanKind, ServiceName, SpanAttributes, Duration,
    StatusCode)
SELECT toDateTime64({start:String}, 9, 'UTC') + toIntervalMillisecond(number * 10), hex(sipHash128(number)),
    hex(sipHash64(number)), 'infer fraud', 'Server', 'model-server',
    map('model.name', 'fraud', 'model.version', toString(1 + (number % 10 = 0)), 'arm',
        if(number % 10 = 0, 'challenger', 'champion'), 'bucket', toString(number % 1024)),
    1000000 + number % 5000000, if(number % 500 = 0, 'Error', 'Unset')
FROM numbers({rows:UInt64})"""
_ANSWERS = """
INSERT INTO predictions (id, time, model, version, entity_key, score, features, latency_ms, attributes)
SELECT toString(number), toDateTime64({start:String}, 3, 'UTC') + toIntervalMillisecond(number * 10), 'fraud',
    if(number % 10 = 0, 'v2', 'v1'), concat('card-', toString(number % 50000)), (number % 1000) / 1000,
    map('amount', toFloat64(number % 100)), 1.0, map('arm', if(number % 10 = 0, 'challenger', 'champion'))
FROM numbers({rows:UInt64})"""
_LABELS = """
INSERT INTO labels (prediction_id, model, time, value)
SELECT toString(number), 'fraud', toDateTime64({start:String}, 3, 'UTC') + toIntervalMillisecond(number * 10 + 60000),
    number % 3 = 0
FROM numbers({rows:UInt64}) WHERE number % 2 = 0"""


def looking(sizes: list[int]) -> dict[str, dict[str, float]]:
    """Milliseconds by requests: of a look at both arms, of the next one, and of reading the predictions as rows."""
    found: dict[str, dict[str, float]] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            telemetry = Telemetry.open(Path(folder))
            try:
                for statement in (_SPANS, _ANSWERS, _LABELS):
                    telemetry.engine.command(statement, {"start": f"{START:%Y-%m-%d %H:%M:%S}", "rows": size})
                found[str(size)] = _timed(telemetry, START + timedelta(milliseconds=10 * size))
            finally:
                telemetry.close()
    return found


def _timed(telemetry: Telemetry, end: datetime) -> dict[str, float]:
    asked = Asked(
        model="fraud",
        service="model-server",
        arms=(Arm("v1", 1, START, end), Arm("v2", 2, START, end)),
        slow_ms=5.0,
        loss="log",
        edges=tuple(edge / 10 for edge in range(1, 10)),
    )
    later = replace(asked, arms=tuple(replace(arm, end=end + timedelta(seconds=5)) for arm in asked.arms))
    remembered = Remembered(telemetry.arms, time.perf_counter)
    remembered.requests(asked)
    return {
        "requests": _least(lambda: telemetry.arms.requests(asked)),
        "requests_again": _least(lambda: remembered.requests(later)),
        "answers": _least(lambda: telemetry.arms.answers(asked)),
        "rows": _least(lambda: telemetry.predictions.window("fraud", START, end, known_by=end)),
    }


def _least(work: Callable[[], object], times: int = 3) -> float:
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return round(min(taken) * 1000, 1)


if __name__ == "__main__":
    main()
