"""What is learned of all series: one baseline for each window, and what it says of the newest steps."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError, StoreError
from wellkept.ops.detect.baseline import SHIPPED, Baseline, Parameters, Scores
from wellkept.ops.detect.baseline.base import EntityScores
from wellkept.ops.detect.feed import Fed
from wellkept.ops.detect.together import EntityMemory
from wellkept.store.telemetry.window import SeriesInfo, Window

WINDOWS = ("metrics", "red", "exclusive", "logs")
KEPT_STEPS = 6
"""What was said of so many newest steps is kept for detectors."""
MOST_GONE, FEW = 3, 10_000
"""So many times as many series that are gone are remembered at most as there are others, or so many if that is more:
where instances come and go all day, a week of them would take more memory than all that is looked at."""
LATE_STEPS = 12
"""A value that comes late is learned when it comes, up to this many steps after its own."""
SAID = ("sudden", "unusual", "low", "high", "blame", "standard")
"""The arrays of ``Scores`` that have one row a step."""
FORMAT = 2
"""Moves when the checkpoint is laid out anew."""
READABLE = (1, 2)
"""Of the first, what is said of entities is learned anew."""

Slots = NDArray[np.intp]
Floats = NDArray[np.float32]

_log = logging.getLogger(__name__)


class Memory(Protocol):
    """Where what is learned outlives the process."""

    def save(self, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None: ...

    def load(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None: ...


class Learned:
    """The baselines of all windows. Steps are given once and in order; a value that comes late with the step after."""

    def __init__(self, step_s: float, shard: str = "0/1", parameters: Parameters = SHIPPED) -> None:
        self._step_s, self._shard, self._parameters = step_s, shard, parameters
        self._parts = {name: _Part(step_s, parameters) for name in WINDOWS}
        self._entities = EntityMemory(parameters)
        self.end: int | None = None
        """The number of the last step that was learned."""

    def learn(self, fed: Fed) -> None:
        """Take in the new steps of windows that were moved on."""
        if not len(fed.metrics.times):
            return
        end = round(float(fed.metrics.times[-1]) / self._step_s)
        new = fed.new if self.end is None else min(fed.new, end - self.end)
        if new > 0:
            standard = [part.learn(getattr(fed, name), new) for name, part in self._parts.items()]
            self._entities.learn(_series(fed), standard, fed.metrics.times[-new:])
            self.end = end

    def scores(self, fed: Fed) -> dict[str, Scores]:
        """What is said of the newest steps of these windows, aligned with their series; of what was learned alone."""
        return {name: part.scores(getattr(fed, name)) for name, part in self._parts.items() if part.baseline.series}

    def thresholds(self, fed: Fed, budget: float) -> dict[str, Floats]:
        """The least score worth a finding, of each series of the same windows."""
        parts = {name: part for name, part in self._parts.items() if part.baseline.series}
        return {name: part.thresholds(getattr(fed, name), budget) for name, part in parts.items()}

    def entities(self, fed: Fed, budget: float) -> EntityScores:
        """What is said of entities that have several metrics in these windows."""
        return self._entities.scores(_series(fed), budget)

    def fork(self, entities: Iterable[str], at: float) -> None:
        """These were changed on purpose: what is usual of them is learned anew."""
        changed = frozenset(entities)
        for part in self._parts.values():
            part.fork(changed, at)

    def forget(self, unseen_s: float, unknown_s: float) -> None:
        """Let go of the series that had no value for ``unseen_s``, or that are not known yet and had none for
        ``unknown_s``; and of those gone for longest, where they are ``MOST_GONE`` times as many as all others.
        """
        if self.end is not None:
            unseen, unknown = (self.end - round(seconds / self._step_s) for seconds in (unseen_s, unknown_s))
            for part in self._parts.values():
                part.forget(unseen, unknown)
            now_s = self.end * self._step_s
            self._entities.forget(now_s - unseen_s, now_s - unknown_s)

    @property
    def entities_known(self) -> int:
        return self._entities.count

    @property
    def series(self) -> int:
        return sum(part.baseline.series for part in self._parts.values())

    @property
    def bytes_per_series(self) -> int:
        """What is held of a series, with what was said of it lately."""
        return self._parts["metrics"].baseline.state_bytes + 4 * len(SAID) * KEPT_STEPS + 24

    def save(self, memory: Memory) -> None:
        """Write everything down, so that ``restored`` goes on from here.

        Raises:
            StoreError: it cannot be written.
        """
        arrays: dict[str, NDArray[Any]] = {}
        for name, part in self._parts.items():
            arrays |= {f"{name}.{key}": array for key, array in part.saved().items()}
        arrays |= {f"entities.{key}": array for key, array in self._entities.saved().items()}
        memory.save({**self._header(), "end": self.end}, arrays)

    def restore(self, memory: Memory) -> bool:
        """Go on from what was written down; False where nothing was, or nothing that is of use, which is logged."""
        try:
            found = memory.load()
            if found is None:
                return False
            header, arrays = found
            ours = self._header()
            ours["format"] = header.get("format") if header.get("format") in READABLE else FORMAT
            other = [key for key in ours if header.get(key) != ours[key]]
            if other:
                raise InputError(
                    "checkpoint", f"must be of the same {', '.join(other)} to be used", header.get(other[0])
                )
            parts = {name: _Part(self._step_s, self._parameters) for name in WINDOWS}
            for name, part in parts.items():
                part.restore(_under(name, arrays))
            entities = EntityMemory(self._parameters)
            if header["format"] == FORMAT:
                entities.restore(_under("entities", arrays))
            end = header["end"]
        except (StoreError, InputError, KeyError, ValueError, TypeError, IndexError) as error:
            _log.warning("what was learned cannot be used, and is learned anew: %s", error)
            return False
        self._parts, self._entities, self.end = parts, entities, None if end is None else int(end)
        return True

    def _header(self) -> dict[str, Any]:
        told = repr(sorted(asdict(self._parameters).items()))
        digest = hashlib.sha256(told.encode()).hexdigest()[:16]
        version = f"{self._parameters.version}-{digest}"
        return {"format": FORMAT, "parameters": version, "step_s": self._step_s, "shard": self._shard}


def _series(fed: Fed) -> tuple[tuple[SeriesInfo, ...], ...]:
    return tuple(getattr(fed, name).series for name in WINDOWS)


def _under(name: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The arrays of one part, by their names in it."""
    return {key.partition(".")[2]: array for key, array in arrays.items() if key.startswith(f"{name}.")}


class _Part:
    """The baseline of one window, whose columns are found by the ids of their series."""

    def __init__(self, step_s: float, parameters: Parameters) -> None:
        self.baseline = Baseline(0, parameters)
        self._step_s, self._parameters = step_s, parameters
        self._slots: dict[int, int] = {}
        self._learned: NDArray[np.int64] = np.empty(0, np.int64)
        self._of: tuple[tuple[SeriesInfo, ...], Slots] = ((), np.empty(0, np.intp))
        self._entities: dict[str, set[int]] = {}
        self._said = dict.fromkeys(SAID, np.empty((0, 0), np.float32))
        self._ready: NDArray[np.bool_] = np.empty(0, np.bool_)

    def learn(self, window: Window, new: int) -> Floats:
        """Take in the newest ``new`` steps; gives ``Scores.standard`` of them, aligned with the window."""
        slots = self._slots_of(window.series)
        if not self.baseline.series:
            return np.zeros((new, 0), np.float32)
        times = window.times[-new:]
        values = np.full((new, self.baseline.series), np.nan)
        values[:, slots] = self._due(window, slots) if new == 1 else window.values[-new:]
        self._note(window, slots, new)
        scores = self.baseline.advance(times, values)
        nothing = np.zeros_like(scores.sudden)
        for name, old in self._said.items():
            new_rows = getattr(scores, name)
            self._said[name] = self._kept(old, nothing if new_rows is None else new_rows)
        self._ready = scores.ready
        assert scores.standard is not None
        return scores.standard[:, slots]

    def _due(self, window: Window, slots: Slots) -> NDArray[np.float64]:
        """The newest value of each series that was not learned yet: [1, S]; it may be of a step that is past."""
        end = round(float(window.times[-1]) / self._step_s)
        newest = window.values[-LATE_STEPS:]
        seen = np.isfinite(newest)
        row = len(newest) - 1 - np.argmax(seen[::-1], axis=0)
        step = np.where(seen.any(axis=0), end - (len(newest) - 1 - row), -1)
        values = newest[row, np.arange(newest.shape[1])]
        return np.where(step > self._learned[slots], values, np.nan)[None, :]

    def _note(self, window: Window, slots: Slots, new: int) -> None:
        """Which step of each series was learned last."""
        end = round(float(window.times[-1]) / self._step_s)
        newest = window.values[-max(new, LATE_STEPS) :]
        seen = np.isfinite(newest)
        last = np.where(seen.any(axis=0), end - np.argmax(seen[::-1], axis=0), -1)
        self._learned[slots] = np.maximum(self._learned[slots], last)

    def _kept(self, old: Floats, new: Floats) -> Floats:
        """The newest steps of both, where series may have come since."""
        room = max(0, KEPT_STEPS - len(new))
        before = old[len(old) - min(room, len(old)) :]
        if before.shape[1] < new.shape[1]:
            before = np.pad(before, ((0, 0), (0, new.shape[1] - before.shape[1])))
        return np.concatenate((before, new[-KEPT_STEPS:]))

    def scores(self, window: Window) -> Scores:
        slots = self._slots_of(window.series)
        self._widen()
        rows = {name: array[-len(window.times) :, slots] for name, array in self._said.items()}
        return Scores(ready=self._ready[slots], **rows)

    def thresholds(self, window: Window, budget: float) -> Floats:
        return self.baseline.thresholds(budget)[self._slots_of(window.series)]

    def _widen(self) -> None:
        """Of series that came since the last step nothing is said yet."""
        more = self.baseline.series - len(self._ready)
        if more > 0:
            self._said = {name: np.pad(array, ((0, 0), (0, more))) for name, array in self._said.items()}
            self._ready = np.pad(self._ready, (0, more))

    def fork(self, entities: frozenset[str], at: float) -> None:
        columns = sorted(slot for entity in entities for slot in self._entities.get(entity, ()))
        if columns:
            self.baseline.fork(np.array(columns, np.intp), at)

    def _slots_of(self, series: tuple[SeriesInfo, ...]) -> Slots:
        """The columns of these series; those that are new are let in."""
        if series is self._of[0]:
            return self._of[1]
        for info in series:
            slot = self._slots.setdefault(info.id, len(self._slots))
            self._entities.setdefault(info.entity, set()).add(slot)
        more = len(self._slots) - self.baseline.series
        if more:
            self.baseline.grow(more)
            self._learned = np.concatenate((self._learned, np.full(more, -1, np.int64)))
        slots = np.fromiter((self._slots[info.id] for info in series), np.intp, len(series))
        self._of = (series, slots)
        return slots

    def forget(self, unseen: int, unknown: int) -> None:
        """Both are numbers of steps, the second not before the first."""
        self._widen()
        lasting = self._learned >= np.where(self._ready, unseen, unknown)
        gone = np.flatnonzero(lasting & (self._learned < unknown))
        most = max(FEW, MOST_GONE * int((self._learned >= unknown).sum()))
        if len(gone) > most:
            lasting[gone[np.argsort(-self._learned[gone], kind="stable")[most:]]] = False
        kept = np.flatnonzero(lasting)
        if len(kept) > 0.9 * len(self._learned):
            return
        self.baseline.keep(kept)
        ids = np.fromiter(self._slots, np.uint64, len(self._slots))[kept].tolist()
        self._slots = {series: slot for slot, series in enumerate(ids)}
        self._learned, self._ready = self._learned[kept], self._ready[kept]
        self._said = {name: array[:, kept] for name, array in self._said.items()}
        self._of, self._entities = ((), np.empty(0, np.intp)), {}

    def saved(self) -> dict[str, NDArray[Any]]:
        ids = np.fromiter(self._slots, np.uint64, len(self._slots))
        said = {f"said.{name}": array for name, array in self._said.items()}
        own = {"ids": ids, "learned": self._learned, "ready": self._ready, **said}
        return {**own, **{f"state.{key}": array for key, array in self.baseline.save().items()}}

    def restore(self, saved: Mapping[str, NDArray[Any]]) -> None:
        ids = saved["ids"].tolist()
        self.baseline = Baseline(len(ids), self._parameters)
        state = {key.partition(".")[2]: array for key, array in saved.items() if key.startswith("state.")}
        self.baseline.restore(state)
        saved = {"said.standard": np.zeros_like(saved["said.sudden"]), **saved}  # the first format had none
        if not self.baseline.series == len(saved["learned"]) == len(ids) == len(set(ids)):
            raise InputError("checkpoint", "must hold one column a series", self.baseline.series)
        self._slots = {series: slot for slot, series in enumerate(ids)}
        self._learned, self._ready = saved["learned"], saved["ready"]
        self._said = {name: saved[f"said.{name}"] for name in SAID}
