"""Debian's Prometheus, which scrapes and writes on to a server: whatever it answers, the server has to answer, too.

    python bench/senders/prometheus.py PROMETHEUS EXPORTER ADDRESS TOKEN FOLDER

It scrapes itself and a node-exporter every second. When it has sent a while, the same questions are asked of both sides
for moments that are over. Then the exporter is killed, and taken off its list of targets. Prints one JSON object: for
each comparison, how much there is at Prometheus's side, and how much of that is the same at the server's.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

PATIENCE_S = 60.0
WINDOW_S = 12
SELF, NODE = "bench-self", "bench-exporter"
OF_IT = f'{{job=~"{SELF}|{NODE}"}}'
QUESTIONS = {
    "values at a time": [f'{{job="{SELF}"}}', f'{{job="{NODE}"}}'],
    "counts and rates over a window": [
        f"count_over_time(node_cpu_seconds_total{OF_IT}[{WINDOW_S}s])",
        f"count_over_time(prometheus_tsdb_head_samples_appended_total{OF_IT}[{WINDOW_S}s])",
        f"count_over_time(up{OF_IT}[{WINDOW_S}s])",
        f"rate(node_cpu_seconds_total{OF_IT}[{WINDOW_S}s])",
        f"increase(prometheus_http_request_duration_seconds_bucket{OF_IT}[{WINDOW_S}s])",
        f"histogram_quantile(0.9, rate(prometheus_http_request_duration_seconds_bucket{OF_IT}[{WINDOW_S}s]))",
    ],
}
Series = frozenset[tuple[str, str]]
Rows = dict[Series, list[tuple[float, str]]]


class Side:
    """One who answers questions in PromQL."""

    def __init__(self, url: str, token: str = "") -> None:
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"} if token else {}, timeout=30
        )

    def rows(self, question: str, at: float) -> Rows:
        """Series with their samples: of an instant vector one each, of a window all."""
        answer = self._http.get("/api/v1/query", params={"query": question, "time": f"{at:.3f}"}).raise_for_status()
        found: Rows = {}
        for row in answer.json()["data"]["result"]:
            samples = row["values"] if "values" in row else [row["value"]]
            found[frozenset(row["metric"].items())] = [(moment, value) for moment, value in samples]
        return found

    def value(self, question: str, at: float, otherwise: float = 0.0) -> float:
        for samples in self.rows(question, at).values():
            return float(samples[0][1])
        return otherwise

    def metadata(self) -> dict[str, tuple[str, str]]:
        """What each metric is: its type and its help."""
        found = self._http.get("/api/v1/metadata", params={"limit": 100_000}).raise_for_status().json()["data"]
        return {name: (entries[0]["type"], entries[0]["help"]) for name, entries in found.items()}


def main(prometheus: str, exporter: str, address: str, token: str, folder: Path) -> None:
    """Start both, ask, kill the exporter, take it off the list, and say what was found."""
    node, place = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    targets = folder / "targets-of-prometheus.json"
    aim(targets, node)
    (folder / "writing.yml").write_text(json.dumps(configuration(address, token, place, targets)), encoding="utf-8")
    command = [prometheus, f"--config.file={folder}/writing.yml", f"--storage.tsdb.path={folder}/writing"]
    command += [f"--web.listen-address={place}", "--log.level=error"]
    with process([exporter, f"--web.listen-address={node}"]) as scraped, process(command):
        theirs, ours = Side(f"http://{place}"), Side(f"{address}/prometheus", token)
        until(lambda: is_up(theirs), "Prometheus has scraped for a while")
        at = time.time()
        until(lambda: seen(ours) > at, "what was scraped until then has come here")
        told = compared(theirs, ours, at)
        told["metadata of metrics"] = metadata(theirs, ours)
        told |= ended(theirs, ours, at, scraped, targets)
    print(json.dumps(told))


def ended(
    theirs: Side, ours: Side, at: float, scraped: subprocess.Popen[bytes], targets: Path
) -> dict[str, dict[str, int]]:
    """The exporter is killed, and then taken off the list."""
    scraped.kill()
    until(lambda: theirs.value(f'up{{job="{NODE}"}}', time.time(), 1) == 0, "the exporter is down")
    down = time.time()
    aim(targets, "")
    until(lambda: not theirs.rows(f'up{{job="{NODE}"}}', time.time()), "the exporter is no target any more")
    gone = time.time()
    until(lambda: seen(ours) > gone, "what was scraped until then has come here")
    whole = everything(gone - at + WINDOW_S)
    return {
        "series of a target that went down": ends(theirs, ours, at, down),
        "series of a target that was taken away": ends(theirs, ours, down, gone),
        "samples of all of it": same(theirs.rows(whole, gone), ours.rows(whole, gone)),
    }


def configuration(address: str, token: str, place: str, targets: Path) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": "1s", "external_labels": {"site": "bench"}},
        "scrape_configs": [
            {"job_name": SELF, "static_configs": [{"targets": [place]}]},
            {"job_name": NODE, "file_sd_configs": [{"files": [str(targets)], "refresh_interval": "1s"}]},
        ],
        "remote_write": [
            {
                "url": f"{address}/api/v1/write",
                "authorization": {"credentials": token},
                "metadata_config": {"send": True, "send_interval": "2s"},
            }
        ],
    }


def aim(targets: Path, place: str) -> None:
    """Have Prometheus scrape this place, or none."""
    fresh = targets.with_suffix(".new")
    fresh.write_text(json.dumps([{"targets": [place]}] if place else []), encoding="utf-8")
    fresh.replace(targets)


def everything(seconds: float) -> str:
    return f"{OF_IT}[{round(seconds * 1000)}ms]"


def compared(theirs: Side, ours: Side, at: float) -> dict[str, dict[str, int]]:
    """What both answer for a moment that is over."""
    told = {"samples of a window": same(*(side.rows(everything(WINDOW_S), at) for side in (theirs, ours)))}
    for name, questions in QUESTIONS.items():
        found = [same(theirs.rows(question, at), ours.rows(question, at)) for question in questions]
        told[name] = {key: sum(one[key] for one in found) for key in ("there", "same", "more")}
    return told


def same(there: Rows, here: Rows) -> dict[str, int]:
    """How many samples there are, how many of them are the same here, and how many there are here besides."""
    total = matching = 0
    for series, samples in there.items():
        found = dict(here.get(named_here(series), []))
        total += len(samples)
        matching += sum(alike(found.get(moment), value) for moment, value in samples)
    return {"there": total, "same": matching, "more": max(0, sum(map(len, here.values())) - matching)}


def named_here(series: Series) -> Series:
    """Labels that Prometheus adds for the world outside, it does not answer itself."""
    is_named = any(name == "job" for name, _ in series)
    return series | {("site", "bench")} if is_named else series


def alike(here: str | None, there: str) -> bool:
    if here is None or here == there:
        return here == there
    return abs(float(here) - float(there)) <= 1e-9 * max(abs(float(here)), abs(float(there)))


def ends(theirs: Side, ours: Side, since: float, until: float) -> dict[str, int]:
    """Which series of the exporter there are, twice a second; here it has to be the same ones, and no other."""
    found = []
    for step in range(int((until - since) * 2) + 1):
        at = since + step / 2
        found.append(same(*(side.rows(f'{{job="{NODE}"}}', at) for side in (theirs, ours))))
    return {key: sum(one[key] for one in found) for key in ("there", "same", "more")}


def metadata(theirs: Side, ours: Side) -> dict[str, int]:
    """Prometheus tells of its metrics every few seconds."""
    deadline = time.monotonic() + PATIENCE_S / 4
    while True:
        there, here = theirs.metadata(), ours.metadata()
        equal = sum(here.get(name) == told for name, told in there.items())
        if equal == len(there) or time.monotonic() > deadline:
            return {"there": len(there), "same": equal, "more": 0}
        time.sleep(0.5)


def is_up(theirs: Side) -> bool:
    with contextlib.suppress(httpx.TransportError, httpx.HTTPStatusError):
        wanted = [f'count_over_time(up{{job="{job}"}}[1m])' for job in (SELF, NODE)]
        return all(theirs.value(question, time.time()) >= WINDOW_S + 2 for question in wanted)
    return False


def seen(ours: Side) -> float:
    """The time of the last scrape of which something has come."""
    return ours.value(f'timestamp(up{{job="{SELF}"}})', time.time())


@contextlib.contextmanager
def process(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield running
    finally:
        running.kill()
        running.wait(PATIENCE_S)


def until(look: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not look():
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {PATIENCE_S:g} s: {what}")
        time.sleep(0.2)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], Path(sys.argv[5]))
