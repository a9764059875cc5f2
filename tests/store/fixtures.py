"""Fixtures of the engines: a process has one telemetry folder open at a time, so each test opens and closes its own.

Opening costs less than a tenth of a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wellkept.store.telemetry.engine import EmbeddedEngine
from wellkept.store.telemetry.telemetry import Telemetry

Opening = Callable[..., Any]


@pytest.fixture
def opening(tmp_path: Path) -> Iterator[Opening]:
    """Opens ``Telemetry`` or ``EmbeddedEngine`` in this test's folder; what the test leaves open is closed after it."""
    opened: list[Any] = []

    def open_(kind: type[Telemetry | EmbeddedEngine] = Telemetry, *arguments: Any, **options: Any) -> Any:
        make: Any = Telemetry.open if kind is Telemetry else EmbeddedEngine
        opened.append(make(tmp_path / "telemetry", *arguments, **options))
        return opened[-1]

    yield open_
    for one in opened:
        one.close()


@pytest.fixture
def engine(opening: Opening) -> EmbeddedEngine:
    """An engine without any tables."""
    made: EmbeddedEngine = opening(EmbeddedEngine)
    return made


@pytest.fixture
def telemetry(tmp_path: Path) -> Iterator[Telemetry]:
    """An empty telemetry store."""
    opened = Telemetry.open(tmp_path / "telemetry")
    yield opened
    opened.close()
