"""A server to send to."""

from __future__ import annotations

from tests.sdk.conftest import server

__all__ = ["server"]
