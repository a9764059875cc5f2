"""``wellkept eval correlate``: how well findings and alerts of known faults become one incident each.

A folder holds alerts (``correlate_alerts``) or a recording with cases (``correlate_cases``), or is the parent of such.
Findings go through the grouper of the platform with its shipped settings. Nothing is fitted beforehand: what the
grouper learns it learns on the way, from findings that are over, and never from a label.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from wellkept.evaluation import correlate_alerts, correlate_cases, correlate_ceiling, correlate_stream
from wellkept.evaluation.correlate_scores import Placed, of_half, scores
from wellkept.kernel.errors import InputError
from wellkept.ops.correlate.base import CorrelateSettings

KEYS = (
    "compression",
    "pairwise_precision",
    "pairwise_recall",
    "pairwise_f1",
    "over_merge_rate",
    "incidents_per_fault",
)
LAYOUTS = Path(__file__).parent / "layouts"
CASES = 8
"""Of a recording so many cases are replayed, spread over all, unless more are asked for."""


def evaluate(
    folder: Path,
    *,
    layouts: Path | None = None,
    cases: int = CASES,
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Everything about the folder as one plain object; see docs/grouping.md for its members.

    ``layouts``: a folder of layout documents for recordings that bring none; else the shipped ones. ``cases``: how many
    cases of a recording are replayed, 0 for all. ``tell`` is told what is being done. Of several folders the figures
    are the mean of each one's, and each one's own are under ``folders``.

    Raises:
        InputError: the folder holds nothing that can be evaluated.
    """
    layouts = layouts or LAYOUTS
    settings = CorrelateSettings()
    found = [one for one in (folder, *sorted(p for p in folder.iterdir() if p.is_dir())) if _is_known(one, layouts)]
    if not found:
        raise InputError("--data", "must hold alerts.parquet or a recording with cases, or folders with such", folder)
    told: dict[str, dict[str, Any]] = {}
    for one in found:
        tell(f"{one.name}:")
        if correlate_alerts.is_alerts(one):
            told[one.name] = _alerts(one, settings, tell)
        else:
            told[one.name] = correlate_cases.evaluate(one, layouts, cases, tell)
    if len(told) == 1:
        name, said = next(iter(told.items()))
        return {"folder": name, **said}
    return {"folder": folder.resolve().name, **_mean(list(told.values())), "folders": told}


def _is_known(folder: Path, layouts: Path | None) -> bool:
    return correlate_alerts.is_alerts(folder) or correlate_cases.is_recording(folder, layouts)


def _alerts(folder: Path, settings: CorrelateSettings, tell: Callable[[str], None]) -> dict[str, Any]:
    placed: list[Placed] = []
    chance: list[Placed] = []
    windows: list[Placed] = []
    ceilings = {"all_known_but_alike": correlate_ceiling.alike, "onsets_known": correlate_ceiling.by_onset}
    streams = correlate_alerts.read(folder)
    if all(stream.kinds for stream in streams):
        ceilings["all_known_but_whose"] = correlate_ceiling.by_kind
    known: dict[str, list[Placed]] = {name: [] for name in ceilings}
    noise: list[list[Placed]] = []
    took = 0.0
    systems: dict[str, Any] = {}
    for stream in streams:
        mine, seconds = correlate_stream.grouped(stream, settings)
        took += seconds
        placed += mine
        noise.append(mine)
        groups = len({one.group for one in mine})
        chance += correlate_stream.at_random(stream, groups)
        windows += correlate_stream.by_window(stream)
        for name, told_of in ceilings.items():
            known[name] += correlate_stream.placed(stream, told_of(stream))
        said = systems[stream.system] = scores(mine)
        told = f"{said['alerts']:,} alerts, {groups:,} groups, pairwise F1 {said['pairwise_f1']}"
        tell(f"  {stream.system}: {told}, {seconds:.1f} s")
    said = scores(placed)
    findings = sum(len(stream.alerts) for stream in streams)
    return {
        **said,
        "findings": findings,
        "alerts_per_s": round(said["alerts"] / took) if took else None,
        "findings_per_s": round(findings / took) if took else None,
        "baselines": {"random": scores(chance), "time_window_only": scores(windows)},
        "ceiling": {name: scores(told) for name, told in known.items()},
        "halves": {half: scores(of_half(placed, half)) for half in ("tune", "report")},
        "noise": _noise(noise),
        "systems": systems,
    }


def _noise(streams: Sequence[Sequence[Placed]]) -> dict[str, Any]:
    """Groups without any alert of a known fault: how many, and how many a day of a system."""
    alone, days = 0, 0.0
    for placed in streams:
        alone += len({one.group for one in placed} - {one.group for one in placed if one.fault})
        if placed:
            days += (max(one.at for one in placed) - min(one.at for one in placed)) / 86_400
    return {"groups": alone, "groups_per_day": round(alone / days, 2) if days else None}


def _mean(told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The plain mean of the folders' figures, where a folder has them."""
    mean: dict[str, Any] = {}
    for key in (*KEYS, "alerts_per_s"):
        values = [one[key] for one in told if one.get(key) is not None]
        mean[key] = round(sum(values) / len(values), 4) if values else None
    mean["baselines"] = {
        name: {
            key: round(sum(v) / len(v), 4)
            for key in KEYS
            if (v := [b[key] for one in told if (b := one["baselines"].get(name)) and b.get(key) is not None])
        }
        for name in ("random", "time_window_only")
    }
    return mean
