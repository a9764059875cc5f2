"""The doors of noise and of grouping, wired."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from wellkept.api import grouping, noise
from wellkept.ops.correlate.noise.usecases import NoiseUse
from wellkept.ops.correlate.rules.usecases import GroupingUse

if TYPE_CHECKING:
    from wellkept.app.platform import Platform


def install(app: FastAPI, platform: Platform) -> None:
    """The routes. They are there without the ops loop, too: what is prepared is in force when the loop runs."""
    app.include_router(noise.router(use_of(platform), platform.clock))
    app.include_router(grouping.router(grouping_of(platform)))


def use_of(platform: Platform) -> NoiseUse:
    """What people ask about noise."""
    return NoiseUse(platform.noise, platform.stream, platform.topology, platform.clock, platform.catalogue)


def grouping_of(platform: Platform) -> GroupingUse:
    """What people ask about grouping rules."""
    return GroupingUse(platform.grouping, platform.stream, platform.topology, platform.clock, platform.catalogue)
