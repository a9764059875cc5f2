"""What an executor is: it has a worker run somewhere, and brings back what it wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from wellkept.ml.oversight import Limits


@dataclass(frozen=True, slots=True)
class ExecutorSettings:
    """Where trainings run whose contracts do not say."""

    kind: Literal["local", "ray"] = "local"
    address: str = ""
    """Of the Ray cluster: ``auto`` (this machine's), ``ray://host:10001``; empty starts one inside the server."""


@dataclass(frozen=True, slots=True)
class Work:
    """One worker's work. ``reads`` and ``writes`` name the fields of the request that are paths, or None."""

    module: str
    request: Mapping[str, Any]
    folder: Path
    """Where the request, the result and the log lie."""
    limits: float | Limits
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()


class Executor(Protocol):
    """Runs workers. The work is the same wherever it is done; only where differs."""

    name: str

    def run(self, work: Work) -> dict[str, Any]:
        """Run a worker to its end; when it returns, what the worker ``writes`` lies where the request says.

        Raises:
            TrainingError: it failed, took too much, was called off, or could not be run at all.
        """
        ...
