"""What the tests of the ml loop share."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture
def workers_world() -> Iterator[None]:
    """Runs a worker's function in this process; what it changes of the interpreter is put back."""
    path, model = list(sys.path), sys.modules.get("model")
    yield
    sys.path[:] = path
    sys.modules.pop("model", None)
    if model is not None:
        sys.modules["model"] = model
