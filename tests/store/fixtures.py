"""Fixtures of the engines: a process has one telemetry folder open at a time, so each test opens and closes its own.

The migrations go over a store once in a process of pytest; the others are copies of it, which opens them in a quarter
of the time.
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


@functools.cache
def _migrated(kind: type[Telemetry | State]) -> Path:
    """An empty store of a kind, to be copied; it is removed when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="wellkept-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    kind.open(folder).close()
    return folder


def state_in(folder: Path) -> State:
    """The state store in a folder, which is a new one where there is none."""
    if not (folder / "state.sqlite").exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(_migrated(State) / "state.sqlite", folder)
    return State.open(folder)


def telemetry_in(folder: Path, **options: Any) -> Telemetry:
    """The telemetry store in a folder, a new one where there is none; no other may be open in this process."""
    if not folder.exists():
        shutil.copytree(_migrated(Telemetry), folder, symlinks=True)
    return Telemetry.open(folder, **options)


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
    opened = telemetry_in(tmp_path / "telemetry")
    yield opened
    opened.close()
