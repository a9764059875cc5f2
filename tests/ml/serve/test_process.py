"""The model server as a process of its own: started, asked, killed, started again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from tests.app.running import until
from tests.ml.serve.doors import tensor
from tests.ml.serve.platform import FakePlatform

from wellkept.ml.export import export

CONTRACT = """
name: fraud
task: binary_classification
owner: risk
inputs: [{name: amount}, {name: risk}]
metrics: {primary: roc_auc}
"""
INFER = "/v2/models/fraud/infer"


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[FakePlatform]:
    """A platform that wants one model to be served."""
    rows = np.random.default_rng(1).random((200, 2))
    export(LogisticRegression().fit(rows, rows[:, 1] > 0.5), rows, ["amount", "risk"], tmp_path / "model")
    files = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    found = FakePlatform()
    found.blobs = {digest_of(data): data for data in files.values()}
    listing = json.dumps({name: digest_of(data) for name, data in files.items()}).encode()
    found.blobs[digest_of(listing)] = listing
    found.deployments = [
        {"model": "fraud", "digest": "sha256:1", "version": 1, "artifact": digest_of(listing), "contract": CONTRACT}
    ]
    yield found
    found.go()


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@contextlib.contextmanager
def started(platform: FakePlatform, folder: Path, *more: str) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """A model server whose model is live."""
    folder.mkdir(exist_ok=True)
    (folder / "token").write_text("secret", encoding="ascii")
    (folder / "cache" / "address").unlink(missing_ok=True)
    command = [sys.executable, "-m", "wellkept.ml.serve", "--port", "0", "--url", platform.url]
    command += ["--token-file", str(folder / "token"), "--cache", str(folder / "cache"), *more]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        address = until(lambda: _text(folder / "cache" / "address"), "it listens")
        with httpx.Client(base_url=address, trust_env=False) as http:
            until(lambda: http.get("/v2/health/ready").json()["models"], "the model is live")
            yield process, http
    finally:
        process.terminate()
        process.wait(30)


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii") if path.is_file() else ""


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret", encoding="ascii")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        command = [sys.executable, "-m", "wellkept.ml.serve", "--port", port, "--url", "http://127.0.0.1:9"]
        done = subprocess.run([*command, "--token-file", str(tmp_path / "token")], capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1].endswith("Address already in use; set ml.serve_port")
    assert b"Traceback" not in done.stderr


def ask(http: httpx.Client, name: str) -> dict[str, Any]:
    body = {"inputs": [tensor("amount", 1), tensor("risk", 0.9)], "parameters": {"prediction_id": name}}
    answer = http.post(INFER, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_server_that_is_killed_has_lost_no_answer_that_it_gave(platform: FakePlatform, tmp_path: Path) -> None:
    platform.judge = lambda _: (503, {"error": {"message": "not now"}})
    names = [f"order-{number}" for number in range(60)]
    with started(platform, tmp_path / "server") as (process, http):
        for name in names:
            ask(http, name)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
    assert platform.predictions == []
    platform.judge = lambda _: (200, {})

    with started(platform, tmp_path / "server") as (_, http):
        ask(http, "after")
        until(lambda: http.get("/v2/health/ready").json()["backlog"] == 0, "everything is sent")
        assert http.get("/v2/health/ready").json()["dropped"] == 0

    assert [record["id"] for record in platform.predictions] == [*names, "after"]
    assert list((tmp_path / "server" / "cache" / "predictions").glob("*.seg")) == []


def test_a_server_that_is_told_to_end_says_its_last_word(platform: FakePlatform, tmp_path: Path) -> None:
    folder = tmp_path / "server"
    with started(platform, folder) as (process, http):
        ask(http, "last")
        process.terminate()
        process.wait(30)

    assert [record["id"] for record in platform.predictions] == ["last"]
    assert (folder / "cache").stat().st_mode & 0o077 == 0, "models are nobody else's to change"
