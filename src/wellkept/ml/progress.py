"""How far a training is: said by a project's code in its worker, read by whoever watches the run.

Every call is a line of JSON in the run's folder. Outside a worker (a notebook, a test) it says nothing.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = "progress.log"
LEAST_PAUSE_S = 0.05
MOST_LINES = 20_000
MOST_CHARACTERS = 200
TAIL_BYTES = 64_000

Listener = Callable[[float, Mapping[str, float]], None]
"""Is told every step and its values; a search ends a hopeless trial from here."""


@dataclass(slots=True)
class _Sink:
    """Where this process writes to."""

    file: Path | None = None
    worker: str = ""
    last: float = 0.0
    lines: int = 0
    listener: Listener | None = None
    prefix: str = ""


_sink = _Sink()


def progress(done: float, total: float = 0.0, note: str = "", **values: float) -> None:
    """Say that ``done`` of ``total`` steps are done, in words if you like, and what was measured at this step.

    ``values`` are numbers by name (``loss=0.31``): they become curves, and a search prunes by the one of its metric.
    Calls within a twentieth of a second are thinned out, but for the last step; a value that is not finite is left out.
    """
    if _sink.listener is not None:
        _sink.listener(float(done), values)
    now = time.time()
    is_last = total > 0 and done >= total
    if _sink.file is None or _sink.lines >= MOST_LINES or (now - _sink.last < LEAST_PAUSE_S and not is_last):
        return
    line = {
        "at": now,
        "step": _sink.worker,
        "done": _finite(done),
        "total": _finite(total),
        "note": (_sink.prefix + str(note))[:MOST_CHARACTERS],
        "values": {str(name): float(value) for name, value in values.items() if math.isfinite(value)},
    }
    with _sink.file.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    _sink.last, _sink.lines = now, _sink.lines + 1


def write_to(file: Path, worker: str) -> None:
    """From now on progress of this process goes into a file; ``worker`` says who speaks."""
    _sink.file, _sink.worker, _sink.lines = file, worker, 0


def listen(listener: Listener | None, prefix: str = "") -> None:
    """Have every step told to a function of this process too; ``prefix`` begins what is noted."""
    _sink.listener, _sink.prefix = listener, prefix


@dataclass(frozen=True, slots=True)
class Said:
    """One line of progress."""

    at: float
    step: str
    done: float
    total: float
    note: str
    values: Mapping[str, float] = field(default_factory=dict)


def last_said(folder: Path) -> Said | None:
    """The newest line of a run's folder; None where nothing was said."""
    file = folder / FILE
    if not file.is_file():
        return None
    with file.open("rb") as read:
        read.seek(max(0, file.stat().st_size - TAIL_BYTES))
        lines = read.read().decode("utf-8", errors="replace").splitlines()
    return next((said for line in reversed(lines) if (said := _parsed(line)) is not None), None)


def all_said(folder: Path) -> list[Said]:
    """Every line of a run's folder, in order."""
    file = folder / FILE
    if not file.is_file():
        return []
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return [said for line in lines if (said := _parsed(line)) is not None]


def _parsed(line: str) -> Said | None:
    """A line as it was said; None for one that was cut off, or that somebody else wrote."""
    try:
        found: dict[str, Any] = json.loads(line)
        return Said(**found)
    except (ValueError, TypeError):
        return None


def _finite(value: float) -> float:
    number = float(value)
    return number if math.isfinite(number) else 0.0
