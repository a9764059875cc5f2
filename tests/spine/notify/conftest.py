"""A state store for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.store.fixtures import state_in

from wellkept.store.state.state import State


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """An empty state store."""
    made = state_in(tmp_path / "state")
    yield made
    made.close()
