"""The platform that is attacked: the whole application, opened once for all of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.attacks.victim import Victim, victim

__all__ = ["platform"]


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with victim(tmp_path_factory.mktemp("victim")) as made:
        yield made
