"""What the tests of serving share."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.ml.serve.doors import Asked


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path)
