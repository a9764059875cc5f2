"""The worker that starts the model server on one artifact, compares its answers, and puts it under a declared load."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import psutil

from wellkept.ml.evaluate.served.bodies import Row, infer_body, scores_of
from wellkept.ml.evaluate.served.load import Driven, Driver
from wellkept.ml.evaluate.served.standin import standin
from wellkept.ml.evidence import Load, Parity
from wellkept.ml.process import resident_mb, serve_request

START_S, TIMEOUT_S = 60.0, 30.0
TRIES, WARM_S = 3, 0.5
"""The load is tried again when it was not kept, at most so often; the best try counts."""
BODIES, BINS = 50, 24
ALONE = 20
"""So many rows are asked again one by one: a row must score the same alone as among others."""
SHOWN = 1000
KEPT = 0.95


def work(request: dict[str, Any]) -> dict[str, Any]:
    """``parity`` and ``loads`` as :class:`wellkept.ml.evidence.Served` has them."""
    folder, gates = Path(request["folder"]), request["budgets"]
    rows, expected = request["rows"], request["expected"]
    with (
        tempfile.TemporaryDirectory(prefix="wellkept-served-") as scratch,
        standin(folder, request["model"], request["contract"]) as platform,
    ):
        try:
            with _server(platform, Path(scratch), request["model"]) as (process, address):
                parity = _compared(address, request, rows, expected) if request["parity"] else None
                loads = [_loaded(process, address, gate, request, rows) for gate in gates]
        except (_DownError, httpx.HTTPError) as error:
            why = str(error) if isinstance(error, _DownError) else f"{type(error).__name__}: {error}"
            parity = Parity(0, 0.0, refused=why) if request["parity"] else None
            loads = [_in_vain(gate, why) for gate in gates]
    return {"parity": parity.values() if parity else None, "loads": [load.values() for load in loads]}


class _DownError(Exception):
    """The model server did not serve the version."""


@contextmanager
def _server(platform: str, scratch: Path, model: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The model server, live with the version, and its address."""
    token, cache, output = scratch / "token", scratch / "cache", scratch / "log"
    token.write_text("of-nobody", encoding="ascii")
    command = [sys.executable, "-m", "wellkept.ml.serve", "--port", "0", "--url", platform]
    command += ["--token-file", str(token), "--cache", str(cache)]
    own = {name: value for name, value in os.environ.items() if not name.startswith("WELLKEPT_")}
    with output.open("wb") as log:
        process = subprocess.Popen(command, env=own, cwd=scratch, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield process, _live(process, cache / "address", model, output)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _live(process: subprocess.Popen[bytes], address: Path, model: str, output: Path) -> str:
    """The server's address, once it serves the version.

    Raises:
        _DownError: it cannot serve it; says what the server said.
    """
    deadline, said = time.monotonic() + START_S, ""
    with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as http:
        while not said and time.monotonic() < deadline and process.poll() is None:
            url = address.read_text("ascii") if address.exists() else ""
            try:
                if url and http.get(f"{url}/v2/models/{model}").status_code == httpx.codes.OK:
                    return url
                told = http.get(f"{url}/v2/health/ready").json().get("troubles", {}) if url else {}
                said = "; ".join(str(one) for one in told.get(model, {}).values())
            except httpx.TransportError:
                pass
            time.sleep(0.05)
    lines = output.read_text("utf-8", errors="replace").strip().splitlines()
    said = said or (lines[-1][:SHOWN] if lines else "it said nothing")
    raise _DownError(f"the model server did not serve the version: {said}")


def _compared(address: str, request: Mapping[str, Any], rows: Sequence[Row], expected: Sequence[float]) -> Parity:
    """All rows in one request, and some of them again one by one."""
    if not rows:
        return Parity(0, 0.0)
    names, kinds, url = request["names"], request["kinds"], f"{address}/v2/models/{request['model']}/infer"
    few = np.unique(np.linspace(0, len(rows) - 1, min(ALONE, len(rows))).astype(int)).tolist()
    found: list[tuple[int, float]] = []
    with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as http:
        for places in [list(range(len(rows))), *([place] for place in few)]:
            answer = http.post(url, content=infer_body(names, kinds, [rows[place] for place in places]))
            if answer.status_code != httpx.codes.OK:
                return Parity(len(rows), 0.0, refused=answer.text[:SHOWN])
            found += zip(places, scores_of(answer.content), strict=True)
    apart = [abs(score - expected[place]) / max(1.0, abs(expected[place])) for place, score in found]
    apart = [gap if np.isfinite(gap) else 1e308 for gap in apart]
    worst = int(np.argmax(apart))
    place, score = found[worst]
    told = {**dict(zip(names, rows[place], strict=True)), "trained": expected[place], "served": score}
    return Parity(len(rows), apart[worst], told if apart[worst] > 0 else None)


def _loaded(
    process: subprocess.Popen[bytes], address: str, gate: Mapping[str, Any], request: Mapping[str, Any],
    rows: Sequence[Row],
) -> Load:  # fmt: skip
    """The best of several tries; the first that keeps the budget is the last."""
    terms, real = gate["budget"], rows[: request["real"]]
    if not real:
        return _in_vain(gate, "there were no rows to send")
    bodies = []
    for index in range(BODIES):
        some = [real[(index * terms["batch_rows"] + place) % len(real)] for place in range(terms["batch_rows"])]
        bodies.append(infer_body(request["names"], request["kinds"], some))
    memory, tries, best = resident_mb(process.pid), [], None
    for _ in range(TRIES):
        driven, busy, most = _try(process, address, request["model"], bodies, terms)
        memory, p99 = max(memory, most), _milliseconds(driven, 99)
        tries.append(p99)
        if best is None or (driven.failed, p99) < (best[0].failed, _milliseconds(best[0], 99)):
            best = (driven, busy)
        rate = len(driven.latencies) / driven.took_s
        if driven.failed == 0 and rate >= KEPT * terms["requests_per_s"] and p99 <= (terms.get("p99_ms") or np.inf):
            break
    assert best is not None
    return _told(gate, best[0], best[1], tries, memory)


def _try(
    process: subprocess.Popen[bytes], address: str, model: str, bodies: list[bytes], terms: Mapping[str, Any]
) -> tuple[Driven, float, float]:
    """One try after a warm-up: what was driven, how busy others were, and the server's memory in MB."""
    split = urlsplit(address)
    assert split.hostname is not None
    assert split.port is not None
    host, port, path = split.hostname, split.port, f"/v2/models/{model}/infer"

    async def drive() -> tuple[Driven, float, float]:
        await Driver(host, port, path, bodies).drive(terms["requests_per_s"], WARM_S)
        before, of_ours, began = psutil.cpu_times(), _processor_s(process.pid), time.perf_counter()
        driven = await Driver(host, port, path, bodies).drive(terms["requests_per_s"], terms["seconds"])
        after, took = psutil.cpu_times(), time.perf_counter() - began
        used = sum(after) - sum(before) - (after.idle - before.idle) - (_waits(after) - _waits(before))
        others = used - (_processor_s(process.pid) - of_ours)
        return driven, float(np.clip(others / (took * (psutil.cpu_count() or 1)), 0.0, 1.0)), resident_mb(process.pid)

    return asyncio.run(drive())


def _waits(times: Any) -> float:
    """Time in which a processor was idle or not ours; guests are counted in the time of the user already."""
    return sum(float(getattr(times, name, 0.0)) for name in ("iowait", "guest", "guest_nice"))


def _processor_s(server: int) -> float:
    """The processor time of this process and of the server's."""
    total = 0.0
    for leader in (psutil.Process(), psutil.Process(server)):
        for one in (leader, *(leader.children(recursive=True) if leader.pid == server else ())):
            try:
                spent = one.cpu_times()
            except psutil.Error:
                continue
            total += spent.user + spent.system
    return total


def _milliseconds(driven: Driven, percentile: float) -> float:
    """A percentile of the latencies; one that failed waited for ever."""
    if not driven.latencies:
        return 1e308
    return float(np.percentile(driven.latencies, percentile) * 1000)


def _told(gate: Mapping[str, Any], driven: Driven, busy: float, tries: list[float], memory: float) -> Load:
    milliseconds = np.asarray(driven.latencies) * 1000
    edges, counts = np.empty(0), np.empty(0, dtype=np.int64)
    if len(milliseconds):
        low, high = float(milliseconds.min()), float(milliseconds.max())
        edges = np.geomspace(max(low, 1e-3), max(high, low * 1.01, 2e-3), BINS + 1)
        counts = np.histogram(np.clip(milliseconds, edges[0], edges[-1]), edges)[0]
    return Load(
        gate=gate["place"],
        wanted_per_s=gate["budget"]["requests_per_s"],
        answered_per_s=len(driven.latencies) / driven.took_s,
        sent=driven.sent,
        failed=driven.failed,
        p50_ms=_milliseconds(driven, 50),
        p99_ms=_milliseconds(driven, 99),
        tries=tries,
        memory_mb=memory,
        busy=busy,
        edges_ms=edges.tolist(),
        counts=counts.tolist(),
        trouble="" if driven.latencies else f"no request was answered: {driven.why}",
    )


def _in_vain(gate: Mapping[str, Any], why: str) -> Load:
    return Load(gate["place"], gate["budget"]["requests_per_s"], 0.0, 0, 0, 0.0, 0.0, [], 0.0, 0.0, trouble=why)


if __name__ == "__main__":
    serve_request(work)
