"""Drift, measured: alarms on streams with a known change, and on folders of recorded ones."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wellkept.evaluation import drift_points, drift_speed
from wellkept.evaluation.drift_play import MONITORS, Alarm, Played, play
from wellkept.evaluation.drift_streams import is_in_time, played_of, played_table, started_to_move, table_of
from wellkept.evaluation.streams_known import KNOWN, REPORTED, KnownStream, make
from wellkept.kernel.errors import InputError
from wellkept.ml.drift.budget import MONTH_S
from wellkept.ml.driftspec import DriftMonitor

SOON = 2.0
"""A change is found soon within so many windows."""
SHUFFLES = 20
TEN_MILLION = 10_000_000
Tell = Callable[[str], None]


def evaluate(
    data: Path | None,
    *,
    seeds: int = 20,
    first: int = REPORTED,
    peers: Path | None = None,
    speed_rows: int = TEN_MILLION,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """What the monitors tell, with the shipped limits.

    Without ``data`` on generated streams; constants were chosen on seeds below 100. Keys: ``false_alarms_per_month``
    (pages on streams without a change), ``detected`` (the share of sudden changes paged within two windows),
    ``delay_windows`` (their median), ``seconds_10m_rows`` (None: not measured), and each kind's own under ``kinds``.
    With ``data`` one entry for each folder of ``folders``.

    Raises:
        InputError: a folder holds nothing that can be played.
    """
    tell = tell or (lambda _: None)
    found = _generated(seeds, first, tell) if data is None else _recorded(data, tell)
    found["budget_per_month"] = DriftMonitor().alarms_per_month
    if speed_rows and data is None:
        tell(f"counting {speed_rows:,} predictions of {drift_speed.FEATURES} features")
        seconds, found["speed"] = drift_speed.measure(speed_rows, tell)
        found["seconds_10m_rows"] = seconds if speed_rows == TEN_MILLION else None
    if peers is not None:
        from wellkept.evaluation import drift_peers

        found["peers"] = drift_peers.run(peers, tell)
    return found


def _generated(seeds: int, first: int, tell: Tell) -> dict[str, Any]:
    kinds: dict[str, Any] = {}
    for kind in KNOWN:
        began = time.perf_counter()
        streams = [_judge(make(kind, seed)) for seed in range(first, first + seeds)]
        kinds[kind] = _kind(streams) | {"seconds_per_stream": round((time.perf_counter() - began) / seeds, 2)}
        tell(f"{kind}: {kinds[kind]}")
    months = sum(one["months_before"] for one in kinds.values())
    return {
        "source": "generated streams",
        "seeds": [first, first + seeds - 1],
        "false_alarms_per_month": kinds["none"]["false_alarms_per_month"],
        "false_alarms_per_month_before_changes": round(sum(one["false_alarms"] for one in kinds.values()) / months, 3),
        "detected": kinds["sudden"]["detected_soon"],
        "delay_windows": kinds["sudden"]["delay_windows"],
        "seconds_10m_rows": None,
        "kinds": kinds,
    }


def _judge(stream: KnownStream) -> dict[str, Any]:
    """One stream: its false pages and months before the change, and when the first page and the first word came."""
    played = played_of(stream)
    alarms = play(played)
    change = float(stream.time[stream.change_at] if stream.change_at is not None else stream.time[-1] + 1)
    before = [alarm for alarm in alarms if alarm.at <= change]
    after = [alarm for alarm in alarms if alarm.at > change]
    return {
        "matters": stream.matters,
        "has_change": stream.change_at is not None,
        "months": (min(change, float(stream.time[-1])) - float(stream.time[stream.trained])) / MONTH_S,
        "false": [alarm.finding.detector for alarm in before if alarm.is_page],
        "told": _delay(after, change, played.window_s, pages_alone=False),
        "paged": _delay(after, change, played.window_s, pages_alone=True),
        "by": sorted({alarm.finding.detector for alarm in after if alarm.is_page}),
    }


def _delay(alarms: Sequence[Alarm], change: float, window_s: float, *, pages_alone: bool) -> float:
    found = [alarm.at for alarm in alarms if alarm.is_page or not pages_alone]
    return (found[0] - change) / window_s if found else float("inf")


def _kind(streams: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of one kind; changes that cost the model nothing are counted apart, as pages that were not needed."""
    months = sum(one["months"] for one in streams)
    false = [name for one in streams for name in one["false"]]
    costly = [one for one in streams if one["has_change"] and one["matters"]]
    idle = [one for one in streams if one["has_change"] and not one["matters"]]
    delays = np.asarray([one["paged"] for one in costly])
    found: dict[str, Any] = {
        "streams": len(streams),
        "months_before": round(months, 2),
        "false_alarms": len(false),
        "false_alarms_per_month": round(len(false) / months, 3),
        "false_by": dict(Counter(false)),
    }
    if len(delays):
        found |= {
            "detected": round(float(np.isfinite(delays).mean()), 3),
            "detected_soon": round(float((delays <= SOON).mean()), 3),
            "delay_windows": round(float(np.median(delays[np.isfinite(delays)])), 2)
            if np.isfinite(delays).any()
            else None,
            "found_by": dict(Counter(name for one in costly for name in one["by"])),
        }
    if idle:
        found["harmless_told"] = round(float(np.mean([np.isfinite(one["told"]) for one in idle])), 3)
        found["harmless_paged"] = round(float(np.mean([np.isfinite(one["paged"]) for one in idle])), 3)
    return found


def _recorded(data: Path, tell: Tell) -> dict[str, Any]:
    folders = [data] if any(data.glob("*.parquet")) else sorted(path for path in data.iterdir() if path.is_dir())
    found: dict[str, Any] = {}
    for folder in folders:
        try:
            found[folder.name] = _folder(folder)
            tell(f"{folder.name}: {found[folder.name]}")
        except InputError as error:
            if folder == data:
                raise
            tell(f"{folder.name} is left out: {error}")
    if not found:
        raise InputError(f"folder {data}", "must hold tables with a label, series with annotations, or folders of such")
    first = next(iter(found.values()))
    keys = ("false_alarms_per_month", "detected", "delay_windows")
    return {"source": str(data), **{key: first.get(key) for key in keys}, "seconds_10m_rows": None, "folders": found}


def _folder(folder: Path) -> dict[str, Any]:
    if drift_points.is_one(folder):
        return drift_points.evaluate(folder)
    table = table_of(folder)
    if is_in_time(table):
        return _stream(played_table(table))
    random = np.random.default_rng(41)
    shuffled = (played_table(table, random.permutation(table.height)) for _ in range(SHUFFLES))
    return _still(shuffled)


def _stream(played: Played) -> dict[str, Any]:
    """A stream as it was recorded. Where nothing says when it changed, every page counts as a false one."""
    alarms = play(played, _rows(played))
    change = started_to_move(played)
    until = float(played.time[-1] if change is None else played.time[change])
    pages = [alarm for alarm in alarms if alarm.is_page]
    before = [alarm for alarm in pages if alarm.at <= until]
    months = (until - float(played.time[played.trained])) / MONTH_S
    found = {
        **_size(played),
        "months": round(months, 2),
        "false_alarms": len(before),
        "false_alarms_per_month": round(len(before) / months, 3) if months > 0 else None,
        "false_by": dict(Counter(_what(alarm) for alarm in before)),
        "information": len(alarms) - len(pages),
    }
    if change is not None:
        delay = _delay([a for a in alarms if a.at > until], until, played.window_s, pages_alone=False)
        found["certain_change_row"] = change
        found["detected"] = float(np.isfinite(delay))
        found["delay_windows"] = round(delay, 2) if np.isfinite(delay) else None
    return found


def _still(shuffled: Iterable[Played]) -> dict[str, Any]:
    """A snapshot in many orders: nothing drifts."""
    pages: list[Alarm] = []
    months, size = 0.0, {}
    for played in shuffled:
        pages += [alarm for alarm in play(played, _rows(played)) if alarm.is_page]
        months += (float(played.time[-1]) - float(played.time[played.trained])) / MONTH_S
        size = _size(played)
    return {
        **size,
        "shuffles": SHUFFLES,
        "months": round(months, 2),
        "false_alarms": len(pages),
        "false_alarms_per_month": round(len(pages) / months, 3),
        "false_by": dict(Counter(_what(alarm) for alarm in pages)),
    }


def _rows(played: Played) -> int:
    """Half a window's rows, as the shipped limits are of a thousand a window."""
    live = len(played.time) - played.trained
    windows = (float(played.time[-1]) - float(played.time[played.trained])) / played.window_s
    return int(np.clip(live / max(windows, 1.0) / 2, 50, 500))


def _size(played: Played) -> dict[str, Any]:
    return {"live_rows": len(played.time) - played.trained, "trained_rows": played.trained,
            "inputs": len(played.names), "window_s": played.window_s, "monitors": list(MONITORS)}  # fmt: skip


def _what(alarm: Alarm) -> str:
    """Which monitor, and of which column."""
    return f"{alarm.finding.detector} {alarm.finding.entity.partition('/')[2] or alarm.finding.evidence[0].signal}"
