"""The doors of noise and of grouping, wired."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from wellkept.api import grouping, noise
from wellkept.ops.correlate.noise.usecases import NoiseUse

if TYPE_CHECKING:
    from wellkept.app.platform import Platform


def install(app: FastAPI, platform: Platform) -> None:
    """The routes; without the ops loop nothing is judged, and there are none."""
    if platform.ops is not None:
        app.include_router(noise.router(use_of(platform), platform.clock))
        app.include_router(grouping.router(platform.ops.grouping.use))


def use_of(platform: Platform) -> NoiseUse:
    """What people ask about noise."""
    return NoiseUse(platform.noise, platform.stream, platform.topology, platform.clock)
