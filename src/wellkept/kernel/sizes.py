"""Sizes for people."""

from __future__ import annotations


def size_of(count: int) -> str:
    """So many bytes, as `12 KiB`, `3 MiB` or `1.2 GiB`."""
    if count < 1 << 20:
        return f"{-(-count // 1024)} KiB"
    return f"{count / (1 << 30):,.1f} GiB" if count >= 1 << 30 else f"{count / (1 << 20):,.0f} MiB"
