"""Recorded faults, replayed: every finding of one injected fault should be in one incident.

A case is a recording with one fault in it. Findings that began while it lasted are taken to be of it, give or take the
step in which it began; what began before is noise. Each case is replayed in a fresh store with the shipped settings;
the findings are those of the platform's own detectors.
"""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellkept.evaluation.correlate_scores import Placed, of_half, scores
from wellkept.kernel.errors import WellkeptError
from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.ops.correlate.base import CorrelateSettings
from wellkept.ops.correlate.grouper import group
from wellkept.spine.graph import Graph

if TYPE_CHECKING:
    from wellkept.app.replay import Outcome
    from wellkept.ops.ingest.recording.recording import Source


def is_recording(folder: Path, layouts: Path | None) -> bool:
    """Whether a folder is a recording with cases that can be read."""
    return layout_of(folder, layouts) is not None


def layout_of(folder: Path, layouts: Path | None) -> Path | None:
    """The layout document that fits a folder: its own, or the first of ``layouts`` by which a case can be read."""
    from wellkept.ops.ingest.recording.recording import find, read

    own = folder / "recording.yaml"
    tried = [own] if own.exists() else sorted(layouts.glob("*.yaml")) if layouts is not None else []
    if not (folder / "cases.parquet").exists() and not own.exists():
        return None
    for layout in tried:
        try:
            source = find(folder, layout)
            if names := source.cases():
                read(source, names[0])
                return layout
        except (WellkeptError, KeyError):
            continue
    return None


def evaluate(folder: Path, layouts: Path | None, count: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """The figures over the cases of a folder; see docs/grouping.md."""
    from wellkept.app import replay
    from wellkept.ops.ingest.recording.recording import find

    layout = layout_of(folder, layouts)
    names = replay.cases(folder, layout)
    chosen = names if count == 0 or count >= len(names) else [names[i * len(names) // count] for i in range(count)]
    source = find(folder, layout)
    placed: list[Placed] = []
    chance: list[Placed] = []
    dice = random.Random(0)
    silent, unplaced, took, grouping = 0, 0, 0.0, 0.0
    for number, case in enumerate(chosen, start=1):
        started = time.perf_counter()
        outcome, since = _replayed(source, case)
        took += time.perf_counter() - started
        grouping += _seconds(outcome.findings)
        where = {member.finding: one.id for one in outcome.incidents for member in one.members}
        mine = [_placed(case, finding, where, since) for finding in outcome.findings if _counts(finding)]
        silent += not any(one.fault for one in mine)
        placed += mine
        groups = max(len({one.group for one in mine}), 1)
        chance += [Placed(one.fault, f"{case}/{dice.randrange(groups)}", one.at) for one in mine]
        unplaced += sum("/alone/" in one.group for one in mine if one.fault)
        tell(f"  {case} ({number} of {len(chosen)}): {len(mine)} findings in {groups} groups, {took:.0f} s so far")
    windows = [replace(one, group=f"{one.group.split('/')[0]}/{int(one.at // 120)}") for one in placed]
    return {
        **scores(placed),
        "cases": len(chosen),
        "cases_of": len(names),
        "cases_without_findings": silent,
        "findings_in_no_incident": unplaced,
        "alerts_per_s": round(len(placed) / grouping) if placed else None,
        "replayed_in_s": round(took, 1),
        "baselines": {"random": scores(chance), "time_window_only": scores(windows)},
        "halves": {half: scores(of_half(placed, half)) for half in ("tune", "report")},
    }


def _replayed(source: Source, case: str) -> tuple[Outcome, datetime]:
    """What came of a case, and since when what is found in it is of its fault.

    A layout whose cases begin with healthy minutes names the column that tells when the fault did in ``extra.since``.
    """
    from wellkept.app import replay
    from wellkept.app.settings import Ops
    from wellkept.ops.ingest.recording.recording import read

    recording = read(source, case)
    settings = replay.at_step(Ops(), replay.step_for(recording, Ops()))
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wellkept-eval-")))
        outcome = stack.enter_context(contextlib.closing(replay.Replay(recording, folder, settings))).run()
    since = recording.begin or outcome.first
    layout = source.layout
    if layout is not None and layout.cases is not None and "since" in layout.extra:
        row = next(row for row in source.rows() if str(row[layout.cases.id]) == case)
        told = row[str(layout.extra["since"])]
        if isinstance(told, datetime):
            since = told if told.tzinfo else told.replace(tzinfo=UTC)
    return outcome, since - timedelta(seconds=outcome.step_s)


def _seconds(findings: Sequence[Finding]) -> float:
    """How long the grouper takes for some findings, by themselves."""
    started = time.perf_counter()
    group(findings, Graph([], []), CorrelateSettings())
    return time.perf_counter() - started


def _counts(finding: Finding) -> bool:
    """Whether a finding may be in an incident: what a detector calls information opens none."""
    return finding.severity is not Severity.INFO or finding.kind is FindingKind.EXTERNAL


def _placed(case: str, finding: Finding, where: dict[str, str], since: datetime) -> Placed:
    """A finding in its incident, or by itself where it is in none; cases never share a group."""
    group = where.get(finding.id, f"alone/{finding.id}")
    fault = case if finding.starts_at >= since else ""
    return Placed(fault, f"{case}/{group}", finding.starts_at.timestamp())
