"""``kill -9`` at random moments under load: is everything that was acknowledged stored, and nothing twice?

    python -m bench.kill [--kills 50] [--seed 1] [--senders 2]

A server is started as a user starts it, on a folder and ports that stay the same. Senders of every kind
(``bench.once``) post over HTTP and gRPC without a pause, and send again what was not acknowledged. After 0.2 to 3
seconds of load the server is killed by its id, and started again at once. When that has been done often enough, it is
killed for the last time, and what its folder holds is compared with the ledger, request by request.

Prints one JSON object, and ends with 1 when a promise is broken: ``missing`` items (acknowledged, and not stored),
``doubled`` ones (stored twice, or counted twice by a query), ``unknown`` ones (nobody sent them), ``refused`` requests,
``restart_s`` over 5 (from the start of the process to the first request that is acknowledged; ``ready_cpu_s`` is what a
start takes of a machine that has other work, too). ``stored_unanswered`` items came with the requests that were under
way at the last kill.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.ledger import OK, Ledger, Sender
from bench.once import KINDS, number_of
from bench.restarting import Server

from wellkept.store.telemetry.telemetry import Telemetry

LIMIT_S = 5.0
LOAD_S = (0.2, 3.0)
PATIENCE_S = 60.0
UNANSWERED = frozenset({OK, "none", "refused", "UNAVAILABLE"})
"""What senders may hear of a server that is killed; everything else is a broken promise."""
_POINTS = """
SELECT labels['sender'] AS sender, toUnixTimestamp64Milli(time) AS at, count() AS rows, uniqExact(series) AS items
FROM (SELECT * FROM metric_points FINAL) AS points
INNER JOIN
    (SELECT series, any(labels) AS labels FROM prometheus_series WHERE metric LIKE 'once_%' GROUP BY series) AS named
USING series GROUP BY sender, at"""
_RECORDS = """
SELECT substringIndex(Body, '/', 2) AS request, count() AS rows, uniqExact(Body) AS items
FROM otel_logs GROUP BY request"""
_SPANS = """
SELECT substringIndex(SpanName, '/', 2) AS request, count() AS rows, uniqExact(SpanName) AS items
FROM otel_traces GROUP BY request"""


@dataclass(frozen=True, slots=True)
class Found:
    """How often a request is stored: its rows, and how many of these are not alike."""

    sender: str
    number: int
    rows: int
    items: int


def senders_of(count: int) -> list[Sender]:
    """So many of each kind over HTTP, and one of each signal of OTLP over gRPC."""
    by_http = [Sender(kind, f"{kind.name}-{number}") for kind in KINDS for number in range(count)]
    return [*by_http, *(Sender(kind, f"{kind.name}-grpc", True) for kind in KINDS if kind.path.startswith("/v1/"))]


def run(folder: Path, kills: int, seed: int, count: int) -> dict[str, Any]:
    """The whole of it; gives what is printed."""
    server = Server(folder / "data")
    try:
        return story(server, senders_of(count), kills, random.Random(seed))
    finally:
        server.kill()


def story(server: Server, senders: Sequence[Sender], kills: int, chance: random.Random) -> dict[str, Any]:
    """Load, kills and restarts, and what came of them."""
    ledger, stop = Ledger(), threading.Event()
    base_ms = int(time.time() * 1000)
    server.start()
    threads = [
        threading.Thread(target=one.run, args=(server.place, base_ms, ledger, stop), daemon=True) for one in senders
    ]
    for thread in threads:
        thread.start()
    ready_s, cpu_s, restart_s = [], [], []
    for number in range(kills):
        time.sleep(chance.uniform(*LOAD_S))
        server.kill()
        ledger.expect()
        begun = time.monotonic()
        ready_s.append(server.start())
        cpu_s.append(server.cpu_s())
        answered_at = ledger.answered_at(PATIENCE_S)
        restart_s.append((answered_at or float("inf")) - begun)
        say(f"kill {number + 1}: ready after {ready_s[-1]:.2f} s, acknowledges after {restart_s[-1]:.2f} s")
    time.sleep(chance.uniform(*LOAD_S))
    server.kill()
    stop.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    result = audited(server.data, senders, ledger.acknowledged, base_ms)
    result["doubled"] += counted(server, senders) - result.pop("points")
    result |= {
        "kills": kills + 1,
        "answers": dict(ledger.answers),
        "refused": sum(count for answer, count in ledger.answers.items() if answer not in UNANSWERED),
        "ready_s": figures(ready_s),
        "ready_cpu_s": figures(cpu_s),
        "restart_s": figures(restart_s),
        "load_average": round(os.getloadavg()[2], 1),
        "complaints": server.complaints()[-20:],
    }
    return result


def figures(found: Sequence[float]) -> dict[str, float]:
    return {"median": round(statistics.median(found), 2), "max": round(max(found), 2)}


def audited(data: Path, senders: Sequence[Sender], acknowledged: dict[str, int], base_ms: int) -> dict[str, Any]:
    """What a folder holds, beside the ledger; in items."""
    rows_of = {one.name: one.kind.rows for one in senders}
    of_points = {one.name for one in senders if one.kind.metrics}
    counts = dict.fromkeys(("acknowledged", "missing", "doubled", "unknown", "stored_unanswered"), 0)
    counts["acknowledged"] = sum(acknowledged.get(name, 0) * rows for name, rows in rows_of.items())
    wrong: list[str] = []
    found = points = 0
    for one in stored(data / "telemetry", base_ms):
        counts["doubled"] += one.rows - one.items
        points += one.items if one.sender in of_points else 0
        if one.number < acknowledged.get(one.sender, 0):
            found += one.items
        elif one.number == acknowledged.get(one.sender, 0) and one.sender in rows_of:
            counts["stored_unanswered"] += one.items
        else:
            counts["unknown"] += one.items
        if one.rows != rows_of.get(one.sender):
            wrong.append(f"{one.sender}/{one.number}: {one.rows} rows, {one.items} items")
    counts["missing"] = counts["acknowledged"] - found
    return {**counts, "points": points, "requests": sum(acknowledged.values()), "examples": sorted(wrong)[:20]}


def stored(folder: Path, base_ms: int) -> Iterator[Found]:
    """Every request of which something is stored."""
    telemetry = Telemetry.open(folder)
    try:
        points, records, spans = (telemetry.engine.query(sql).to_pylist() for sql in (_POINTS, _RECORDS, _SPANS))
    finally:
        telemetry.close()
    days: dict[tuple[str, int], tuple[int, int]] = {}
    for row in points:
        request = row["sender"], number_of(base_ms, row["at"])
        rows, items = days.get(request, (0, 0))
        days[request] = rows + row["rows"], items + row["items"]
    yield from (Found(*request, *counts) for request, counts in days.items())
    for row in (*records, *spans):
        sender, number = row["request"].split("/")
        yield Found(sender, int(number), row["rows"], row["items"])


def counted(server: Server, senders: Sequence[Sender]) -> int:
    """How many points a user finds, of a server that is started for the question."""
    server.start()
    wanted = [(one.name, metric) for one in senders for metric in one.kind.metrics]
    return sum(server.total(f'sum(count_over_time({metric}{{sender="{name}"}}[30h]))') for name, metric in wanted)


def is_kept(result: dict[str, Any]) -> bool:
    """Whether every promise was kept."""
    broken = (result[what] for what in ("missing", "doubled", "unknown", "refused"))
    return not any(broken) and result["restart_s"]["max"] < LIMIT_S


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--senders", type=int, default=2, help="of each kind over HTTP")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = run(Path(folder), chosen.kills, chosen.seed, chosen.senders)
    print(json.dumps(result))
    sys.exit(0 if is_kept(result) else 1)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
