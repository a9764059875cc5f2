"""Recorded faults, replayed: every finding of one injected fault should be in one incident.

A case is a recording with one fault in it, so all that the detectors find in it is taken to be of that fault.
Each is replayed in a fresh store with the shipped settings; the findings are those of the platform's own detectors.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from wellkept.evaluation.correlate_scores import Placed, scores
from wellkept.kernel.errors import WellkeptError
from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.ops.correlate.base import CorrelateSettings
from wellkept.ops.correlate.grouper import group
from wellkept.spine.graph import Graph


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
    from wellkept.app.settings import Ops

    layout = layout_of(folder, layouts)
    names = replay.cases(folder, layout)
    chosen = names if count == 0 or count >= len(names) else [names[i * len(names) // count] for i in range(count)]
    placed: list[Placed] = []
    chance: list[Placed] = []
    dice = random.Random(0)
    silent, took, grouping = 0, 0.0, 0.0
    for number, case in enumerate(chosen, start=1):
        started = time.perf_counter()
        outcome = replay.replay(replay.Wish(folder, layout, case), Ops())
        took += time.perf_counter() - started
        grouping += _seconds(outcome.findings)
        where = {member.finding: one.id for one in outcome.incidents for member in one.members}
        mine = [_placed(case, finding, where) for finding in outcome.findings if _counts(finding)]
        silent += not mine
        placed += mine
        groups = max(len({one.group for one in mine}), 1)
        chance += [Placed(one.fault, f"{case}/{dice.randrange(groups)}", one.at) for one in mine]
        tell(f"  {case} ({number} of {len(chosen)}): {len(mine)} findings in {groups} groups, {took:.0f} s so far")
    windows = [Placed(one.fault, f"{one.fault}/{int(one.at // 120)}", one.at) for one in placed]
    return {
        **scores(placed),
        "cases": len(chosen),
        "cases_of": len(names),
        "cases_without_findings": silent,
        "alerts_per_s": round(len(placed) / grouping) if placed else None,
        "replayed_in_s": round(took, 1),
        "baselines": {"random": scores(chance), "time_window_only": scores(windows)},
    }


def _seconds(findings: Sequence[Finding]) -> float:
    """How long the grouper takes for some findings, by themselves."""
    started = time.perf_counter()
    group(findings, Graph([], []), CorrelateSettings())
    return time.perf_counter() - started


def _counts(finding: Finding) -> bool:
    """Whether a finding may be in an incident: what a detector calls information opens none."""
    return finding.severity is not Severity.INFO or finding.kind is FindingKind.EXTERNAL


def _placed(case: str, finding: Finding, where: dict[str, str]) -> Placed:
    """A finding in its incident, or by itself where it is in none; cases never share a group."""
    group = where.get(finding.id, f"alone/{finding.id}")
    return Placed(case, f"{case}/{group}", finding.starts_at.timestamp())
