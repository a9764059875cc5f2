"""Keeps systems healthy and models accurate."""

__version__ = "0.1.0"
