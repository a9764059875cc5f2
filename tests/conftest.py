"""For all tests: what is theirs together, and a property is never judged by how long one example took."""

from __future__ import annotations

import gc
from collections.abc import Generator

import pytest
from hypothesis import settings
from tests.store.fixtures import KEPT

settings.register_profile("unhurried", deadline=None, max_examples=50)
settings.load_profile("unhurried")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is loaded stays: it is looked through for rubbish neither now nor in all the tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test that has no use for the store that is kept may want to open its own."""
    if "telemetry" not in getattr(item, "fixturenames", ()):
        KEPT.let_go()


def pytest_unconfigure() -> None:
    """An engine that is still open when the interpreter ends takes the process down with a signal."""
    KEPT.let_go()
