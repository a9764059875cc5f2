"""Who runs a retrain: this platform, or a team's own CI that reports back. A part of ``retrain`` in a contract."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from wellkept.ml.part import Part


class Runner(Part):
    """Where retrains run, and how long a CI may take."""

    runner: Literal["here", "ci"] = "here"
    """``ci``: the rows go to the webhook named by ``hook``, and the platform waits for what comes back."""
    hook: Annotated[str, Field(pattern=r"^([a-z][a-z0-9_-]{0,62})?$")] = ""
    """An endpoint of ``webhooks.send``."""
    within_s: Annotated[float, Field(gt=0, le=14 * 86_400)] = 21_600
    """After so many seconds without a report the run has failed."""

    @model_validator(mode="after")
    def _is_whole(self) -> Runner:
        if (self.runner == "ci") != bool(self.hook):
            raise ValueError("hook must be there when, and only when, runner is ci")
        return self
