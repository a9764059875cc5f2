"""Functions over a window of samples, as aggregates of the engine: what each step sees of (step - range, step]."""

from __future__ import annotations

from dataclasses import dataclass

GRID = (
    "fromUnixTimestamp64Milli({start:Int64}), fromUnixTimestamp64Milli({end:Int64}), "
    "{step:Decimal64(3)}, {window:Decimal64(3)}"
)
_SAMPLES = "(time, value)"
_TOTALS = "(time, total)"
_MOMENTS = "(time, toUnixTimestamp64Milli(time) / 1000)"


@dataclass(frozen=True, slots=True)
class Window:
    """How a function becomes SQL.

    ``of_deltas``: the same for series of delta temporality, whose samples are increases already. ``of_buckets``: over
    the buckets of a tier, where their last samples are not what counts. ``is_extensive``: a window twice as long has
    twice as much of it. ``is_spread``: the engine has no function on a grid for it. ``keeps_name``: the result is
    still the same metric.
    """

    sql: str
    of_deltas: str = ""
    of_buckets: str = ""
    is_extensive: bool = False
    is_spread: bool = False
    keeps_name: bool = False

    def reading(self, *, buckets: bool, deltas: bool) -> str:
        """The SQL for points or for buckets, of series of delta temporality or of any other."""
        if deltas and self.of_deltas:
            return self.of_deltas.replace(_SAMPLES, _TOTALS) if buckets else self.of_deltas
        return self.of_buckets if buckets and self.of_buckets else self.sql


def _grid(function: str, arguments: str = _SAMPLES, more: str = "") -> str:
    return f"timeSeries{function}ToGrid({GRID}{more}){arguments}"


_SUM = _grid("Sum")
_TOTAL = _grid("Sum", _TOTALS)
_COUNTED = _grid("Sum", "(time, samples)")
_QUANTILE = "quantileExactInclusive({parameter:Float64})(if(isNaN(sample), -inf, sample))"
"""NaN is the smallest of numbers here; by itself the engine's function would leave it out."""

WINDOWS = {
    "rate": Window(_grid("Rate"), f"arrayMap(v -> v / toFloat64({{window:Decimal64(3)}}), {_SUM})"),
    "increase": Window(_grid("Increase"), _SUM, is_extensive=True),
    "irate": Window(
        _grid("InstantRate"), f"arrayMap((v, s) -> v / s, {_grid('Last')}, {_grid('InstantDelta', _MOMENTS)})"
    ),
    "delta": Window(_grid("Delta"), is_extensive=True),
    "idelta": Window(_grid("InstantDelta")),
    "deriv": Window(_grid("Deriv")),
    "predict_linear": Window(_grid("PredictLinear", more=", {parameter:Float64}")),
    "resets": Window(_grid("Resets"), is_extensive=True),
    "changes": Window(_grid("Changes"), is_extensive=True),
    "avg_over_time": Window(
        _grid("Avg"), of_buckets=f"arrayMap((total, count) -> total / count, {_TOTAL}, {_COUNTED})"
    ),
    "min_over_time": Window(_grid("Min"), of_buckets=_grid("Min", "(time, least)")),
    "max_over_time": Window(_grid("Max"), of_buckets=_grid("Max", "(time, greatest)")),
    "sum_over_time": Window(_SUM, of_buckets=_TOTAL, is_extensive=True),
    "count_over_time": Window(_grid("Count"), of_buckets=_COUNTED, is_extensive=True),
    "last_over_time": Window(_grid("Last"), keeps_name=True),
    "present_over_time": Window(f"arrayMap(v -> v * 0 + 1, {_grid('Count')})"),
    "absent_over_time": Window(_grid("Count")),
    "ts_of_last_over_time": Window(_grid("Last", _MOMENTS)),
    "ts_of_max_over_time": Window(_grid("TimestampOfMax"), of_buckets=_grid("TimestampOfMax", "(time, greatest)")),
    "ts_of_min_over_time": Window(_grid("TimestampOfMin"), of_buckets=_grid("TimestampOfMin", "(time, least)")),
    "stddev_over_time": Window("stddevPopStable(sample)", is_spread=True),
    "stdvar_over_time": Window("varPopStable(sample)", is_spread=True),
    "quantile_over_time": Window(
        f"if({_QUANTILE} = -inf AND countIf(isNaN(sample)) > 0, nan, {_QUANTILE})", is_spread=True
    ),
}
"""By the function's name in PromQL."""
