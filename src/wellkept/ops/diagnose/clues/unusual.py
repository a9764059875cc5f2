"""It uses more or less of the machine than it did, and differently from the others: a sign of other work."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from wellkept.kernel.diagnosis import Look
from wellkept.ops.diagnose.base import Case, Hint
from wellkept.ops.diagnose.contrast import bare, level, squash
from wellkept.ops.diagnose.felt import ENOUGH

HALF = 6.0
"""So many usual spreads away are half a sign."""
LEAST_SPREADS = 1.0
LEVEL = 0.05
"""A usual spread is at least this share of the usual level."""
_SERIES = {"process.cpu.utilization": "CPU", "process.memory.usage": "Memory", "process.memory.utilization": "Memory"}


class UnusualClue:
    """CPU or memory of a service is many usual spreads away from before, up or down, and beyond what all moved by.

    The last resort, for where no traces tell what went otherwise: code that takes another way does other work. Its
    weight names nobody by itself; it puts whom nothing else speaks against into an order.
    """

    kind = "unusual"

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        if case.traces is not None:
            return {}
        before, during = level(case.metrics, case, during=False), level(case.metrics, case, during=True)
        low, high = (level(case.metrics, case, during=False, quantile=share) for share in (0.25, 0.75))
        spreads = (during - before) / (high - low + LEVEL * np.abs(before) + 1e-9)
        known = np.isfinite(case.metrics.values[case.before.first : case.before.last]).sum(axis=0) >= ENOUGH
        hints: dict[str, Hint] = {}
        for series, what in _SERIES.items():
            columns = [
                column
                for column, info in enumerate(case.metrics.series)
                if info.name == series and info.entity in case.suspects and known[column]
                and np.isfinite(spreads[column])
            ]  # fmt: skip
            if not columns:
                continue
            all_moved = float(np.median(spreads[columns]))
            for column in columns:
                entity, away = case.metrics.series[column].entity, abs(float(spreads[column]) - all_moved)
                strength = squash(away, HALF) if away >= LEAST_SPREADS else 0.0
                if strength > hints.get(entity, Hint(0.0, "")).strength:
                    sentence = f"{what} of {bare(entity)} is {away:.0f} usual spreads away from where it was."
                    hints[entity] = Hint(strength, sentence, pointers=(case.pointer(Look.SERIES, series, entity),))
        return hints
