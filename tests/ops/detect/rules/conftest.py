from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.ops.detect.rules.worlds import World
from tests.store.fixtures import telemetry

from wellkept.store.telemetry.telemetry import Telemetry

__all__ = ["telemetry", "world"]


@pytest.fixture
def world(telemetry: Telemetry, tmp_path: Path) -> Iterator[World]:
    made = World(telemetry, tmp_path)
    yield made
    made.close()
