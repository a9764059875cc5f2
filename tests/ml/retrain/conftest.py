"""The watched model, for the decisions about it."""

from tests.ml.watch.conftest import watched

__all__ = ["watched"]
