"""Two servers, installed by pip, on one PostgreSQL: whatever happens to the leader, each change is told once."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.two_servers import Scene, installed, outcome, play, two_servers


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("installed"))


def test_each_change_is_told_once_though_the_leader_is_killed_and_stopped(python: Path, tmp_path: Path) -> None:
    with two_servers(tmp_path, python, lease_s=3) as scene:
        play(scene, rounds=1, alerts=4)
        found = outcome(scene)
        assert_one_chain(scene)

    assert found.is_right, found
    assert len(found.took_over_s) == 2


def assert_one_chain(scene: Scene) -> None:
    """Both servers have written the one audit log."""
    lengths = {server.ask("/api/v1/audit/verify")["entries"] for server in scene.servers}
    assert len(lengths) == 1
