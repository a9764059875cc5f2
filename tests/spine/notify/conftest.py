"""A state store for each test; the migrations are gone over once, and the file copied."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wellkept.store.state.state import State


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an empty state store."""
    folder = tmp_path_factory.mktemp("migrated")
    State.open(folder).close()
    return folder / "state.sqlite"


@pytest.fixture(scope="session")
def fresh(migrated: Path) -> Callable[[Path], State]:
    """Opens an empty state store in a folder."""

    def opened(folder: Path) -> State:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(migrated, folder / "state.sqlite")
        return State.open(folder)

    return opened


@pytest.fixture
def state(tmp_path: Path, fresh: Callable[[Path], State]) -> Iterator[State]:
    """An empty state store."""
    made = fresh(tmp_path / "state")
    yield made
    made.close()
