"""A demo's folder, laid out once for the tests that start processes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from wellkept.demo.layout import Layout, claim, lay_out


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    folder = tmp_path / "demo"
    claim(folder)
    return lay_out(folder, None)
