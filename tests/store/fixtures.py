"""Fixtures of the engines: a process has one telemetry folder open at a time, so each test opens and closes its own.

Opening costs less than a tenth of a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from wellkept.store.telemetry.engine import EmbeddedEngine
from wellkept.store.telemetry.telemetry import Telemetry


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EmbeddedEngine]:
    """An engine without any tables."""
    opened = EmbeddedEngine(tmp_path / "telemetry")
    yield opened
    opened.close()


@pytest.fixture
def telemetry(tmp_path: Path) -> Iterator[Telemetry]:
    """An empty telemetry store."""
    opened = Telemetry.open(tmp_path / "telemetry")
    yield opened
    opened.close()
