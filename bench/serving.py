"""The model server as `wellkept up` starts it, beside those of others: requests a second, latency, batches, reload.

    python -m bench.serving [--peers FOLDER] [--peer NAME ...] [--seconds 5] [--only ours|peers]

A platform and its model server run as they do for a user, with every prediction logged; wrk asks for one row at a
time with 1, 16 and 64 connections, in the form that MLServer is asked in. Then: latency at half of the top rate (an
open-loop sender), a promotion under load, a model server that is killed under load, a Parquet file.

Every answer that was given must be a stored prediction: what the server counted as answered before it is killed, and
each id that was answered around the kill. With ``--peers`` the peers serve the same model in the same run. Prints one
JSON object as its last line.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
from bench.serving_load import Driven, Wrk, held
from bench.serving_model import INPUTS, write_project

from wellkept.sdk.client import Client

CONNECTIONS = (1, 16, 64)
PEERS = ("mlflow", "bentoml", "ray", "mlserver")
WANTED = {"mlflow": 30, "bentoml": 10, "ray": 10, "mlserver": 3}
BATCH_ROWS = 1_000_000
KILLED_PER_S = 300
PATIENCE_S, RESTING_PERCENT = 120.0, 15.0
_CONFIGURATION = """
data: {data}
server: {{port: 0}}
agent: {{enabled: false}}
ingest: {{grpc: {{enabled: false}}}}
ml: {{serve_port: 0}}
"""


class Ours:
    """A platform with its model server, on a folder of its own."""

    def __init__(self, folder: Path, process: subprocess.Popen[str], ready: dict[str, str]) -> None:
        self.folder, self._process, self.began = folder, process, datetime.now(UTC)
        self.client = Client(ready["address"], ready["token"], PATIENCE_S)
        self._environment = {**os.environ, "WELLKEPT_URL": ready["address"], "WELLKEPT_TOKEN": ready["token"]}

    @property
    def url(self) -> str:
        return (self.folder / "data" / "served" / "address").read_text(encoding="ascii")

    def command(self, *arguments: str) -> str:
        """What a command prints."""
        command = [sys.executable, "-m", "wellkept", *arguments]
        answer = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        if answer.returncode:
            raise SystemExit(f"{' '.join(arguments)} failed: {answer.stdout[-500:]} {answer.stderr[-500:]}")
        return answer.stdout

    def release(self, attempt: int) -> None:
        """Train a version and have it promoted."""
        self.command("models", "train", str(write_project(self.folder / "clf", attempt)))
        self.promote()

    def promote(self) -> None:
        self.command("models", "promote", "clf")
        plans = json.loads(self.command("approve", "--json"))["plans"]
        self.command("approve", plans[0]["id"], "--yes")

    def live(self) -> int:
        """The version that answers; 0 where none does."""
        try:
            with urllib.request.urlopen(f"{self.url}/v2/health/ready", timeout=10) as answer:
                return int(json.load(answer)["models"].get("clf", 0))
        except OSError:
            return 0

    def await_version(self, version: int) -> None:
        stop = time.monotonic() + PATIENCE_S
        while self.live() != version:
            if time.monotonic() > stop:
                raise SystemExit(f"version {version} was not live within {PATIENCE_S:g} s")
            time.sleep(0.1)

    def server(self) -> psutil.Process:
        """The model server's process."""
        children = psutil.Process(self._process.pid).children()
        return next(child for child in children if "wellkept.ml.serve" in child.cmdline())

    def cpu_s(self) -> float:
        """CPU seconds of the model server's process since its start."""
        return float(sum(self.server().cpu_times()[:2]))

    def stored(self) -> set[str]:
        """The ids of the predictions that the platform has."""
        start, end, ids = self.began, datetime.now(UTC) + timedelta(minutes=1), set[str]()
        while True:
            query = f"start={start.isoformat()}&end={end.isoformat()}&limit=100000".replace("+", "%2B")
            table = pa.ipc.open_stream(self.client.raw(f"/api/v1/models/clf/predictions?{query}")).read_all()
            ids.update(table["id"].to_pylist())
            following = (table.schema.metadata or {}).get(b"next")
            if following is None:
                return ids
            start = datetime.fromisoformat(following.decode())

    def given(self) -> int:
        """The answers that the model server counted."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(int(line.split()[-1]) for line in lines if line.startswith("model_infer_rows_total{"))

    def settle(self) -> None:
        """Wait until the model server has nothing more to send."""
        stop = time.monotonic() + PATIENCE_S
        while time.monotonic() < stop:
            with urllib.request.urlopen(f"{self.url}/v2/health/ready", timeout=10) as answer:
                if json.load(answer)["backlog"] == 0:
                    return
            time.sleep(0.2)

    def rest(self) -> float:
        """Wait until the platform has done what was left to do, its store's merges too; how long that took, s."""
        platform, began = psutil.Process(self._process.pid), time.monotonic()
        while time.monotonic() < began + PATIENCE_S and platform.cpu_percent(1.0) > RESTING_PERCENT:
            pass
        return time.monotonic() - began


@contextlib.contextmanager
def ours() -> Iterator[Ours]:
    with tempfile.TemporaryDirectory(prefix="bench-serving-") as place:
        folder = Path(place)
        (folder / "wellkept.yaml").write_text(_CONFIGURATION.format(data=folder / "data"), encoding="utf-8")
        command = [sys.executable, "-m", "wellkept", "up", "--config", str(folder / "wellkept.yaml"), "--json"]
        with (folder / "log").open("w", encoding="utf-8") as log:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"the server did not start: {(folder / 'log').read_text('utf-8')[-1000:]}")
            yield Ours(folder, process, json.loads(line))
        finally:
            process.terminate()
            process.wait(60)


def measured(server: Ours, wrk: Wrk, seconds: float, expected: dict[str, Any] | None) -> dict[str, Any]:
    """Every figure of ours."""
    server.release(1)
    server.await_version(1)
    row = expected["row"] if expected else [round(value, 6) for value in np.random.default_rng(1).normal(size=30)]
    url, tensor = f"{server.url}/v2/models/clf/infer", {"name": "x", "shape": [1, 30], "datatype": "FP64", "data": row}
    body = json.dumps({"inputs": [tensor]}, separators=(",", ":")).encode()
    _check_score(url, body, expected)
    wrk.drive(url, body, max(CONNECTIONS), 2)
    rates, cpu_ms = dict[str, Driven](), dict[str, float]()
    for connections in CONNECTIONS:
        began = server.cpu_s()
        rates[str(connections)] = driven = wrk.drive(url, body, connections, seconds)
        cpu_ms[str(connections)] = round((server.cpu_s() - began) * 1000 / max(1, driven.answers), 3)
        say(f"{connections} connections: {driven.per_s:.0f}/s, p99 {driven.p99_ms:.1f} ms, {driven.failed} failed")
    split = {"dataframe_split": {"columns": INPUTS, "data": [row]}}
    invocations = wrk.drive(f"{server.url}/invocations", json.dumps(split).encode(), 16, seconds)
    top = max(driven.per_s for driven in rates.values())
    named = json.dumps({"inputs": [tensor], "parameters": {"prediction_id": "half-@NUMBER@@"}}).encode()
    server.settle()  # what was asked at full speed before is no part of half of it
    at_once = held(url, named.replace(b"half", b"soon"), top / 2, seconds)
    say(f"at {top / 2:.0f}/s right after full load, while the store merges: {at_once.figures()}")
    rested_s = server.rest()
    half = held(url, named, top / 2, seconds)
    say(f"at {top / 2:.0f}/s: {half.figures()}")
    reloaded = reload(server, wrk, url, body, seconds)
    rss_mb = server.server().memory_info().rss / 2**20
    server.settle()
    given, stored = server.given(), len(server.stored())
    killed_ids, killed = kill(server, url, tensor)
    server.settle()
    lost = max(0, given - stored) + len(killed_ids - server.stored())
    return {
        "requests_per_s": {name: round(driven.per_s) for name, driven in rates.items()},
        "requests_per_s_invocations_16": round(invocations.per_s),
        "cpu_ms_a_request": cpu_ms,
        "closed_loop_ms": {name: {"p50": driven.p50_ms, "p99": driven.p99_ms} for name, driven in rates.items()},
        "failed": sum(driven.failed for driven in rates.values()) + invocations.failed + half.failed + at_once.failed,
        "p99_ms_half_load": round(half.p99_ms(), 2),
        "half_load": {"per_s": round(top / 2), **half.figures()},
        "half_load_after_full": {"per_s": round(top / 2), **at_once.figures(), "rested_s": round(rested_s, 1)},
        "failed_during_reload": reloaded["failed"],
        "reload": reloaded,
        "killed": killed,
        "rss_mb": round(rss_mb, 1),
        "predictions_lost": lost,
        "answers_before_the_kill": given,
        "stored_before_the_kill": stored,
        "rows_per_s_batch": batch(server),
    }


def _check_score(url: str, body: bytes, expected: dict[str, Any] | None) -> None:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        score = json.load(answer)["outputs"][0]["data"][0]
    if expected is not None and abs(score - expected["expected"]) > 1e-5:
        raise SystemExit(f"the model is another one than the peers': {score}, not {expected['expected']}")


def reload(server: Ours, wrk: Wrk, url: str, body: bytes, seconds: float) -> dict[str, Any]:
    """Promote a second version, and the first one again, while requests come in."""
    server.command("models", "train", str(write_project(server.folder / "clf", 2)))
    took: list[float] = []

    def move() -> None:
        time.sleep(1)
        began = time.monotonic()
        server.promote()
        server.await_version(2)
        took.append(time.monotonic() - began)

    thread = threading.Thread(target=move)
    thread.start()
    driven, rounds = [wrk.drive(url, body, 16, seconds)], 1
    while thread.is_alive() or rounds < 2:
        driven.append(wrk.drive(url, body, 16, 2))
        rounds += 1
    thread.join()
    say(f"reload: {sum(one.failed for one in driven)} failed of {sum(one.answers for one in driven)}")
    answers, failed = sum(one.answers for one in driven), sum(one.failed for one in driven)
    return {"answers": answers, "failed": failed, "seconds": round(took[0], 1), "version": server.live()}


def kill(server: Ours, url: str, tensor: dict[str, Any]) -> tuple[set[str], dict[str, Any]]:
    """Kill the model server under load (-9): the ids that were answered, before and after it starts again."""
    named = json.dumps({"inputs": [tensor], "parameters": {"prediction_id": "kill-@NUMBER@@"}}).encode()
    threading.Timer(1.5, lambda: server.server().send_signal(signal.SIGKILL)).start()
    before = held(url, named, KILLED_PER_S, 3)
    server.await_version(2)
    again = named.replace(b"kill-", b"live-")
    after = held(f"{server.url}/v2/models/clf/infer", again, KILLED_PER_S, 2)
    ids = {f"kill-{number:09}" for number in before.answered} | {f"live-{number:09}" for number in after.answered}
    return ids, {"answered_before": len(before.answered), "answered_after": len(after.answered)}


def batch(server: Ours) -> int:
    """Rows a second of `wellkept models score` on a Parquet file, from its start to its end."""
    rows = np.random.default_rng(3).normal(size=(BATCH_ROWS, 30))
    given, out = server.folder / "rows.parquet", server.folder / "scored.parquet"
    pq.write_table(pa.table({name: rows[:, index] for index, name in enumerate(INPUTS)}), given)
    began = time.monotonic()
    server.command("models", "score", "clf", str(given), str(out), "--json")
    taken_s = time.monotonic() - began
    if pq.ParquetFile(out).metadata.num_rows != BATCH_ROWS:
        raise SystemExit("batch scoring left rows out")
    return round(BATCH_ROWS / taken_s)


def peer(folder: Path, name: str, wrk: Wrk, seconds: float) -> dict[str, Any]:
    """The figures of a peer, by its own script."""
    say(f"peer {name}")
    command = [sys.executable, "serving/run.py", "--peer", name, "--connections", ",".join(map(str, CONNECTIONS))]
    answer = subprocess.run(
        [*command, "--duration", f"{seconds:g}", "--repeat", "1"],
        cwd=folder,
        env={**wrk.environment, "PEERS_QUIET_WAIT": os.environ.get("PEERS_QUIET_WAIT", "15")},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in answer.stdout.splitlines() if line.startswith("{")]
    if not lines:
        return {"error": answer.stderr.strip()[-300:]}
    said = json.loads(lines[-1])
    levels = said["metrics"]["by_connections"]
    figures = {
        "version": said["version"],
        "cpu_ms_a_request": {level: one["cpu_ms_per_request"]["median"] for level, one in levels.items()},
        "requests_per_s": {level: round(one["rps"]["median"]) for level, one in levels.items()},
        "p99_ms": {level: one["p99_ms"]["median"] for level, one in levels.items()},
        "rss_mb": said["peak_rss_mb"],
    }
    say(f"{name}: {figures['requests_per_s']}")
    return figures


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, help="a folder that holds serving/run.py and common.py")
    parser.add_argument("--peer", action="append", choices=PEERS, help="only this one (may be given several times)")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each measurement takes")
    parser.add_argument("--only", choices=("ours", "peers"))
    options = parser.parse_args()
    wrk, found = Wrk(options.peers), dict[str, Any]()
    peers: dict[str, Any] = {}
    if options.peers is not None and options.only != "ours":
        chosen = options.peer or PEERS
        peers = {name: peer(options.peers, name, wrk, options.seconds) for name in chosen}
    if options.only != "peers":
        row = _row(options.peers)
        with ours() as server:
            found = measured(server, wrk, options.seconds, row)
    rates = {name: figures.get("requests_per_s", {}).get("16") for name, figures in peers.items()}
    ours_16 = found.get("requests_per_s", {}).get("16", 0)
    ratios = {name: round(ours_16 / rate, 1) for name, rate in rates.items() if rate and ours_16}
    print(json.dumps({**found, "peers": peers, "times_the_peers_at_16": ratios, "times_wanted": WANTED}))


def _row(peers: Path | None) -> dict[str, Any] | None:
    """A row and its score, where the peers' model is there."""
    home = Path(os.environ.get("PEERS_HOME") or Path(tempfile.gettempdir()) / "wellkept-peers")
    path = home / "model" / "row.json"
    if peers is None or not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    main()
