"""The contract's part about drift."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from wellkept.ml.part import Part


class DriftMonitor(Part):
    """Drift of inputs, of scores, and of the relation to the truth: over which window, and how readily told."""

    psi: Annotated[float, Field(gt=0)] = 0.1
    """The smallest effect that counts (population stability index); what chance explains is no drift, however large."""
    window_s: Annotated[float, Field(gt=0)] = 3600
    min_rows: Annotated[int, Field(ge=50)] = 500
    alarms_per_month: Annotated[float, Field(gt=0, le=100)] = 1.0
    """How many false alarms of drift this model may give in thirty days, over all its inputs and windows."""
