"""The gates of a contract: what a version must pass to be released."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from wellkept.ml.part import Part
from wellkept.ml.tasks import Metric, is_own

COMPARED = ("versus_champion", "versus_baseline")
CONDITIONS = ("metric", *COMPARED, "latency_p99_ms", "slice", "missing_drop", "alone_at_most")


class Gate(Part):
    """One condition of release, judged on rows that the model has not seen.

    A floor or a ceiling (``metric``), a comparison with the champion or with the simplest forecast or ranking on the
    same rows (``versus_...``), the time of one answer, the worst value of a column (``slice``), how much may be lost
    when an input is missing, how much one input may tell all alone.
    """

    metric: Metric | None = None
    at_least: float | None = None
    at_most: float | None = None
    versus_champion: Metric | None = None
    versus_baseline: Metric | None = None
    margin: float = 0.0
    confident: bool = False
    """Whether the whole 90 % interval must pass, not the value alone."""
    latency_p99_ms: Annotated[float, Field(gt=0)] | None = None
    slice: str | None = None
    drop: Annotated[float, Field(gt=0)] = 0.1
    min_rows: Annotated[int, Field(ge=10)] = 50
    missing_drop: Annotated[float, Field(gt=0)] | None = None
    alone_at_most: Annotated[float, Field(gt=0, le=1)] | None = None

    @model_validator(mode="after")
    def _is_one_condition(self) -> Gate:
        if sum(getattr(self, name) is not None for name in CONDITIONS) != 1:
            raise ValueError(f"must be exactly one of {', '.join(CONDITIONS)}")
        if self.metric is not None and (self.at_least is None) == (self.at_most is None):
            raise ValueError("metric needs exactly one of at_least, at_most")
        compared = self.versus_champion or self.versus_baseline
        if compared is not None and is_own(compared):
            raise ValueError(f"a metric of the project's own has a floor or a ceiling and no rival, got {compared!r}")
        return self

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that it names."""
        return tuple(name for name in (self.metric, self.versus_champion, self.versus_baseline) if name is not None)
