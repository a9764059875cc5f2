"""What became of a request that was taken."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Receipt:
    """``items`` of a request are stored, and ``rejected`` are not, for ``reason``. Who does not count says 0."""

    items: int = 0
    rejected: int = 0
    reason: str = ""


ALL = Receipt()
"""Everything is stored, and nobody counted."""
