from collections.abc import Iterator
from pathlib import Path

import pytest

from wellkept.store.state.state import State


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """An empty state store."""
    opened = State.open(tmp_path / "state")
    yield opened
    opened.close()
