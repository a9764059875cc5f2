from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.ops.ingest.outside import Outside, outside
from tests.store.fixtures import telemetry

__all__ = ["telemetry", "world"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Outside]:
    made = outside(tmp_path)
    yield made
    made.close()
