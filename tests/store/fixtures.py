"""Fixtures of the engines. A process has one telemetry folder open at a time.

The migrations go over a store once in a process of pytest; the others are copies of it, which opens them in a quarter
of the time. The fixture ``telemetry`` is one store for test after test, emptied before each, which takes a seventieth
of the time; it is let go of before a test that has no use for it, and may want to open its own.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wellkept.store.state.state import State
from wellkept.store.telemetry.engine import EmbeddedEngine
from wellkept.store.telemetry.telemetry import Telemetry

Opening = Callable[..., Any]
_STATE = "state.sqlite"


@functools.cache
def _migrated(kind: type[Telemetry | State]) -> Path:
    """An empty store of a kind, to be copied; it is removed when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="wellkept-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    kind.open(folder).close()
    return folder


@functools.cache
def _of_a_server() -> Path:
    """An empty telemetry store as a server leaves it that keeps each signal for the usual time, to be copied."""
    from wellkept.app.settings import Retention

    folder = Path(tempfile.mkdtemp(prefix="wellkept-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(_migrated(Telemetry), folder, symlinks=True, dirs_exist_ok=True)
    days = {name.removesuffix("_days"): days for name, days in Retention() if name.endswith("_days")}
    Telemetry.open(folder, days).close()
    return folder


def state_in(folder: Path) -> State:
    """The state store in a folder, which is a new one where there is none."""
    if not (folder / _STATE).exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(_migrated(State) / _STATE, folder)
    return State.open(folder)


def stores_in(data: Path) -> None:
    """Both stores, empty, in the data folder of a server that has none yet: it starts with a second's less work."""
    if not (data / "telemetry").exists() and not (data / "state").exists():
        KEPT.let_go()
        shutil.copytree(_of_a_server(), data / "telemetry", symlinks=True)
        (data / "state").mkdir()
        shutil.copy(_migrated(State) / _STATE, data / "state")


def telemetry_in(folder: Path, *arguments: Any, **options: Any) -> Telemetry:
    """The telemetry store in a folder, a new one where there is none; the one that is kept is let go of."""
    KEPT.let_go()
    if not folder.exists():
        shutil.copytree(_migrated(Telemetry), folder, symlinks=True)
    return Telemetry.open(folder, *arguments, **options)


@pytest.fixture
def opening(tmp_path: Path) -> Iterator[Opening]:
    """Opens ``Telemetry`` or ``EmbeddedEngine`` in this test's folder; what the test leaves open is closed after it."""
    opened: list[Any] = []

    def open_(kind: type[Telemetry | EmbeddedEngine] = Telemetry, *arguments: Any, **options: Any) -> Any:
        folder = tmp_path / "telemetry"
        make: Any = telemetry_in if kind is Telemetry else EmbeddedEngine
        KEPT.let_go()
        opened.append(make(folder, *arguments, **options))
        return opened[-1]

    yield open_
    for one in opened:
        one.close()


@pytest.fixture
def engine(opening: Opening) -> EmbeddedEngine:
    """An engine without any tables."""
    made: EmbeddedEngine = opening(EmbeddedEngine)
    return made


class _Kept:
    """The store that is lent to test after test."""

    def __init__(self) -> None:
        self._store: Telemetry | None = None
        self._folder: Path | None = None
        self._is_spoiled = False

    def lend(self) -> Telemetry:
        if self._is_spoiled:
            self.let_go()
        if self._store is None:
            self._folder = Path(tempfile.mkdtemp(prefix="wellkept-kept-"))
            self._store = telemetry_in(self._folder / "telemetry")
        self._store = self._store.emptied()
        return self._store

    def let_go(self) -> None:
        if self._store is not None and self._folder is not None:
            self._store.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            self._store = self._folder = None
        self._is_spoiled = False

    def let_go_after(self) -> None:
        """This test changes more than rows: the next one gets another store."""
        self._is_spoiled = True


KEPT = _Kept()


@pytest.fixture
def telemetry() -> Telemetry:
    """An empty telemetry store."""
    return KEPT.lend()
