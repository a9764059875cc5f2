from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.store.fixtures import state_in
from tests.store.postgres import database

from wellkept.store.state.state import State


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str | Path]:
    """Where an empty state store is: both engines have to keep the same promises."""
    if request.param == "sqlite":
        yield tmp_path / "state"
        return
    with database() as url:
        yield url


@pytest.fixture
def state(store: str | Path) -> Iterator[State]:
    """An empty state store."""
    opened = state_in(store) if isinstance(store, Path) else State.open(store)
    yield opened
    opened.close()
