"""A model that is live, with everything around it, in an empty store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.ml.watch.elsewhere import Elsewhere
from tests.ml.watch.life import NOON, Life
from tests.store.fixtures import state_in, telemetry

from wellkept.kernel.finding import Finding
from wellkept.ml.releases import Releases
from wellkept.ml.watch.base import SkewSeen
from wellkept.ml.watch.stage import WatchRunner
from wellkept.spine.plugins import load
from wellkept.spine.registry import Registry
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.store.artifacts.artifacts import Artifacts
from wellkept.store.state.state import State
from wellkept.store.telemetry.telemetry import Telemetry

__all__ = ["Watched", "after", "elsewhere", "telemetry", "watched"]


@dataclass
class Watched:
    """A live model and the runner that watches it."""

    life: Life
    runner: WatchRunner
    stream: Stream
    topology: Topology
    registry: Registry
    releases: Releases
    telemetry: Telemetry
    state: State
    skews: dict[str, SkewSeen] = field(default_factory=dict)
    """What the newest skew check of a version found, by its digest."""

    def tick(self, at_s: float) -> list[Finding]:
        """Look once, some seconds after noon."""
        return self.runner.tick(after(at_s))

    def open(self) -> set[tuple[str, str]]:
        """Entity and kind of what is open."""
        return {(finding.entity, finding.kind.value) for finding in self.stream.open_findings()}


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.fixture
def elsewhere(telemetry: Telemetry, tmp_path: Path) -> Iterator[Elsewhere]:
    with closing(state_in(tmp_path / "state")) as state:
        yield Elsewhere(telemetry, state, tmp_path)


@pytest.fixture
def watched(telemetry: Telemetry, tmp_path: Path) -> Iterator[Watched]:
    state = state_in(tmp_path / "state")
    registry, topology, stream = Registry(state), Topology(state), Stream(state, telemetry.changes)
    life = Life(telemetry, registry)
    artifacts = Artifacts(str(tmp_path / "artifacts"))
    life.release(artifacts, tmp_path / "model")
    releases = Releases(registry, artifacts)
    monitors = [monitor() for monitor in load("monitor").values()]
    skews: dict[str, SkewSeen] = {}
    runner = WatchRunner(
        telemetry.serving, releases, stream, topology, monitors, lambda version: skews.get(version.digest)
    )
    with closing(state):
        yield Watched(life, runner, stream, topology, registry, releases, telemetry, state, skews)
