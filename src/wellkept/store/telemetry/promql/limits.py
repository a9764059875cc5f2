"""How much one query may ask for."""

from __future__ import annotations

from dataclasses import dataclass

from wellkept.store.telemetry.promql.errors import EvaluationError, ExpressionError


@dataclass(frozen=True, slots=True)
class Limits:
    """``steps`` of a range, ``series`` of a selector, ``cells`` (series times steps) of one array, ``spread`` (samples
    times the windows they lie in) where the engine has no function on a grid, ``memory`` of one statement in bytes, and
    ``seconds`` for the whole query. ``at_once``: queries that are answered side by side; the others wait.
    """

    steps: int = 11_000
    series: int = 50_000
    cells: int = 10_000_000
    spread: int = 20_000_000
    memory: int = 2 << 30
    seconds: float = 30.0
    at_once: int = 2

    def check_steps(self, steps: int) -> None:
        """Refuse a resolution that nobody can look at, in the words that Grafana's users know."""
        if steps > self.steps:
            rule = f"exceeded maximum resolution of {self.steps:,} points per timeseries; try a larger step"
            raise ExpressionError("step", rule, steps)

    def check_series(self, series: int, what: str) -> None:
        """Refuse a selector that matches too much."""
        if series > self.series:
            raise EvaluationError(f"selector {what}", f"must match at most {self.series:,} series; narrow it")

    def check_cells(self, series: int, steps: int, what: str) -> None:
        """Refuse an array that would not fit."""
        if series * steps > self.cells:
            rule = f"must come to at most {self.cells:,} values (series times steps); narrow it, or take a larger step"
            raise EvaluationError(what, rule, series * steps)

    def check_spread(self, samples: int, windows: int, what: str) -> None:
        """Refuse a function over windows that would look at too many samples."""
        if samples * windows > self.spread:
            rule = f"must look at at most {self.spread:,} samples (times the windows they lie in)"
            raise EvaluationError(what, rule, samples * windows)
