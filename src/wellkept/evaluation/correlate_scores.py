"""Scores of a grouping against known faults: pairs, mixtures, fragments, and how soon an incident was there."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Placed:
    """``count`` alerts of one fault that came into one group; an empty fault is noise that nothing is known of."""

    fault: str
    group: str
    at: float
    """Seconds on the stream's clock; of several alerts the first."""
    count: int = 1


def of_half(placed: Sequence[Placed], half: str) -> list[Placed]:
    """The alerts of one half of the faults, ``tune`` or ``report``, by the hash of their names."""
    parity = 0 if half == "tune" else 1
    return [one for one in placed if one.fault and hashlib.sha256(one.fault.encode()).digest()[0] % 2 == parity]


def scores(placed: Sequence[Placed], groups: int | None = None) -> dict[str, Any]:
    """The figures of a grouping. ``groups`` counts those of noise too, and is counted here when it is not given.

    ``over_merge_rate`` is the share of faults whose main group (the one with most of their alerts) is the main group of
    another fault too: they have no incident of their own. ``impure_groups`` is the share of groups with alerts of more
    than one fault, however few.
    """
    cells: Counter[tuple[str, str]] = Counter()
    for one in placed:
        cells[one.fault, one.group] += one.count
    alerts = sum(cells.values())
    groups = len({group for _, group in cells}) if groups is None else groups
    known = {key: count for key, count in cells.items() if key[0]}
    return {
        "alerts": alerts,
        "groups": groups,
        "faults": len({fault for fault, _ in known}),
        "compression": _round(1 - groups / alerts) if alerts else None,
        **_pairs(known),
        **_mixtures(known),
        **_information(known),
        "time_to_open_s": _time_to_open(placed, known),
    }


def _pairs(cells: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    faults, groups = _sums(cells)
    together = sum(map(_choose2, cells.values()))
    same_fault, same_group = sum(map(_choose2, faults.values())), sum(map(_choose2, groups.values()))
    total = _choose2(sum(cells.values()))
    precision = together / same_group if same_group else None
    recall = together / same_fault if same_fault else None
    f1 = 2 * together / (same_fault + same_group) if same_fault + same_group else None
    by_chance = same_fault * same_group / total if total else 0.0
    most = (same_fault + same_group) / 2
    return {
        "pairwise_precision": _round(precision),
        "pairwise_recall": _round(recall),
        "pairwise_f1": _round(f1),
        "ari": _round((together - by_chance) / (most - by_chance)) if most > by_chance else None,
    }


def _mixtures(cells: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    by_fault: dict[str, list[tuple[int, str]]] = defaultdict(list)
    inside: dict[str, set[str]] = defaultdict(set)
    for (fault, group), count in cells.items():
        by_fault[fault].append((-count, group))
        inside[group].add(fault)
    main = {fault: min(parts)[1] for fault, parts in by_fault.items()}
    mains = Counter(main.values())
    shared = sum(mains[group] > 1 for group in main.values())
    return {
        "over_merge_rate": _round(shared / len(main)) if main else None,
        "impure_groups": _round(sum(len(faults) > 1 for faults in inside.values()) / len(inside)) if inside else None,
        "incidents_per_fault": _round(sum(map(len, by_fault.values())) / len(by_fault)) if by_fault else None,
    }


def _information(cells: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    """Homogeneity, completeness and their harmonic mean (V-measure)."""
    total = sum(cells.values())
    faults, groups = _sums(cells)
    of_faults, of_groups = _entropy(faults.values()), _entropy(groups.values())
    joint = _entropy(cells.values())
    homogeneity = 1 - (joint - of_groups) / of_faults if of_faults else 1.0
    completeness = 1 - (joint - of_faults) / of_groups if of_groups else 1.0
    both = homogeneity + completeness
    v_measure = 2 * homogeneity * completeness / both if both else 0.0
    return {
        "homogeneity": _round(homogeneity) if total else None,
        "completeness": _round(completeness) if total else None,
        "v_measure": _round(v_measure) if total else None,
    }


def _time_to_open(placed: Sequence[Placed], cells: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    """From the first alert of a fault to the first one in its main group: median and 90th percentile."""
    main: dict[str, tuple[int, str]] = {}
    for (fault, group), count in cells.items():
        main[fault] = min(main.get(fault, (0, "")), (-count, group))
    first: dict[str, float] = {}
    opened: dict[str, float] = {}
    for one in placed:
        if one.fault:
            first[one.fault] = min(first.get(one.fault, math.inf), one.at)
            if main[one.fault][1] == one.group:
                opened[one.fault] = min(opened.get(one.fault, math.inf), one.at)
    waits = sorted(opened[fault] - first[fault] for fault in opened)
    if not waits:
        return {"median": None, "p90": None}
    return {"median": _round(waits[len(waits) // 2]), "p90": _round(waits[math.ceil(0.9 * len(waits)) - 1])}


def _sums(cells: Mapping[tuple[str, str], int]) -> tuple[Counter[str], Counter[str]]:
    faults: Counter[str] = Counter()
    groups: Counter[str] = Counter()
    for (fault, group), count in cells.items():
        faults[fault] += count
        groups[group] += count
    return faults, groups


def _entropy(counts: Iterable[int]) -> float:
    values = list(counts)
    total = sum(values)
    return -sum(value / total * math.log(value / total) for value in values if value) if total else 0.0


def _choose2(count: int) -> float:
    return count * (count - 1) / 2


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
