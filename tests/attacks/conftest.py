"""The platform that is attacked: the whole application, opened once for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.attacks.victim import RECEIVE, SECRET, SEND, Victim, victim

__all__ = ["platform"]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """A process has one telemetry folder open at a time, so it is one platform a file, gone before the next."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OURS", SECRET)
        patch.setenv("OTHER", "a-shared-word")
        with victim(tmp_path_factory.mktemp("victim"), webhooks={"receive": RECEIVE, "send": SEND}) as made:
            yield made
