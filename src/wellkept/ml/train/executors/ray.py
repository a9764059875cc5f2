"""A Ray cluster: the same worker, as a process of a node with room for it."""

from __future__ import annotations

import contextlib
import io
import shutil
import tarfile
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from wellkept.kernel.errors import TrainingError
from wellkept.ml.oversight import LOG, Limits, Oversight, overseen, present
from wellkept.ml.process import run_worker
from wellkept.ml.progress import FILE as PROGRESS
from wellkept.ml.provenance import environment
from wellkept.ml.train.executors.base import ExecutorSettings, Work

LOOK_EVERY_S = 0.5
SPARE = 2
"""Calls that are answered while the work is done: for the log, and to call it off."""
LATE_S = 30.0
"""How much longer than its limit a node may take to say so."""


class Ray:
    """Sends what a worker reads to a node, has it run there, and brings back what it wrote.

    The nodes need the same Wellkept and the libraries of the project; a node that has others says so when it fails.
    """

    name = "ray"

    def __init__(self, settings: ExecutorSettings) -> None:
        self._settings = settings

    def run(self, work: Work) -> dict[str, Any]:
        try:
            import ray
        except ImportError as error:
            rule = "Ray is not installed; `pip install 'wellkept[ray]'` into the server's environment"
            raise TrainingError(f"ml.executor: {rule}") from error
        try:
            if not ray.is_initialized():
                address = self._settings.address or None
                ray.init(address=address, log_to_driver=False, include_dashboard=False, configure_logging=False)
            return self._run(ray, work)
        except ray.exceptions.RayError as error:
            raise TrainingError(f"Ray: {type(error).__name__}: {str(error)[:500]}") from error
        except ConnectionError as error:
            raise TrainingError(f"Ray: the cluster at {self._settings.address!r} cannot be reached: {error}") from error

    def _run(self, ray: Any, work: Work) -> dict[str, Any]:
        limits = work.limits if isinstance(work.limits, Limits) else Limits(work.limits)
        run = present()
        # Memory is watched on the node and not reserved: Ray would wait for ever for a node with as much as is allowed.
        most = max((one["Resources"].get("CPU", 1.0) for one in ray.nodes() if one["Alive"]), default=1.0)
        cores = min(float(limits.threads or 1), most)
        if run is not None:
            run.say(f"asked the Ray cluster for {cores:g} cores of a node")
        node = ray.remote(Node).options(num_cpus=cores, max_concurrency=1 + SPARE).remote()
        try:
            sent = {name: _packed(Path(path)) for name in work.reads if (path := work.request[name]) is not None}
            asked = {name: value for name, value in work.request.items() if name not in (*work.reads, *work.writes)}
            seed = run.seed if run else 0
            doing = node.run.remote(work.module, asked, sent, list(work.writes), limits, seed)
            found = self._awaited(ray, node, doing, work, limits)
        finally:
            ray.kill(node)
        if found["error"] is not None:
            message, output, cause = found["error"]
            raise TrainingError(message, output, cause=cause)
        for name, data in found["written"].items():
            _unpack(data, Path(work.request[name]))
        result: dict[str, Any] = found["result"]
        return {**result, "environment": found["environment"]}

    def _awaited(self, ray: Any, node: Any, doing: Any, work: Work, limits: Limits) -> dict[str, Any]:
        """Wait, and bring what is printed there into the log here meanwhile."""
        run, places = present(), [0, 0]
        log = run.log if run else work.folder / LOG
        files = (log, work.folder / PROGRESS)
        began: float | None = None
        while True:
            ready, _ = ray.wait([doing], timeout=LOOK_EVERY_S)
            if run is not None and run.cancelled_by is not None:
                raise TrainingError(f"was cancelled by {run.cancelled_by}", cause="cancelled")
            with contextlib.suppress(ray.exceptions.GetTimeoutError):
                texts, places = ray.get(node.said.remote(places), timeout=LATE_S if ready else LOOK_EVERY_S)
                began = began or time.monotonic()
                for file, text in zip(files, texts, strict=True):
                    with file.open("ab") as output:
                        output.write(text)
            if ready:
                found: dict[str, Any] = ray.get(doing)
                return found
            if began is not None and time.monotonic() - began > limits.time_s + LATE_S:
                raise TrainingError(f"Ray: the node did not say within {limits.time_s:g} s how it went", cause="time")


class Node:
    """The other side: an actor on a node. Nothing of it is kept there."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="wellkept-train-"))
        self._lock = threading.Lock()

    def run(
        self, module: str, request: dict[str, Any], sent: dict[str, bytes], writes: list[str], limits: Limits, seed: int
    ) -> dict[str, Any]:
        """Do a worker's work with what was sent; errors of ours go back as their parts."""
        asked = dict(request) | {"champion": None}
        for name, data in sent.items():
            asked[name] = str(_unpack(data, self._folder / name))
        asked |= {name: str(self._folder / f"{name}.out") for name in writes}
        try:
            with overseen(Oversight(self._folder, limits, seed)):
                result = run_worker(module, asked, self._folder, limits)
            written = {name: _packed(Path(asked[name])) for name in writes}
            return {"error": None, "result": result, "written": written, "environment": environment()}
        except TrainingError as error:
            message = str(error).removesuffix(error.output.rstrip()).rstrip()
            return {"error": (message, error.output, error.cause)}
        finally:
            with self._lock:
                self._last = [_from(self._folder / name, 0) for name in (LOG, PROGRESS)]
            shutil.rmtree(self._folder, ignore_errors=True)

    def said(self, places: list[int]) -> tuple[list[bytes], list[int]]:
        """What log and progress say from these bytes on, and the bytes behind it."""
        with self._lock:
            whole = getattr(self, "_last", None)
            texts = [
                whole[index][place:] if whole else _from(self._folder / name, place)
                for index, (name, place) in enumerate(zip((LOG, PROGRESS), places, strict=True))
            ]
        return texts, [place + len(text) for place, text in zip(places, texts, strict=True)]


def _from(file: Path, place: int) -> bytes:
    if not file.is_file():
        return b""
    with file.open("rb") as read:
        read.seek(place)
        return read.read()


def _packed(path: Path) -> bytes:
    """A file, or a folder without what is hidden, as a tar archive."""
    buffer = io.BytesIO()

    def shown(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        parts = Path(entry.name).parts
        return None if any(part.startswith(".") or part == "__pycache__" for part in parts[1:]) else entry

    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(path, arcname="it", filter=shown)
    return buffer.getvalue()


def _unpack(data: bytes, target: Path) -> Path:
    """Write what was packed as ``target``; nothing in it may lead out of it."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder, tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(folder, filter="data")
        (Path(folder) / "it").replace(target)
    return target
