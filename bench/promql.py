"""The same expressions over the same samples: what is answered here, and what Debian's Prometheus answers.

    python -m bench.promql --prometheus PATH --promtool PATH [--verbose]

Samples of a small shop (counters with resets and gaps, gauges with NaN, histograms) are written into a fresh store
here, and by ``promtool tsdb create-blocks-from openmetrics`` into a fresh Prometheus. Every expression of
``promql.txt`` is asked over HTTP at three moments and over a range; samples and moments are never a whole window apart,
so it does not matter which end belongs to it (Prometheus 3 leaves out the left one, as we do). Equal means the same
series and numbers to nine digits, or an error on both sides. The last line is one JSON object: how many were equal,
which differ, which of those because the language has changed since Prometheus 2, which are not supported here, and how
long both took.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import math
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
from starlette.applications import Starlette

from wellkept.api import prometheus
from wellkept.kernel.clock import SettableClock
from wellkept.store.telemetry.telemetry import Telemetry

START = datetime(2026, 11, 20, 0, 0, tzinfo=UTC)
HOURS, SCRAPE_S = 3, 15
START_S = int(START.timestamp())
END_S = START_S + HOURS * 3600
MOMENTS = (START_S + 613, START_S + 5419, END_S - 7)
RANGE = {"start": START_S + 1801, "end": END_S + 600, "step": 90}
PATIENCE_S = 30.0
DIGITS = 1e-9
EXPRESSIONS = tuple(Path(__file__).with_suffix(".txt").read_text("utf-8").splitlines())
_YOUNG = "Prometheus 3 extrapolates a young counter by half an interval at most, also where zero is further away"
CHANGED = {
    "demo_memory_bytes atan2 demo_limit_bytes": "Prometheus 3 drops the name from atan2, as from every other operator",
    "rate(demo_requests_total[1h])": _YOUNG,
    "increase(demo_requests_total[1h])": _YOUNG,
    "topk(3, sum by (instance, job) (increase(demo_requests_total[30m])))": _YOUNG,
}
"""What Prometheus 2 answers otherwise, and why."""

Labels = dict[str, str]


@dataclass
class Series:
    """One series: its name, labels and samples (milliseconds, value)."""

    name: str
    labels: Labels
    samples: list[tuple[int, float]] = field(default_factory=list)


def shop(seed: int = 7) -> list[Series]:
    """The samples, the same for the same seed."""
    made = np.random.default_rng(seed)
    count = HOURS * 3600 // SCRAPE_S
    series: list[Series] = []

    def add(name: str, labels: Labels, values: np.ndarray, first: int = 0, last: int = count) -> None:
        offset = 137 + 53 * (len(series) % 7)
        samples = [((START_S + i * SCRAPE_S) * 1000 + offset, float(values[i])) for i in range(first, last)]
        series.append(Series(name, labels, [s for s in samples if made.random() > 0.01]))

    for job, instance in itertools.product(("api", "web"), ("a:80", "b:80", "c:80")):
        where = {"job": job, "instance": instance}
        for code in ("200", "404", "500"):
            rises = made.poisson({"200": 20, "404": 2, "500": 0.3}[code], count).astype(float)
            total = np.cumsum(rises)
            restart = int(made.integers(count // 3, count))
            total[restart:] -= total[restart]
            add("demo_requests_total", {**where, "code": code}, total)
        took = np.cumsum(made.poisson(3, (5, count)), axis=1)
        for bound, row in zip(("0.1", "0.5", "1", "5", "+Inf"), np.cumsum(took, axis=0), strict=True):
            add("demo_took_seconds_bucket", {**where, "le": bound}, row.astype(float))
        level = 50 + np.cumsum(made.normal(0, 1, count))
        add("demo_memory_bytes", where, level * 1e6)
        add("demo_limit_bytes", where, np.full(count, 64e6))
        add("demo_temperature", where, np.where(made.random(count) < 0.02, np.nan, made.normal(20, 3, count)))
        add(
            "demo_cores",
            {"instance": instance, "zone": "x" if instance < "b" else "y", "job": job},
            np.full(count, 4.0),
        )
    add("demo_late", {"job": "api"}, np.arange(count, dtype=float), first=count // 2)
    add("demo_gone", {"job": "api"}, np.arange(count, dtype=float), last=count // 3)
    add("demo_flag", {"job": "web"}, (made.random(count) < 0.3).astype(float))
    return series


def stored(folder: Path, series: list[Series]) -> Telemetry:
    """A store of ours with the samples, as they come from Prometheus."""
    telemetry = Telemetry.open(folder)
    moment = pa.timestamp("ms", "UTC")
    telemetry.engine.insert_arrow(
        "metric_series",
        pa.table(
            {
                "series": pa.array(range(1, len(series) + 1), pa.uint64()),
                "name": [one.name for one in series],
                "kind": ["unknown"] * len(series),
                "attributes": pa.array([list(one.labels.items()) for one in series], pa.map_(pa.string(), pa.string())),
                "first_seen": pa.array([one.samples[0][0] for one in series], moment),
                "last_seen": pa.array([one.samples[-1][0] for one in series], moment),
            }
        ),
    )
    rows = [(i, at, value) for i, one in enumerate(series, 1) for at, value in one.samples]
    telemetry.engine.insert_arrow(
        "metric_points",
        pa.table(
            {
                "series": pa.array([row[0] for row in rows], pa.uint64()),
                "time": pa.array([row[1] for row in rows], moment),
                "value": pa.array([row[2] for row in rows], pa.float64()),
            }
        ),
    )
    return telemetry


def openmetrics(series: list[Series]) -> str:
    """The samples as text; a type of its own would change a counter's name."""
    lines = []
    for name, found in itertools.groupby(sorted(series, key=lambda one: one.name), key=lambda one: one.name):
        lines.append(f"# TYPE {name} unknown")
        for one in found:
            labels = ",".join(f'{key}="{value}"' for key, value in one.labels.items())
            lines += [f"{name}{{{labels}}} {value!r} {at / 1000:.3f}" for at, value in one.samples]
    return "\n".join([*lines, "# EOF", ""])


@contextlib.contextmanager
def peer(prometheus_path: str, promtool: str, folder: Path, series: list[Series]) -> Iterator[str]:
    """The address of a Prometheus that holds the samples, for the length of the block."""
    text, data = folder / "samples.txt", folder / "prometheus"
    text.write_text(openmetrics(series), "utf-8")
    subprocess.run(
        [promtool, "tsdb", "create-blocks-from", "openmetrics", str(text), str(data)], check=True, capture_output=True
    )
    config = folder / "prometheus.yml"
    config.write_text("global: {}\n", "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    arguments = [f"--config.file={config}", f"--storage.tsdb.path={data}", f"--web.listen-address={address}"]
    arguments += ["--storage.tsdb.retention.time=50y", "--log.level=error"]
    process = subprocess.Popen([prometheus_path, *arguments], cwd=folder)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://{address}/-/ready").status_code == 200:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("prometheus did not start")
            time.sleep(0.05)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def figures(answer: httpx.Response) -> Any:
    """An answer in a form that can be compared: a dictionary from labels to numbers, or the word ``error``."""
    body = answer.json()
    if body["status"] != "success":
        return "error"
    kind, result = body["data"]["resultType"], body["data"]["result"]
    if kind in ("scalar", "string"):
        return {(): [tuple(result)]}
    key = "value" if kind == "vector" else "values"
    return {
        tuple(sorted(row["metric"].items())): [tuple(v) for v in ([row[key]] if kind == "vector" else row[key])]
        for row in result
    }


def difference(ours: Any, theirs: Any) -> str:
    """Where two answers part; empty when they are equal."""
    if "error" in (ours, theirs):
        return "" if ours == theirs else f"here {_short(ours)}, there {_short(theirs)}"
    if ours.keys() != theirs.keys():
        here, there = sorted(ours.keys() - theirs.keys()), sorted(theirs.keys() - ours.keys())
        return f"series only here: {here[:2]}, only there: {there[:2]}"
    for labels, here in ours.items():
        there = theirs[labels]
        if [at for at, _ in here] != [at for at, _ in there]:
            return f"{labels}: at {sorted({at for at, _ in here} ^ {at for at, _ in there})[:3]} only on one side"
        for (at, left), (_, right) in zip(here, there, strict=True):
            if not _same(left, right):
                return f"{labels} at {at}: here {left}, there {right}"
    return ""


def _same(left: str, right: str) -> bool:
    try:
        a, b = float(left), float(right)
    except ValueError:
        return left == right
    return a == b or (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=DIGITS, abs_tol=1e-12)


def _short(answer: Any) -> str:
    return answer if answer == "error" else f"{len(answer)} series"


async def compare(ours: httpx.AsyncClient, theirs: httpx.AsyncClient, verbose: bool) -> dict[str, Any]:
    """Ask both sides everything."""
    equal = 0
    different: list[dict[str, str]] = []
    changed: list[dict[str, str]] = []
    unsupported: list[str] = []
    spent = {"here": 0.0, "there": 0.0}

    async def ask(client: httpx.AsyncClient, side: str, path: str, parameters: dict[str, Any]) -> httpx.Response:
        begun = time.perf_counter()
        answer = await client.get(path, params=parameters)
        spent[side] += time.perf_counter() - begun
        return answer

    questions = [("query", {"time": moment}) for moment in MOMENTS] + [("query_range", RANGE)]
    for expression in EXPRESSIONS:
        found, missing = "", False
        for path, more in questions:
            parameters = {"query": expression, **more}
            here = await ask(ours, "here", f"/prometheus/api/v1/{path}", parameters)
            there = await ask(theirs, "there", f"/api/v1/{path}", parameters)
            missing |= here.status_code == 422 and "not supported" in here.text
            found = found or difference(figures(here), figures(there))
        if missing:
            unsupported.append(expression)
        elif found and expression in CHANGED:
            changed.append({"query": expression, "because": CHANGED[expression]})
        elif found:
            different.append({"query": expression, "difference": found})
        else:
            equal += 1
        if verbose:
            print("unsupported" if missing else "different" if found else "equal", expression, found, file=sys.stderr)
    return {
        "expressions": len(EXPRESSIONS),
        "questions": len(EXPRESSIONS) * len(questions),
        "equal": equal,
        "different": different,
        "changed_since": changed,
        "unsupported": unsupported,
        "ms_a_question": round(spent["here"] / len(EXPRESSIONS) / len(questions) * 1000, 2),
        "peer_ms_a_question": round(spent["there"] / len(EXPRESSIONS) / len(questions) * 1000, 2),
    }


async def both(telemetry: Telemetry, address: str, verbose: bool) -> dict[str, Any]:
    app = Starlette(routes=prometheus.routes(telemetry.promql, SettableClock(START)))
    transport = httpx.ASGITransport(app=app)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as ours,
        httpx.AsyncClient(base_url=address, timeout=60) as theirs,
    ):
        return await compare(ours, theirs, verbose)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prometheus", default=shutil.which("prometheus"), help="the server's program")
    parser.add_argument("--promtool", default=shutil.which("promtool"), help="the tool that comes with it")
    parser.add_argument("--verbose", action="store_true", help="say every expression on stderr")
    chosen = parser.parse_args()
    if not chosen.prometheus or not chosen.promtool:
        raise SystemExit("name --prometheus and --promtool (Debian's package prometheus has both)")
    series = shop()
    with tempfile.TemporaryDirectory() as name, peer(chosen.prometheus, chosen.promtool, Path(name), series) as address:
        telemetry = stored(Path(name) / "telemetry", series)
        try:
            result = asyncio.run(both(telemetry, address, chosen.verbose))
        finally:
            telemetry.close()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
