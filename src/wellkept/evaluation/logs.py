"""``wellkept eval logs``: how well lines are put in templates, how fast, and how well abnormal sessions are told.

A folder is recognised by the columns of its Parquet files, never by its name. Nothing is learned from it beforehand:
each system begins with an empty miner, and labels are read only to be scored against.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wellkept.evaluation.log_peer import drain3
from wellkept.evaluation.log_stream import Source, Timing, fresh_lines, timed
from wellkept.evaluation.sessions import session_scores
from wellkept.evaluation.templates import MEASURES, scores
from wellkept.kernel.errors import InputError
from wellkept.ops.detect.patterns.masks import RULES
from wellkept.ops.detect.patterns.miner import Miner

LABELS = {"corrected": "template_corrected", "original": "template"}
STREAM_LINES = 1_000_000
SEED = 20_26
_SYSTEM, _SESSIONS = frozenset(("content", "template")), frozenset(("session", "part", "abnormal", "events"))


@dataclass(frozen=True, slots=True)
class System:
    """A labelled log: its lines in order, and for each kind of label the template of each line."""

    name: str
    lines: list[str]
    labels: dict[str, list[str]]

    @property
    def best(self) -> list[str]:
        """The labels to be scored against: the corrected ones, where there are any."""
        return self.labels.get("corrected") or self.labels["original"]


def evaluate(folder: Path, *, peers: Path | None = None, lines: int = STREAM_LINES, seed: int = SEED) -> dict[str, Any]:
    """Everything about the folder as one plain object; see docs/log-patterns.md for its members.

    ``peers``: a folder with ``logs_drain3``, which is then run on the same lines. ``lines``: how long the stream is
    that speed is measured on; 0 leaves that out.

    Raises:
        InputError: no file of the folder has the columns of labelled logs or of sessions.
    """
    systems, sessions = _read(folder)
    if not systems and not sessions:
        rule = f"must hold Parquet files with the columns {sorted(_SYSTEM)} or {sorted(_SESSIONS)}"
        raise InputError(f"folder {folder}", rule)
    found: dict[str, Any] = {"rules": RULES, "seed": seed}
    if systems:
        found |= _templates(systems, peers, lines, seed)
    for path in sessions:
        found |= session_scores(pq.read_table(path))
    return found


def _templates(systems: list[System], peers: Path | None, lines: int, seed: int) -> dict[str, Any]:
    by_system = {system.name: mined(system) for system in systems}
    found: dict[str, Any] = {**_means(by_system, "corrected"), "original": _means(by_system, "original")}
    found["systems"] = {name: {**each["corrected"], "original": each["original"]} for name, each in by_system.items()}
    if not lines:
        return found
    stream = fresh_lines([Source(system.lines, system.best) for system in systems], lines, seed)
    timing = timed(stream)
    found |= {"lines_per_s": round(timing.lines_per_s), "stream": _stream(timing, systems)}
    if peers is not None:
        found["peers"] = {"drain3": drain3(peers, {s.name: (s.lines, s.best) for s in systems}, stream, timing)}
    return found


def mined(system: System) -> dict[str, dict[str, float]]:
    """The scores of one system, for each kind of label."""
    miner = Miner()
    shapes = miner.add_lines(system.lines)
    texts = {pattern.id: pattern.text for pattern in miner.patterns()}
    groups = [miner.pattern_of(shape) for shape in shapes]
    found = {
        kind: _rounded(scores(groups, [texts[group] for group in groups], truth))
        for kind, truth in system.labels.items()
    }
    return {"corrected": found.get("corrected", found["original"]), "original": found["original"]}


def _means(by_system: Mapping[str, Mapping[str, Mapping[str, float]]], kind: str) -> dict[str, float]:
    count = len(by_system)
    return {name: round(sum(kinds[kind][name] for kinds in by_system.values()) / count, 4) for name in MEASURES}


def _stream(timing: Timing, systems: list[System]) -> dict[str, Any]:
    labelled = len({(system.name, label) for system in systems for label in system.best})
    return {**timing.document(), "labelled_templates": labelled}


def _rounded(found: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in found.items()}


def _read(folder: Path) -> tuple[list[System], list[Path]]:
    systems, sessions = [], []
    for path in sorted(folder.glob("*.parquet")):
        columns = set(pq.read_schema(path).names)
        if columns >= _SYSTEM:
            systems.append(_system(path, columns))
        elif columns >= _SESSIONS:
            sessions.append(path)
    return systems, sessions


def _system(path: Path, columns: set[str]) -> System:
    rows = pq.read_table(path)
    if "line_id" in columns:
        rows = rows.sort_by("line_id")
    labels = {kind: _texts(rows[column]) for kind, column in LABELS.items() if column in columns}
    return System(path.stem, _texts(rows["content"]), labels)


def _texts(column: pa.ChunkedArray) -> list[str]:
    """A column of texts; where there is none, an empty one."""
    return [text or "" for text in column.to_pylist()]
