"""A process of this machine."""

from __future__ import annotations

from typing import Any

from wellkept.ml.process import run_worker
from wellkept.ml.train.executors.base import ExecutorSettings, Work


class Local:
    """Runs each worker as a process beside the server."""

    name = "local"

    def __init__(self, settings: ExecutorSettings | None = None) -> None:
        """There is nothing to set."""

    def run(self, work: Work) -> dict[str, Any]:
        return run_worker(work.module, work.request, work.folder, work.limits)
