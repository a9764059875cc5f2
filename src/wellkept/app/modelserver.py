"""The model server's processes, as the settings want them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from wellkept.app.children import Child
from wellkept.app.settings import Ml


def model_servers(settings: Ml, address: str, data: Path, environment: Mapping[str, str], logs: Path) -> list[Child]:
    """One process a worker. They share the port and the cache of models; each keeps predictions of its own."""
    arguments = ["-m", "wellkept.ml.serve", "--port", str(settings.serve_port), "--url", address]
    arguments += ["--token-file", str(data / "token"), "--cache", str(data / "served")]
    arguments += ["--log-mib", str(settings.serve_log_mib), "--workers", str(settings.serve_workers)]
    for host in settings.serve_hosts:
        arguments += ["--allowed-host", host]
    if settings.features:
        arguments += ["--features", json.dumps(settings.features)]
        arguments += ["--features-timeout-ms", f"{settings.features_timeout_ms:g}"]
    children = []
    for worker in range(settings.serve_workers):
        name = f"model-server-{worker}" if worker else "model-server"
        own = [*arguments, "--worker", str(worker)]
        children.append(Child(name, own, environment, logs / f"{name}.log"))
    return children
