"""How fast telemetry is taken in over HTTP, what it costs, and how it reads meanwhile; beside peers in the same run.

    python -m bench.ingest [--peers FOLDER] [--connections 64] [--hours 8] [--soak-minutes 0] [--only remote_write]

Every figure is of a server process of its own on a fresh folder, with senders in other processes on the same machine,
each connection sending its next request after the answer to the last. Peers get the same bodies: Prometheus and
VictoriaMetrics where their programs are installed, or where ``--peers`` names the folder that can unpack them. The last
line is one JSON object:

``otlp_points_per_s``, ``logs_per_s``, ``spans_per_s``: OTLP over HTTP, 1,000 in a request.
``remote_write_samples_per_s``: 5,000 series of ten labels, 2,000 samples in a request; ``cpu_s_per_million_samples``:
the server's, until the last answer; ``bytes_per_sample``: of its folder when everything is merged.
``ack_p99_ms_half_load``: of remote write at half of the rate before; ``query_ms_under_load``: one day of one metric
over 500 series by the minute, the median, meanwhile, asked again and again at multiples of the step, as Grafana asks;
``query_ms_under_load_anew``: the same up to a second of which nothing was asked before. ``lost_items``: accepted and
not found again.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import statistics
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import load, otlp_bodies, servers
from bench.load import Payload, Sent
from bench.servers import Server

Figures = dict[str, Any]
SERIES, STEPS_AN_HOUR = 5000, 240
DAY_METRICS, DAY_SERIES, DAY_STEPS = ("queue_length", "memory_bytes"), 500, 5680
"""Nearly a day of two metrics of 500 series each, for the query."""
LIVE_STEPS, HALF_S = 1200, 15.0
"""Twenty minutes of every series by the second, which come after that day."""
OTLP = {
    "otlp_points_per_s": ("metrics", otlp_bodies.metrics, 2000),
    "logs_per_s": ("logs", otlp_bodies.logs, 1000),
    "spans_per_s": ("traces", otlp_bodies.traces, 1000),
}
"""What is measured: the signal, who makes the bodies, and how many requests of a thousand are sent."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, help="a folder whose common.py can unpack the peers' programs")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--hours", type=float, default=8.0, help="of remote write, 1.2 million samples each")
    parser.add_argument("--soak-minutes", type=float, default=0.0, help="full load for so long, memory noted meanwhile")
    parser.add_argument("--only", action="append", choices=["remote_write", "half_load", "peers", *OTLP])
    chosen = parser.parse_args()
    wanted = set(chosen.only or ["remote_write", "half_load", "peers", *OTLP])
    with tempfile.TemporaryDirectory() as folder:
        result = measured(Path(folder), chosen, wanted)
    print(json.dumps(result), flush=True)


def measured(folder: Path, chosen: argparse.Namespace, wanted: set[str]) -> Figures:
    result: Figures = {}
    say("making the bodies")
    steps = int(chosen.hours * STEPS_AN_HOUR)
    payload = load.remote_write(folder / "rw", load.Writing(SERIES, steps), chosen.connections)
    if "remote_write" in wanted:
        with servers.wellkept() as server:
            result |= remote_write(server, payload)
    for name in wanted & OTLP.keys():
        signal, make, requests = OTLP[name]
        sent = load.otlp(folder / signal, make, requests, 1000, chosen.connections)
        with servers.wellkept() as server:
            result[name] = otlp(server, signal, sent)
    live = payloads_of_a_day(folder, chosen.connections) if "half_load" in wanted else None
    if live is not None:
        with servers.wellkept() as server:
            result |= half_load(server, live, result.get("remote_write_samples_per_s", 400_000) / 2)
    if chosen.soak_minutes:
        with servers.wellkept() as server:
            result["soak"] = soak(server, payload, chosen.soak_minutes)
    if "peers" in wanted:
        result["peers"] = peers(chosen.peers, payload, live)
    return result


def remote_write(server: Server, payload: Payload) -> Figures:
    """Samples a second, CPU, memory and disk of a server that takes the payload."""
    busy = server.cpu_s()
    sent = load.send(payload, server.address + server.write, server.headers)
    cpu = (server.cpu_s() - busy) / sent.items * 1e6
    figures = {
        "remote_write_samples_per_s": round(sent.per_s),
        "cpu_s_per_million_samples": round(cpu, 2),
        "bytes_per_sample": round(servers.stored_bytes(server) / sent.items, 2),
        "cpu_s_per_million_samples_merged": round((server.cpu_s() - busy) / sent.items * 1e6, 2),
        "ack_p99_ms_full_load": sent.percentile_ms(0.99),
        "resident_mib": server.resident_mib(),
    }
    if server.name == "wellkept":
        figures["lost_items"] = sent.items - samples(server, payload)
    tell(server.name, "remote write", sent, figures)
    return figures


def otlp(server: Server, signal: str, payload: Payload) -> int:
    sent = load.send(payload, f"{server.address}/v1/{signal}", server.headers)
    tell(server.name, f"otlp {signal}", sent, {"resident_mib": server.resident_mib()})
    return round(sent.per_s)


def payloads_of_a_day(folder: Path, shards: int) -> tuple[Payload, Payload]:
    """A day that is there already, and what comes in while it is asked for."""
    day = load.Writing(2 * DAY_SERIES, DAY_STEPS, ago_s=LIVE_STEPS + 60, names=DAY_METRICS, seed=2)
    coming = load.Writing(SERIES, LIVE_STEPS, step_ms=1000, seed=3)
    return load.remote_write(folder / "day", day, shards), load.remote_write(folder / "live", coming, shards)


def half_load(server: Server, payloads: tuple[Payload, Payload], per_s: float) -> Figures:
    """Acknowledgements and a query while the server takes half of what it can."""
    day, coming = payloads
    load.send(day, server.address + server.write, server.headers)
    with querying(server) as (again, anew):
        sent = load.send(coming, server.address + server.write, server.headers, per_s, HALF_S)
    tell(server.name, "half load", sent, {"queries": len(again) + len(anew)})
    return {
        "ack_p99_ms_half_load": sent.percentile_ms(0.99),
        "query_ms_under_load": _median_ms(again),
        "query_ms_under_load_anew": _median_ms(anew),
        "half_load_samples_per_s": round(sent.per_s),
    }


def _median_ms(seconds: list[float]) -> float | None:
    return round(statistics.median(seconds) * 1000, 1) if seconds else None


@contextlib.contextmanager
def querying(server: Server) -> Iterator[tuple[list[float], list[float]]]:
    """Asks for a day of one metric, in turn up to the last full minute and up to a second that was not asked for yet.

    Gives the seconds until each answer was there, of the former and of the latter.
    """
    taken: tuple[list[float], list[float]] = [], []
    over = threading.Event()

    def ask() -> None:
        seconds = itertools.count(int(time.time()) - 60)
        while not over.wait(0.2):
            for list_of, end in zip(taken, (int(time.time()) // 60 * 60, next(seconds)), strict=True):
                asked = {"query": 'queue_length{cluster="north-1"}', "start": end - 86_400, "end": end, "step": 60}
                begun = time.perf_counter()
                answer = server.read(f"{server.query}/query_range?{urllib.parse.urlencode(asked)}")
                list_of.append(time.perf_counter() - begun)
                assert answer.count(b'"metric":') == DAY_SERIES

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield taken
    finally:
        over.set()
        thread.join()


def soak(server: Server, payload: Payload, minutes: float) -> Figures:
    """Memory at full load: the same samples come again and again, which costs the server as much as new ones."""
    stop, seen = time.monotonic() + minutes * 60, []
    while time.monotonic() < stop:
        sent = load.send(
            payload, server.address + server.write, server.headers, 0.0, min(60.0, stop - time.monotonic())
        )
        seen.append({"resident_mib": server.resident_mib(), "samples_per_s": round(sent.per_s)})
        say(f"soak: {seen[-1]}")
    return {
        "minutes": minutes,
        "first": seen[0],
        "last": seen[-1],
        "most_mib": max(one["resident_mib"] for one in seen),
    }


def samples(server: Server, payload: Payload) -> int:
    """How many samples are found again, metric by metric."""
    end = int(time.time())
    total = 0
    for name in load.METRICS:
        query = f'sum(count_over_time({name}{{cluster="north-1"}}[{payload.items // SERIES * 15 + 600}s]))'
        answer = server.ask(f"{server.query}/query?{urllib.parse.urlencode({'query': query, 'time': end})}")
        total += int(float(answer["data"]["result"][0]["value"][1]))
    return total


def peers(folder: Path | None, payload: Payload, live: tuple[Payload, Payload] | None) -> Figures:
    """The same of every peer whose program is there."""
    starts: dict[str, Callable[[str], contextlib.AbstractContextManager[Server]]] = {
        "prometheus": servers.prometheus,
        "victoria-metrics": servers.victoria_metrics,
    }
    result: Figures = {}
    for name, start in starts.items():
        program = servers.found(folder, name)
        if program is None:
            say(f"{name}: not installed (--peers names a folder that can unpack it)")
            continue
        with start(program) as server:
            result[name] = remote_write(server, payload)
        if live is not None:
            with start(program) as server:
                result[name] |= half_load(server, live, result[name]["remote_write_samples_per_s"] / 2)
    return result


def tell(server: str, what: str, sent: Sent, more: Figures) -> None:
    statuses = " ".join(f"{status}:{count}" for status, count in sorted(sent.statuses.items()))
    p50, p99 = sent.percentile_ms(0.5), sent.percentile_ms(0.99)
    say(f"{server}, {what}: {sent.per_s:,.0f}/s, answers {statuses}, p50 {p50} ms, p99 {p99} ms, {more}")


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
