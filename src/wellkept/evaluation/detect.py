"""``wellkept eval detect``: how well the baseline tells anomalies in recorded, labelled series, and how fast.

A folder is recognised by the columns of its tables, never by its name. Values are given in the order of time, and a
score is made of what came before. Nothing is learned from the folder beforehand, and labels are only scored against.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from wellkept.evaluation import figures, ts_peers
from wellkept.evaluation.curves import Curve, read
from wellkept.evaluation.figures import Figures
from wellkept.evaluation.streams import stream
from wellkept.kernel.errors import InputError
from wellkept.ops.detect.baseline import SHIPPED, Parameters

SPLITS = ("all", "tune", "report")
CHANNELS = {
    "vus_pr": "unusual",
    "event_f1": "sudden",
    "recall_at_budget": "sudden, at the threshold of each series for one false finding a week",
    "nab": "unusual after the gate, at the shipped threshold; *_best_threshold: at the best one of this folder",
    "hit_rate": "blame, the mean over the segment",
}


def evaluate(
    folder: Path,
    *,
    split: str = "all",
    peers: Path | None = None,
    step_s: float = 60.0,
    parameters: Parameters = SHIPPED,
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Everything about the folder as one plain object; see docs/detection.md for its members.

    ``split``: which half of the series is scored, by the hash of their names; ``all`` also gives both halves.
    ``peers``: a folder with ``ts_anomaly``, whose program is then run on the same curves. ``step_s``: between rows of
    tables without timestamps. ``tell`` is told what is being done.

    Raises:
        InputError: the folder holds no labelled series, or not a single one of this half.
    """
    curves = read(folder, step_s)
    chosen = [curve for curve in curves if split in {"all", curve.split}]
    if not chosen:
        raise InputError("split", "must leave at least one of the series", split)
    points = sum(curve.values.size for curve in chosen)
    tell(f"{len(chosen)} curves, {points:,} points")
    scored, seconds = stream(chosen, parameters)
    tell(f"scored in {seconds:.1f} s; now the metrics")
    found = [figures.of(curve, one) for curve, one in zip(chosen, scored, strict=True)]
    said = {
        "folder": folder.resolve().name,
        "shape": shape(chosen),
        "split": split,
        "seed": None,
        "parameters": parameters.version,
        **figures.summary(found, parameters.alarm),
        "seconds_per_million_points": round(seconds / max(points, 1) * 1e6, 3),
        "points": points,
        "channels": CHANNELS,
    }
    if split == "all":
        halves = {half: [one for one in found if one.curve.split == half] for half in SPLITS[1:]}
        said["halves"] = {half: figures.summary(part, parameters.alarm) for half, part in halves.items() if part}
    rules = {name: [figures.of_rule(curve, rule) for curve in chosen] for name, rule in figures.RULES.items()}
    said["references"] = {name: figures.summary(part, parameters.alarm) for name, part in rules.items()}
    said["peers_cut"] = {
        "ours": figures.on_cut(_same_cut(found)),
        **{name: figures.on_cut(_same_cut(part)) for name, part in rules.items()},
    }
    if peers is not None:
        tell("the peers")
        said["peers"] = ts_peers.run(peers, folder, shape(chosen))
    return said


def shape(curves: Sequence[Curve]) -> str:
    """``windows``, ``entities`` or ``pieces``."""
    if curves[0].windows is not None:
        return "windows"
    return "entities" if curves[0].metrics else "pieces"


def _same_cut(found: Sequence[Figures]) -> list[Figures]:
    """The curves that the peers' program takes."""
    labelled = [one for one in found if one.curve.truth.any()]
    return labelled[: ts_peers.CURVES] if labelled and shape([labelled[0].curve]) == "pieces" else labelled
