"""``wellkept eval estimate``: how near estimated performance is to what labels show later, and when it is disowned.

Generated streams have a known truth; of recorded ones that is known of what was broken on purpose alone. Nothing is
learned from a folder but what a model's own labels teach as they come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wellkept.evaluation import estimate_peer, estimate_slowloss
from wellkept.evaluation.estimate_data import cases, kind_of
from wellkept.evaluation.estimate_replay import Answered, Judged, replay
from wellkept.evaluation.streams_known import DAY_S, KNOWN, REPORTED, make
from wellkept.kernel.errors import InputError

SEEDS = 20
WINDOW_DAYS, DELAY_DAYS = 3, 3
CONCEPT = frozenset({"sudden", "gradual", "incremental", "recurring", "label_only"})
"""Kinds whose labels come to have another relation to the inputs."""
NEAR = 0.02
WRONG = 0.05
"""An estimate that is off by more misleads."""
BROKEN = 0.1
CHANGED = 0.25
PEER_STREAMS = 40

Tell = Callable[[str], None]


def evaluate(
    folder: Path | None = None,
    *,
    seeds: int = SEEDS,
    first: int = REPORTED,
    peers: Path | None = None,
    tell: Tell = lambda _: None,
) -> dict[str, Any]:
    """The figures of a folder (or of the folders within it), or of generated streams where there is none.

    ``seeds`` streams of each kind from the seed ``first`` on. ``peers``: a folder with ``drift``, whose NannyML then
    estimates the same windows.

    Raises:
        InputError: the folder holds no table that is known.
    """
    if folder is None:
        return _generated(seeds, first, peers, tell)
    parts = [folder] if kind_of(folder) else [one for one in sorted(folder.iterdir()) if one.is_dir() and kind_of(one)]
    if not parts:
        rule = "must hold labelled payments, a stream or customers as Parquet, or folders of such"
        raise InputError(f"folder {folder}", rule)
    found = {}
    for part in parts:
        tell(part.name)
        found[part.name] = _recorded(part, peers, tell)
    return found[parts[0].name] if parts == [folder] else {"folder": folder.resolve().name, "folders": found}


def answered(kind: str, seed: int) -> Answered:
    """A generated stream as its model answers it; labels come after three days."""
    stream = make(kind, seed)
    live = slice(stream.trained, None)
    moved = stream.strength[live] > 0
    none = np.zeros_like(moved)
    return Answered(
        name=f"{kind} {seed}",
        at=stream.time[live],
        x=stream.x[live],
        score=stream.score_of(stream.x[live]),
        label=stream.label[live],
        delay_s=DELAY_DAYS * DAY_S,
        trained=stream.x[: stream.trained],
        names=stream.names,
        is_broken=moved if kind == "broken_pipe" else none,
        is_changed=moved if kind in CONCEPT else none,
        trained_at=stream.time[: stream.trained],
    )


def _generated(seeds: int, first: int, peers: Path | None, tell: Tell) -> dict[str, Any]:
    by_kind: dict[str, list[Judged]] = {}
    streams: list[tuple[Answered, float]] = []
    for kind in KNOWN:
        tell(kind)
        by_kind[kind] = []
        for seed in range(first, first + seeds):
            one = answered(kind, seed)
            by_kind[kind] += replay(one, WINDOW_DAYS * DAY_S)[0]
            if len(streams) < PEER_STREAMS and seed < first + max(1, PEER_STREAMS // len(KNOWN)):
                streams.append((one, WINDOW_DAYS * DAY_S))
    everything = [window for windows in by_kind.values() for window in windows]
    said: dict[str, Any] = {
        "seeds": [first, first + seeds - 1],
        "window_days": WINDOW_DAYS,
        "delay_days": DELAY_DAYS,
        **figures(everything),
        "kinds": {kind: figures(windows) for kind, windows in by_kind.items()},
    }
    tell("slow loss")
    said["slow_loss"] = estimate_slowloss.evaluate(first)
    said["peers"] = _peers(peers, streams, tell)
    return said


def _recorded(folder: Path, peers: Path | None, tell: Tell) -> dict[str, Any]:
    by_name: dict[str, list[Judged]] = {}
    streams: list[tuple[Answered, float]] = []
    for one, step_s in cases(folder):
        by_name.setdefault(f"{one.name} {one.metric}", []).extend(replay(one, step_s)[0])
        if one.metric == "roc_auc":
            streams.append((one, step_s))
    of_auc = [window for name, windows in by_name.items() if name.endswith("roc_auc") for window in windows]
    said: dict[str, Any] = {"folder": folder.resolve().name, **figures(of_auc)}
    said["kinds"] = {name: figures(windows) for name, windows in by_name.items()}
    said["peers"] = _peers(peers, streams, tell)
    return said


def _peers(peers: Path | None, streams: Sequence[tuple[Answered, float]], tell: Tell) -> dict[str, Any]:
    if peers is None or not streams:
        return {}
    tell("the peers")
    theirs = estimate_peer.run(peers, [(one, step_s, replay(one, step_s)[0]) for one, step_s in streams])
    names = {"nannyml": "nannyml", "ours": "wellkept on the same windows"}
    return {title: {name: figures(said) for name, said in theirs[who].items()} for who, title in names.items()}


def figures(windows: Sequence[Judged]) -> dict[str, Any]:
    """Of some windows: the error where the estimate's assumptions hold, and how often it was disowned where not.

    ``auc_error`` (of the metric that was asked for) is the mean over windows in which nothing is broken or changed, and
    that are valid; ``within`` the share of them that are off by at most 0.02, ``covered`` those in the 90 % interval.
    ``flagged_invalid`` is the share of misleading windows (off by more than 0.05, the cause in the inputs or in labels
    that had come) that were disowned, ``flagged_broken`` that of windows with broken inputs. ``false_flags`` is the
    share of sound windows that were. ``unseen``: misleading, and no label had come that could have told.
    """
    sound = [one for one in windows if one.broken == 0 and one.changed == 0]
    steady = [one for one in sound if not one.is_old_news]
    believed = [one for one in sound if one.is_valid]
    broken = [one for one in windows if one.broken >= BROKEN]
    wrong = [
        one for one in windows if one.error > WRONG and (one.broken >= BROKEN or one.changed > 0 or one.is_old_news)
    ]
    knowable = [one for one in wrong if one.broken >= BROKEN or one.is_old_news]
    changed = [one for one in windows if one.changed >= CHANGED and one.is_old_news]
    still_valid = [one for one in changed if one.is_valid]
    return {
        "windows": len(windows),
        "sound_windows": len(sound),
        "auc_error": _mean([one.error for one in believed]),
        "within": _mean([one.error <= NEAR for one in believed]),
        "covered": _mean([one.low <= one.true <= one.high for one in believed]),
        "flagged_invalid": _mean([not one.is_valid for one in knowable]),
        "misleading": len(knowable),
        "unseen": len(wrong) - len(knowable),
        "flagged_broken": _mean([not one.is_valid for one in broken]),
        "false_flags": _mean([not one.is_valid for one in steady]),
        "error_when_changed_and_valid": _mean([one.error for one in still_valid]),
        "valid_share": _mean([one.is_valid for one in windows]),
    }


def _mean(values: Sequence[float | bool]) -> float | None:
    return round(float(np.mean(values)), 4) if len(values) else None
