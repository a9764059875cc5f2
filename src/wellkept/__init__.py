"""Keeps systems healthy and models accurate."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """``wellkept.Client``, ``wellkept.Model`` and ``wellkept.progress`` are loaded when they are asked for.

    ``import wellkept`` must stay quick, and below every layer.
    """
    if name == "Client":
        return import_module("wellkept.sdk.client").Client
    if name == "Model":
        return import_module("wellkept.ml.notebook").Model
    if name == "progress":
        return import_module("wellkept.ml.progress").progress
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
