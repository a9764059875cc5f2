"""Looking at an installation: what is well, what is not, and what to do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.app.running import Running
from tests.cli.conftest import Program, Said

from wellkept.cli import doctor


def states(said: Said) -> dict[str, str]:
    return {check["what"]: check["state"] for check in json.loads(said.out)}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No configuration is in this folder unless the test writes one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_server_that_works_is_well_and_what_is_missing_is_said(program: Program) -> None:
    said = program("doctor", "--json")
    assert said.code == 0
    found = states(said)
    assert {"server": "well", "version": "well", "work": "well", "configuration": "well"}.items() <= found.items()
    assert found["people"] == found["backup"] == "look"


def test_to_people_it_says_a_line_for_each_and_what_to_do(program: Program, server: Running) -> None:
    said = program("doctor", "--data", str(server.data))
    assert said.code == 0
    assert f"well  server: answers at {server.address}" in said.out
    assert "look  people: nobody is told of incidents\n      Name receivers under notify" in said.out
    assert f"well  data folder: {server.data}, " in said.out


def test_a_server_that_does_not_answer_is_ill(program: Program, tmp_path: Path) -> None:
    program.nowhere()
    said = program("doctor", "--json", "--data", str(tmp_path / "none"))
    assert said.code == 1
    assert states(said) == {"configuration": "well", "data folder": "look", "server": "ill"}
    assert "wellkept up" in json.loads(said.out)[-1]["advice"]


def test_a_configuration_with_a_mistake_is_ill_whatever_the_server_does(program: Program, elsewhere: Path) -> None:
    (elsewhere / "wellkept.yaml").write_text("ops: {enabled: perhaps}\n")
    said = program("doctor", "--json")
    assert said.code == 1
    assert states(said)["configuration"] == "ill"
    assert states(said)["server"] == "well"


def test_a_folder_that_others_can_read_is_to_be_looked_at(program: Program, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    program.nowhere()
    said = program("doctor", "--json", "--data", str(tmp_path / "open"))
    assert states(said)["data folder"] == "look"


STATUS: dict[str, Any] = {
    "version": "0.0.1",
    "now": "2026-11-24T12:00:00+00:00",
    "ops": True,
    "jobs": [{}],
    "pulse": {"standing": {"detect": "has come to no good end for 95 s"}, "heartbeat": "answered 404"},
    "doors": {
        "grpc": {"problem": "port 4317 is taken"},
        "metrics": {"refused": {"series_of_metric": 3}},
        "scrape": {"targets": [{"health": "down", "instance": "web:9100"}]},
        "notifications": {"receivers": {"oncall": {}}, "trouble": "oncall: answered 500"},
    },
    "detection": {"series": 5.0, "until": 1.0},
    "storage": {"bytes": 1, "free": 1 << 20, "full_at": "2026-11-25T12:00:00+00:00", "merges_stopped": True},
}


@pytest.mark.parametrize(
    ("look", "state", "said"),
    [
        ("_versions", "look", "the server is 0.0.1"),
        ("_clock", "look", "apart from this machine's"),
        ("_work", "ill", "detect has come to no good end for 95 s"),
        ("_doors", "look", "port 4317 is taken"),
        ("_detection", "look", "5 series"),
        ("_disk", "ill", "enough until 2026-11-25 12:00 UTC"),
        ("_people", "ill", "oncall: answered 500"),
    ],
)
def test_what_the_status_says_is_told(look: str, state: str, said: str) -> None:
    found = list(getattr(doctor, look)(STATUS))
    assert (found[0].state, said in found[0].said) == (state, True)
    assert all(check.what and check.said for check in found)


def test_agents_and_backups_are_told() -> None:
    noon = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    agents = [{"id": "h1", "last_seen": "2026-11-24T11:59:30+00:00"}, {"id": "h2", "last_seen": "2026-11-24T11:00:00Z"}]
    assert [check.said for check in doctor._agents(noon, agents)] == ["not heard of: h2"]
    assert [check.said for check in doctor._agents(noon, agents[:1])] == ["1 connected"]
    assert not list(doctor._agents(noon, []))
    assert [check.state for check in doctor._backups([{"made_at": "2026-11-24T11:00:00Z"}])] == ["well"]
