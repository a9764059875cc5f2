"""Keeps systems healthy and models accurate."""

from typing import Any

__version__ = "0.1.0"
__all__ = ["Model", "__version__"]


def __getattr__(name: str) -> Any:
    """``wellkept.Model`` is imported when it is asked for: ``import wellkept`` must stay quick."""
    if name == "Model":
        from wellkept.ml.notebook import Model

        return Model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
