"""How commands fail: a code that a script can act on, and a word on what to do next; never a trace."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.app.running import Running
from tests.cli.conftest import Program
from tests.cli.furnished import PLANS
from tests.ml.workshop import CONTRACT, project

BAD, FORBIDDEN, MISSING, CONFLICT, FAILED = 2, 3, 4, 5, 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["models", "show", "nothing"], "model nothing: is not known; `wellkept models train FOLDER` makes one"),
        (["models", "promote", "churn"], "model churn: has no version; `wellkept models train FOLDER` makes one"),
        (["models", "promote", "fraud", "--version", "9"], "has no such version, number or alias, got '9'"),
        (["models", "rollback", "fraud"], "model fraud: has no previous champion to go back to"),
        (["incidents", "nothing"], "incident nothing: is not known"),
        (["approve", "nothing"], "plan nothing: is not known"),
        (["token", "--data", "/nowhere"], "server on /nowhere: has not been started; run `wellkept up`"),
        (["models", "list", "--data", "/nowhere"], "server on /nowhere: has never been started; run `wellkept up`"),
        (["up", "--config", "/nowhere.yaml"], "configuration /nowhere.yaml: is not a file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_not_there(arguments: Sequence[str], message: str, program: Program) -> None:
    said = program(*arguments)

    assert said.code == MISSING
    assert message in said.err
    assert said.err.startswith("error: ")
    assert said.out == ""


@pytest.mark.parametrize(
    "arguments",
    [["models", "train", "/nowhere"], ["models", "train"], ["config", "check"], ["config", "check", "/nowhere"],
     ["nothing"], ["up", "--port", "70000"], ["audit", "show", "--limit", "many"], ["models", "show", "--nothing"]],
    ids=" ".join,
)  # fmt: skip
def test_what_is_misspelt(arguments: Sequence[str], program: Program) -> None:
    said = program(*arguments)

    assert said.code == BAD
    assert "Error: " in said.err
    assert "Usage: " in said.err


def test_a_contract_with_mistakes_names_them_all(program: Program, tmp_path: Path) -> None:
    text = CONTRACT.replace("binary_classification", "clustering").replace("owner: risk team", "colour: red")
    said = program("models", "train", str(project(tmp_path, contract=text)))

    assert said.code == BAD
    for mistake in (
        "3 mistakes",
        "line 3: task: input should be",
        "owner: is required",
        "colour: is not a known field",
    ):
        assert mistake in said.err


def test_a_folder_that_is_no_project(program: Program, tmp_path: Path) -> None:
    said = program("models", "train", str(tmp_path))

    assert said.code == MISSING
    assert f"model project {tmp_path}: has no model.yaml" in said.err


def test_a_training_that_fails_says_why_and_shows_the_end_of_what_it_printed(program: Program, tmp_path: Path) -> None:
    source = project(tmp_path, "def load(window):\n    raise ValueError('no such table')\n")

    said = program("models", "train", str(source))

    assert said.code == FAILED
    assert "data: ended with code 1" in said.err
    assert "ValueError: no such table" in said.err


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_training_whose_version_does_not_pass_stops_a_pipeline(
    program: Program, tmp_path: Path, more: list[str]
) -> None:
    strict = CONTRACT.replace("at_least: 0.7", "at_least: 1.0").replace("name: fraud", "name: strict", 1)

    said = program("models", "train", str(project(tmp_path, contract=strict)), *more)

    assert said.code == FAILED
    assert "roc_auc" in said.out
    assert ("follows, too" in said.err) is (not more)


def test_a_refused_version_cannot_be_promoted(program: Program) -> None:
    said = program("models", "promote", "fraud", "--version", "3")

    assert said.code == BAD
    assert "version 3 of fraud: did not pass its gates" in said.err


def test_what_the_world_does_not_allow(program: Program) -> None:
    said = program("models", "promote", "fraud", "--version", "1")
    assert (said.code, said.err) == (CONFLICT, "error: version 1 of fraud: is live already\n")

    assert program("approve", PLANS[0], "--reject", "--yes", "--json").code == 0
    said = program("approve", PLANS[0], "--yes")
    assert said.code == CONFLICT
    assert f"plan {PLANS[0]}: does not wait for a decision, got 'rejected'" in said.err


def test_a_wrong_token(program: Program, server: Running) -> None:
    program.address(server.address, "wrong")

    for arguments in (["models", "list"], ["approve"], ["incidents"], ["audit", "verify"]):
        said = program(*arguments)
        assert said.code == FORBIDDEN
        assert "`wellkept up` printed" in said.err


def test_a_server_that_is_away(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    program.address(f"http://127.0.0.1:{port}", "token")

    said = program("models", "list")

    assert said.code == FAILED
    assert (
        f"the server at http://127.0.0.1:{port} does not answer (ConnectError); start it with `wellkept up`" in said.err
    )


def test_no_server_at_all(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program.nowhere()
    monkeypatch.chdir(tmp_path)

    said = program("incidents")

    assert said.code == MISSING
    assert "has never been started; run `wellkept up`" in said.err


@pytest.mark.parametrize("kind", ["config", "runbooks"])
def test_a_check_names_every_mistake_for_people_and_machines(kind: str, program: Program, tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"
    file.write_text("colour: red\nshape: round\n", encoding="utf-8")
    program.nowhere()

    people, machines = program(kind, "check", str(file)), program(kind, "check", str(file), "--json")

    assert (people.code, machines.code) == (BAD, BAD)
    assert "line 1: colour: is not a known field, got 'red'" in people.err
    document = json.loads(machines.out)
    assert document["ok"] is False
    assert {"line": 2, "field": "shape", "rule": "is not a known field", "value": "round"} in document["problems"]
    assert machines.err == ""
