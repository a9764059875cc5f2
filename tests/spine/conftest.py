"""A gate and all around it, on a store of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.spine.scene import Scene, open_scene
from tests.store.fixtures import state_in

from wellkept.store.state.state import State


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = open_scene(tmp_path)
    yield made
    made.state.close()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = state_in(tmp_path / "state")
    yield opened
    opened.close()
