"""Lines of log patterns in a view: what the detectors of patterns share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Evidence
from wellkept.ops.detect.base import View
from wellkept.ops.detect.signals import moment, picture
from wellkept.store.telemetry.window import SeriesInfo

Floats = NDArray[np.float64]

PATTERN, PARAMETER = "log.pattern", "log.parameter"
ERROR, WARN = 17, 13
"""The least severity numbers of errors and of warnings."""
SHOWN = 300
"""Characters of a template or of a line that a sentence shows."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One pattern of one entity: lines in each step (float64[T], 0 where none came)."""

    info: SeriesInfo
    counts: Floats

    @property
    def pattern(self) -> str:
        return self.info.attributes["pattern"]

    @property
    def template(self) -> str:
        return _short(self.info.attributes.get("template", ""))

    @property
    def sample(self) -> str:
        return _short(self.info.attributes.get("sample", ""))

    @property
    def severity(self) -> int:
        """The worst severity number of its lines; 0 where senders name none."""
        return int(self.info.attributes.get("severity", "0") or 0)

    @property
    def first_seen(self) -> float:
        """Since when the pattern is known anywhere, in seconds since the epoch."""
        return float(self.info.attributes.get("first_seen", "0") or 0.0)


class Lines:
    """The patterns of a view by entity, in the order of entity and pattern; without those of blind entities."""

    def __init__(self, view: View) -> None:
        window = view.patterns
        self.times: Floats = window.times if window is not None else np.empty(0)
        self.step_s = view.step_s
        found: list[Line] = []
        if window is not None and len(self.times) > 1:
            counts = np.ascontiguousarray(np.nan_to_num(window.values).T)
            for column, info in enumerate(window.series):
                if info.name == PATTERN and info.entity and info.entity not in view.blind.entities:
                    found.append(Line(info, counts[column]))
        self.all = sorted(found, key=lambda line: (line.info.entity, line.pattern))

    @cached_property
    def totals(self) -> Mapping[str, Floats]:
        """Lines of each entity in each step."""
        sums: dict[str, Floats] = {}
        for line in self.all:
            sums[line.info.entity] = sums[line.info.entity] + line.counts if line.info.entity in sums else line.counts
        return sums

    @cached_property
    def known_since(self) -> Mapping[str, float]:
        """Since when the oldest of an entity's patterns is known, in seconds since the epoch."""
        found: dict[str, float] = {}
        for line in self.all:
            found[line.info.entity] = min(found.get(line.info.entity, np.inf), line.first_seen)
        return found

    def began(self, step: int) -> datetime:
        """When a step of the window began."""
        return moment(self.times[step] - self.step_s)

    def evidence(self, line: Line, values: Mapping[str, float]) -> Evidence:
        """The evidence of a finding about a pattern: its picture, and one of its lines."""
        return Evidence(
            signal=PATTERN,
            attributes={"pattern": line.pattern, "template": line.template},
            unit="{line}",
            window_start=moment(self.times[0]),
            window_end=moment(self.times[-1]),
            points=picture(self.times, line.counts),
            values=values,
            samples=(line.sample,) if line.sample else (),
        )


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."
