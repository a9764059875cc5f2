"""How much of a host's CPU, memory and disks is used, and of a service's memory, whatever their senders call it.

The agent sends shares. A collector sends what is used in each state, and node_exporter what is free beside what there
is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.conventions import CPU_MODES, CPU_TIMES
from wellkept.ops.detect.catalogue import READ_ONLY_FILESYSTEMS
from wellkept.store.telemetry.window import SeriesInfo, Window

Floats = NDArray[np.float64]

_STATES = ("system.memory.state", "system.filesystem.state", "state")
_USED = "used"
_OF_MEMORY = ("used", "free", "buffered", "cached")
"""The states of memory that make up all of it; others are parts of these."""
_IN_MEMORY = frozenset({"tmpfs", "ramfs", "devtmpfs"})
_OF_SERVICES = ("process.memory.usage", "process_resident_memory_bytes")
_SHARE = "system.{}.utilization"
_USAGE = "system.{}.usage"
_LIMIT = "system.filesystem.limit"
_MEMORY = ("node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes")
_DISK = ("node_filesystem_avail_bytes", "node_filesystem_size_bytes")

NAMES = (
    *CPU_TIMES,
    *(form.format(what) for form in (_SHARE, _USAGE) for what in ("memory", "filesystem")),
    _LIMIT,
    *_MEMORY,
    *_DISK,
    *_OF_SERVICES,
)
"""The metrics that are read."""


@dataclass(frozen=True, slots=True)
class Used:
    """A share over time (empty where nobody tells), and what there is in all, in bytes; None where that is not told."""

    share: Floats
    size: float | None = None

    @property
    def newest(self) -> float | None:
        return _last(self.share)


_NOTHING = Used(np.empty(0))


class Usage:
    """What a window tells of usage, by entity."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._columns: dict[tuple[str, str], list[int]] = {}
        for column, info in enumerate(window.series):
            self._columns.setdefault((info.name, info.entity), []).append(column)
        self.disks = sorted({info.entity for info in window.series if _is_a_disk(info)})
        """The filesystems that something is told of and that can fill."""

    def cpu(self, host: str) -> Floats:
        """What is not idle, over all cores."""
        for name in CPU_TIMES:
            idle = self._of(name, host, CPU_MODES, ("idle",))
            if len(idle):
                cores = np.isfinite(idle).sum(axis=0)
                return np.asarray(1.0 - _shares(np.nansum(idle, axis=0), cores), np.float64)
        return np.empty(0)

    def memory(self, host: str) -> Used:
        return self._used("memory", host, _OF_MEMORY) or self._left(_MEMORY, host) or _NOTHING

    def disk(self, disk: str) -> Used:
        return self._used("filesystem", disk, ()) or self._left(_DISK, disk) or _NOTHING

    def of_service(self, service: str) -> Floats:
        """The memory of a service's newest process, in bytes: one that was restarted is another one."""
        for name in _OF_SERVICES:
            found = self._of(name, service)
            if len(found):
                newest: Floats = found[_by_last_word(found)[-1]]
                return newest
        return np.empty(0)

    def _used(self, what: str, entity: str, states: Sequence[str]) -> Used | None:
        """By the share, or by what is used of all states (of these alone, where they are given)."""
        share, size = self._of(_SHARE.format(what), entity, _STATES, (_USED, "")), self._of(_LIMIT, entity)
        if len(share):
            return Used(_one(share), _last(_one(size)) if len(size) else None)
        every = self._by_state(_USAGE.format(what), entity, states)
        if _USED not in every or len(every) < 2:
            return None
        total = np.nansum(list(every.values()), axis=0)
        return Used(_shares(every[_USED], total), _last(np.where(total > 0, total, np.nan)))

    def _by_state(self, name: str, entity: str, states: Sequence[str]) -> dict[str, Floats]:
        """What is in each state (in these alone, where they are given), however many tell of it."""
        columns = self._columns.get((name, entity), [])
        said = dict.fromkeys(_said(self._window.series[column], _STATES) for column in columns)
        wanted = [state for state in said if not states or state in states]
        return {state: _one(self._of(name, entity, _STATES, (state,))) for state in wanted}

    def _left(self, names: tuple[str, str], entity: str) -> Used | None:
        """By what is free, and what there is."""
        free, total = (self._of(name, entity) for name in names)
        if not len(free) or not len(total):
            return None
        size = _one(total)
        return Used(1.0 - _shares(_one(free), size), _last(size))

    def _of(self, name: str, entity: str, labels: Sequence[str] = (), values: Sequence[str] = ()) -> Floats:
        """The series of a name, one row each; those whose first known label has one of the values, where some are."""
        columns = self._columns.get((name, entity), [])
        if values:
            columns = [column for column in columns if _said(self._window.series[column], labels) in values]
        return np.ascontiguousarray(self._window.values[:, columns].T)


def _by_last_word(rows: Floats) -> list[int]:
    """The places of series, the one that was heard last behind the others."""
    seen = np.isfinite(rows)
    newest = np.where(seen.any(axis=1), rows.shape[1] - np.argmax(seen[:, ::-1], axis=1), 0)
    return [int(place) for place in np.argsort(newest, kind="stable")]


def _one(rows: Floats) -> Floats:
    """What several tell of the same thing, such as an agent and its successor: by who of them was heard last."""
    found: Floats = np.full(rows.shape[1], np.nan)
    for place in _by_last_word(rows):
        found = np.where(np.isfinite(rows[place]), rows[place], found)
    return found


def _said(info: SeriesInfo, labels: Sequence[str]) -> str:
    own: Mapping[str, str] = info.attributes
    return next((own[label] for label in labels if label in own), "")


def _is_a_disk(info: SeriesInfo) -> bool:
    kind = info.attributes.get("system.filesystem.type") or info.attributes.get("fstype") or ""
    return info.entity.startswith("disk:") and kind not in READ_ONLY_FILESYSTEMS and kind not in _IN_MEMORY


def _shares(part: Floats, whole: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


def _last(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else None
