"""From data to a served champion: ``python examples/run.py churn`` (or demand, fraud, recommendations).

Starts a platform of its own in a folder of its own, trains the example, has its gates judge it, promotes it as a person
would, and asks what is then served. ``--data FOLDER`` takes your rows in place of made-up ones; each example's README
says in which form.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import httpx

from wellkept import Model
from wellkept.sdk.client import Client

HERE = Path(__file__).parent
NAMES = ("churn", "demand", "fraud", "recommendations")
PATIENCE_S = 600.0
ASKED = 3


@click.command()
@click.argument("name", type=click.Choice(NAMES))
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Your rows (see README).")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Work here, and leave all in place.")
@click.option("--stay", is_flag=True, help="Leave the platform running until Ctrl+C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(name: str, data: Path | None, folder: Path | None, stay: bool, as_json: bool) -> None:
    """Run the example NAME."""
    with contextlib.ExitStack() as stack:
        if folder is None:
            own = tempfile.TemporaryDirectory(prefix=f"wellkept-{name}-", ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(own))
        _run(folder, name, data, stay=stay, as_json=as_json)


def _run(where: Path, name: str, data: Path | None, *, stay: bool, as_json: bool) -> None:
    project, server = where / name, where / "data"
    shutil.copytree(HERE / name, project, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    say = _quiet if as_json else click.echo
    say(f"1. data: {data or 'made up'}")
    _prepared(project, data)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the platform is ended, too
    process = _started(server)
    try:
        client = Client.from_environment(server)
        client.wait_ready(PATIENCE_S)
        found = _road(client, project, server, say)
        if as_json:
            click.echo(json.dumps(found, indent=2))
        elif stay:
            click.echo("the platform runs until Ctrl+C; its pages:")
            subprocess.run([sys.executable, "-m", "wellkept", "token", "--data", str(server)], check=False)
            process.wait()
    except KeyboardInterrupt:
        pass
    finally:
        process.terminate()
        process.wait()


def _road(client: Client, project: Path, server: Path, say: Callable[[str], object]) -> dict[str, Any]:
    say("2. train and judge (in processes of their own)")
    job = client.post("/api/v1/models/train", {"project": str(project), "by": "example"})["job"]
    job = _until(lambda: _ended(client, job["id"]), "the training ends")
    details = job["details"]
    if job["state"] != "done":
        raise click.ClickException(f"training {job['state']}: {details.get('error')}")
    for check in details["checks"]:
        say(f"   {'ok    ' if check['passed'] else 'FAILED'} {check['name']}: {check['sentence']}")
    if details["judgement"] != "pass":
        raise click.ClickException(f"version {details['version']} did not pass its gates")
    say("3. promote, as a person who has read the plan")
    model = details["model"]
    plan = client.post(f"/api/v1/models/{model}/promote", {"by": "example"})
    client.post(f"/api/v1/plans/{plan['id']}/approve", {"hash": plan["hash"], "by": "example", "why": "an example"})
    say("4. ask the model server")
    served, answers = _asked(project, server, model)
    for answer in answers:
        say(f"   {answer['asked']} -> {answer['answer']:.4g}")
    say(f"version {served} of {model} is live")
    return {"model": model, "version": served, "metrics": details["metrics"], "answers": answers}


def _prepared(project: Path, data: Path | None) -> None:
    """Have the example write its rows."""
    specification = importlib.util.spec_from_file_location("prepare", project / "prepare.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    try:
        module.prepare(project, data)
    except FileNotFoundError as error:
        told = f"{error}: no such file; examples/{project.name}/README.md says which rows the example takes"
        raise click.ClickException(told) from error


def _started(server: Path) -> subprocess.Popen[bytes]:
    """A platform on free ports that watches nothing but its models."""
    server.mkdir(parents=True, exist_ok=True)
    own = {
        "WELLKEPT_AGENT__ENABLED": "false",
        "WELLKEPT_INGEST__GRPC__ENABLED": "false",
        "WELLKEPT_ML__SERVE": "true",
        "WELLKEPT_ML__SERVE_PORT": "0",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WELLKEPT_")}
    command = [sys.executable, "-m", "wellkept", "up", "--data", str(server), "--port", "0", "--no-agent", "--json"]
    (server / "address").unlink(missing_ok=True)
    with (server / "server.log").open("wb") as log:
        process = subprocess.Popen(command, env={**inherited, **own}, cwd=server, stdout=log, stderr=log)

    def ready() -> bool:
        if process.poll() is not None:
            raise click.ClickException((server / "server.log").read_text("utf-8"))
        return (server / "address").exists() and (server / "token").exists()

    _until(ready, "the platform starts")
    return process


def _asked(project: Path, server: Path, model: str) -> tuple[str, list[dict[str, Any]]]:
    """What the model server answers for the newest rows, once it serves the model."""
    with httpx.Client(timeout=30, trust_env=False) as http:
        url, inputs = _until(lambda: _served(http, server, model), "the version is served")
        rows = Model(project).load()
        newest = rows.slice(max(0, rows.num_rows - ASKED))
        tensors = [
            {**entry, "shape": [newest.num_rows], "data": _plain(newest[entry["name"]].to_pylist(), entry["datatype"])}
            for entry in inputs
        ]
        answer = http.post(f"{url}/infer", json={"inputs": tensors})
    if answer.status_code != 200:
        raise click.ClickException(answer.text)
    body = answer.json()
    columns = [
        {name: value for name, value in row.items() if name in {t["name"] for t in tensors}}
        for row in newest.to_pylist()
    ]
    pairs = zip(columns, body["outputs"][0]["data"], strict=True)
    return body["model_version"], [{"asked": _short(row), "answer": value} for row, value in pairs]


def _served(http: httpx.Client, server: Path, model: str) -> tuple[str, list[dict[str, Any]]] | None:
    """Where a model is served and which inputs it takes; None as long as it is not."""
    try:
        url = f"{(server / 'served' / 'address').read_text('ascii')}/v2/models/{model}"
        answer = http.get(url)
    except (FileNotFoundError, httpx.TransportError):  # the model server is not up, or is being started again
        return None
    return (url, answer.json()["inputs"]) if answer.status_code == 200 else None


def _plain(values: list[Any], datatype: str) -> list[Any]:
    """Values as the protocol wants them: NaN is null."""
    known = [None if value is None or (isinstance(value, float) and math.isnan(value)) else value for value in values]
    return [bool(value) if datatype == "BOOL" and value is not None else value for value in known]


def _short(row: dict[str, Any]) -> str:
    parts = [f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()]
    return ", ".join(parts[:6]) + (" ..." if len(parts) > 6 else "")


def _ended(client: Client, job: str) -> dict[str, Any] | None:
    found: dict[str, Any] = client.get(f"/api/v1/jobs/{job}")["job"]
    return found if found["state"] != "running" else None


def _until(look: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()):
        if time.monotonic() > deadline:
            raise click.ClickException(f"not within {PATIENCE_S:g} s: {what}")
        time.sleep(0.1)
    return found


def _quiet(_: str) -> None:
    """Nothing is said beside the document."""


if __name__ == "__main__":
    main()
