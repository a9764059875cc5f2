"""A server to talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.sdk.servers import Server, serving


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made
