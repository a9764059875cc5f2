"""Detection over many live series beside ingest: a server takes remote write of all of them and looks at each step.

    python bench/live_detection.py [--series 100000] [--minutes 10] [--step-s 10] [--changed 0]

Starts ``wellkept up`` with detection on and nothing else, sends every series once a step over remote write (spread
over the step), and watches. At four fifths of the time the level of ``--changed`` series changes for good; a series is
known after 200 values, so that takes an hour to be of use. Prints one JSON line:

- ``tick_p50_s``, ``tick_p99_s``: seconds of one look at all series; and medians of its parts (``feed_s``: to read and
  lay out what is new, ``baseline_s``: to learn and score it);
- ``lag_p99_s``: how old the newest step that was looked at was, by the server's clock (a step and the step left out
  for late senders are part of it);
- ``ingest_per_s``: samples stored a second, and ``send_late_s``: how late the sender was at worst;
- ``state_bytes_per_series``, ``window_mib``, ``resident_mib``, ``cpu_cores`` of the server;
- ``step_alone_s``: the baseline's step over as many series with nothing beside it, in this process;
- ``found``: how many of the changed series a finding was about;
- ``falling_behind``: whether looks take half of their rhythm, more than a tenth of them were left out, or what was
  looked at is four steps old in the last quarter. The first looks, which meet every series for the first time, are the
  longest (``tick_max_s``).

The senders run in a process of their own, and take some of the same cores.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import struct
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parent.parent))

import cramjam
import numpy as np
from bench.remote_bodies import HEADERS_1, version_1
from bench.servers import Server, wellkept
from numpy.typing import NDArray

from wellkept.ops.detect.baseline import Baseline

PER_REQUEST = 2000
METRICS = ("requests_total", "memory_bytes", "queue_length", "cpu_seconds_total", "open_connections")
WINDOW_STEPS = 180
SAVE_S = 120.0
"""Learned state is written down so often: more often than usual, so that its cost shows."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--step-s", type=float, default=10.0)
    parser.add_argument("--changed", type=int, default=0)
    chosen = parser.parse_args()
    alone = step_alone(chosen.series)
    detect = {"step_s": chosen.step_s, "window_s": WINDOW_STEPS * chosen.step_s, "save_s": SAVE_S}
    settings = {"enabled": "true", "detect_every_s": chosen.step_s, **{f"detect__{k}": v for k, v in detect.items()}}
    os.environ |= {f"WELLKEPT_OPS__{name.upper()}": str(value) for name, value in settings.items()}
    with wellkept() as server:
        told: multiprocessing.Queue[tuple[int, float]] = multiprocessing.Queue()
        plan = (server.address, server.headers, chosen.series, chosen.step_s, chosen.minutes * 60, chosen.changed)
        sender = multiprocessing.Process(target=send, args=(*plan, told), daemon=True)
        sender.start()
        answer = watch(server, chosen.minutes * 60, chosen.step_s)
        sender.join(timeout=60)
        sent, late = told.get(timeout=5)
        answer["ingest_per_s"] = round(sent / (chosen.minutes * 60))
        answer["send_late_s"] = round(late, 1)
        answer["found"] = found(server)
    answer["falling_behind"] = bool(answer["falling_behind"] or late > 3 * chosen.step_s)
    print(json.dumps({"series": chosen.series, "minutes": chosen.minutes, "step_s": chosen.step_s, **answer, **alone}))


def watch(server: Server, seconds: float, step_s: float) -> dict[str, float | bool | int]:
    """Ask the server how it goes, until the time is over."""
    ticks: dict[int, float] = {}
    feeds, baselines, lags = [], [], []
    began, cpu = time.monotonic(), server.cpu_s()
    resident = 0
    failures = 0
    while time.monotonic() - began < seconds:
        time.sleep(min(2.0, step_s / 4))
        status = server.ask("/api/v1/status")
        job = next(job for job in status["jobs"] if job["job"] == "detect")
        held, failures = status["detection"], job["failures"]
        resident = max(resident, server.resident_mib())
        if job["runs"] not in ticks and held["series"]:
            ticks[job["runs"]] = job["last_s"]
            feeds.append(held["feed_s"])
            baselines.append(held["baseline_s"])
        if held["until"]:
            lags.append(time.time() - held["until"])
    taken = np.array(list(ticks.values()))
    lag = np.array(lags)
    looks = max(ticks) - min(ticks)
    expected = (time.monotonic() - began) / step_s
    return {
        "tick_p50_s": round(float(np.median(taken)), 3),
        "tick_p99_s": round(float(np.quantile(taken, 0.99)), 3),
        "tick_max_s": round(float(taken.max()), 3),
        "feed_s": round(float(np.median(feeds)), 3),
        "baseline_s": round(float(np.median(baselines)), 3),
        "lag_p50_s": round(float(np.median(lag)), 1),
        "lag_p99_s": round(float(np.quantile(lag, 0.99)), 1),
        "looks": looks,
        "failures": failures,
        "live_series": int(held["series"]),
        "state_bytes_per_series": int(held["bytes_per_series"]),
        "window_mib": int(held["window_bytes"]) >> 20,
        "resident_mib": resident,
        "cpu_cores": round((server.cpu_s() - cpu) / (time.monotonic() - began), 2),
        "falling_behind": bool(
            np.median(taken) > step_s / 2 or looks < 0.9 * expected - 2 or lag[-len(lag) // 4 :].max() > 4 * step_s
        ),
    }


def found(server: Server) -> int:
    """How many of the changed series something was said of."""
    findings = server.ask("/api/v1/findings?limit=1000")["findings"]
    told = {
        (evidence["attributes"].get("instance"), evidence["signal"])
        for finding in findings
        for evidence in finding["evidence"]
        if evidence["attributes"].get("changed") == "yes"
    }
    return len(told)


class Bodies:
    """The bodies of all series, made once; a step writes its time and values into them."""

    def __init__(self, series: int, changed: int) -> None:
        self._random = np.random.default_rng(1)
        self._series, self._changed = series, changed
        marks = [struct.pack("<d", float.fromhex("0x1.23456789abcdfp+700"))]
        at = int(time.time() * 1000)
        self._bodies: list[bytearray] = []
        self._values: list[NDArray[np.intp]] = []
        self._times: list[NDArray[np.intp]] = []
        for first in range(0, series, PER_REQUEST):
            numbers = range(first, min(series, first + PER_REQUEST))
            body = version_1((labels(n, n < changed), at, float.fromhex("0x1.23456789abcdfp+700")) for n in numbers)
            places = places_of(body, marks[0])
            self._bodies.append(bytearray(body))
            self._values.append(places[:, None] + np.arange(8))
            self._times.append(places[:, None] + np.arange(9, 15))
        self._totals = np.zeros(series)
        self._scale = self._random.uniform(1.0, 1000.0, series)

    def step(self, when: float, moved: bool) -> list[bytes]:
        """The bodies of one step, compressed; each series has noise, half of them count up."""
        noise = 1 + 0.1 * self._random.standard_normal(self._series)
        if moved:
            noise[: self._changed] += 5.0
        level = self._scale * noise
        self._totals += level
        is_counter = np.arange(self._series) % len(METRICS) % 3 == 0
        values = np.where(is_counter, self._totals, level)
        stamp = np.frombuffer(varint6(int(when * 1000)), np.uint8)
        compressed = []
        for index, body in enumerate(self._bodies):
            view = np.frombuffer(body, np.uint8)
            part = values[index * PER_REQUEST : index * PER_REQUEST + len(self._values[index])]
            view[self._values[index]] = np.frombuffer(part.astype("<f8").tobytes(), np.uint8).reshape(-1, 8)
            view[self._times[index]] = stamp
            compressed.append(bytes(cramjam.snappy.compress_raw(bytes(body))))
        return compressed


def labels(number: int, changed: bool) -> dict[str, str]:
    """Of every twenty series one instance, of every fifty instances one job."""
    instance = number // 20
    more = {"changed": "yes"} if changed else {}
    name, part = METRICS[number % len(METRICS)], str(number // len(METRICS) % 4)
    job, place = f"shop-{instance // 50}", f"10.0.{instance // 250}.{instance % 250}:9100"
    return {"__name__": name, "job": job, "instance": place, "part": part, **more}


def places_of(body: bytes, mark: bytes) -> NDArray[np.intp]:
    """Where the marked values are."""
    places, place = [], body.find(mark)
    while place >= 0:
        places.append(place)
        place = body.find(mark, place + 8)
    return np.array(places, np.intp)


def varint6(number: int) -> bytes:
    """A number of 42 bits as protobuf has it, in six bytes."""
    return bytes([(number >> 7 * i) & 0x7F | (0x80 if i < 5 else 0) for i in range(6)])


def send(
    address: str,
    headers: dict[str, str],
    series: int,
    step_s: float,
    seconds: float,
    changed: int,
    told: multiprocessing.Queue[tuple[int, float]],
) -> None:
    """Send every series once a step, spread over it; tells how many samples were stored, and how late at worst."""
    bodies, place = Bodies(series, changed), urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    begun, stored, late, number = time.time(), 0, 0.0, 0
    while time.time() - begun < seconds:
        due = begun + number * step_s
        parts = bodies.step(due, moved=due - begun > 0.8 * seconds)
        for index, body in enumerate(parts):
            wait = due + step_s * 0.9 * index / len(parts) - time.time()
            if wait > 0:
                time.sleep(wait)
            connection.request("POST", "/api/v1/write", body, {**headers, **HEADERS_1})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 300:
                raise SystemExit(f"{answer.status}: {text[:300]!r}")
            stored += min(PER_REQUEST, series - index * PER_REQUEST)
            late = max(late, time.time() - due - step_s * 0.9 * index / len(parts))
        number += 1
    told.put((stored, late))


def step_alone(series: int, steps: int = 80) -> dict[str, float]:
    """Processor seconds of one step of the baseline over so many series, on one core, nothing beside it."""
    baseline, random = Baseline(series), np.random.default_rng(2)
    taken = []
    for number in range(steps):
        values = random.standard_normal((1, series))
        began = time.process_time()
        baseline.advance(np.array([1.7e9 + 10.0 * number]), values)
        taken.append(time.process_time() - began)
    usual = np.array(taken[16:])  # the first steps touch their memory for the first time
    return {
        "step_alone_p50_s": round(float(np.median(usual)), 3),
        "step_alone_p99_s": round(float(np.quantile(usual, 0.99)), 3),
        "baseline_bytes_per_series": baseline.state_bytes,
    }


if __name__ == "__main__":
    main()
