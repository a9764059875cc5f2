"""Debian's node-exporter, scraped: what it says itself is compared with what is stored, then it is killed.

    python bench/senders/node_exporter.py EXPORTER ADDRESS TOKEN FILE

FILE is the file of targets that the server at ADDRESS follows, for a job called bench-node. Prints one JSON object.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
PATIENCE_S = 60.0
JOB = 'job="bench-node"'
REPORTS = re.compile(r"up|scrape_.*")
ASKING = re.compile(r"node_(netstat|sockstat|procs)_")
"""Connections and processes: every look at them makes one more."""
_LABEL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {"n": "\n", "\\": "\\", '"': '"'}

Series = frozenset[tuple[str, str]]


def main(exporter: str, address: str, token: str, file: Path) -> None:
    """Start the exporter, have it scraped, compare, kill it, and say what was found."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        place = f"127.0.0.1:{probe.getsockname()[1]}"
    process = subprocess.Popen([exporter, f"--web.listen-address={place}"], stderr=subprocess.DEVNULL)
    http = httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    try:
        until(lambda: answers(place))
        file.write_text(json.dumps([{"targets": [place]}]), encoding="utf-8")
        until(lambda: value(http, f"count_over_time(up{{{JOB}}}[1m])") >= 2)
        result = compared(http, place)
    finally:
        process.kill()
        process.wait(PATIENCE_S)
    until(lambda: value(http, f"up{{{JOB}}}", -1) == 0)
    until(lambda: not page_series(http))
    print(json.dumps({**result, "left_after_the_end": len(page_series(http))}))


def compared(http: httpx.Client, place: str) -> dict[str, Any]:
    """What two requests before and after some scrapes agree on must be what is stored, if the scrapes agree, too."""
    before = page(place)
    earlier = scraped_after(http, scrapes(http) + 1)
    stored = scraped_after(http, scrapes(http))
    after = page(place)
    steady = {
        series: told
        for series, told in before.items()
        if after.get(series) == told and earlier.get(series) == stored.get(series) and is_of_the_node(series)
    }
    lasting = {series for series in before if series in after}
    return {
        "series": len(lasting),
        "series_stored": len(lasting & stored.keys()),
        "steady": len(steady),
        "steady_stored": sum(stored.get(series) == told for series, told in steady.items()),
        "duration_s": value(http, f"avg_over_time(scrape_duration_seconds{{{JOB}}}[1m])"),
    }


def scrapes(http: httpx.Client) -> float:
    return value(http, f"count_over_time(up{{{JOB}}}[1h])")


def scraped_after(http: httpx.Client, count: float) -> dict[Series, float]:
    """What is stored of the exporter's page after more than so many scrapes."""
    until(lambda: scrapes(http) > count)
    return page_series(http)


def is_of_the_node(series: Series) -> bool:
    """What the exporter says of itself, and of those who ask it, may have changed twice, back to what it was."""
    name = dict(series)["__name__"]
    return name.startswith("node_") and not ASKING.match(name)


def page(place: str) -> dict[Series, float]:
    """What the exporter says to us, read line by line."""
    lines = httpx.get(f"http://{place}/metrics", timeout=30).text.splitlines()
    return dict(sample(line) for line in lines if not line.startswith("#"))


def sample(line: str) -> tuple[Series, float]:
    told, _, number = line.rpartition(" ")
    name, _, labels = told.partition("{")
    found = {key: re.sub(r"\\(.)", lambda part: _ESCAPES[part[1]], text) for key, text in _LABEL.findall(labels)}
    for bound in found.keys() & {"le", "quantile"}:  # bounds have one spelling, as Prometheus 3 and OpenMetrics have it
        found[bound] = str(float(found[bound])).replace("inf", "+Inf")
    return frozenset({"__name__": name, **{key: text for key, text in found.items() if text}}.items()), float(number)


def page_series(http: httpx.Client) -> dict[Series, float]:
    """What is stored of the exporter's page at this moment."""
    found: dict[Series, float] = {}
    for result in ask(http, f"{{{JOB}}}"):
        labels = {name: text for name, text in result["metric"].items() if name not in ("job", "instance")}
        if not REPORTS.fullmatch(labels["__name__"]):
            found[frozenset(labels.items())] = float(result["value"][1])
    return found


def value(http: httpx.Client, question: str, otherwise: float = 0) -> float:
    found = ask(http, question)
    return float(found[0]["value"][1]) if found else otherwise


def ask(http: httpx.Client, question: str) -> list[dict[str, Any]]:
    answer = http.get("/prometheus/api/v1/query", params={"query": question})
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return found


def answers(place: str) -> bool:
    try:
        return httpx.get(f"http://{place}/metrics", timeout=30).is_success
    except httpx.TransportError:
        return False


def until(look: Callable[[], T]) -> T:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()):
        if time.monotonic() > deadline:
            raise SystemExit(f"it was not so within {PATIENCE_S:g} s")
        time.sleep(0.2)
    return found


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]))
