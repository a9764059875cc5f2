"""The functions of renamed conventions, made of the kernel's table."""

from __future__ import annotations

from wellkept.kernel.conventions import ATTRIBUTES, METRICS, RESOURCE
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.statements import load, split


def make_functions(engine: Engine) -> None:
    """Make them anew, so that they match this version.

    Raises:
        StoreError: the engine failed.
    """
    prefixes, old, new = zip(*ATTRIBUTES, strict=True)
    parameters = {
        "metrics_old": list(METRICS),
        "metrics_new": list(METRICS.values()),
        "prefixes": list(prefixes),
        "attributes_old": list(old),
        "attributes_new": list(new),
        "resource_old": list(RESOURCE),
        "resource_new": list(RESOURCE.values()),
    }
    for statement in split(load("conventions.sql")):
        engine.command(statement, parameters)
