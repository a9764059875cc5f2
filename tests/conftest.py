"""For all tests: a property is never judged by how long one example took, which a busy machine decides."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
