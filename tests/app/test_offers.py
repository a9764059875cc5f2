"""What a retrain brought is offered, also where the contract's way of bringing it in does not fit it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.ml.workshop import NOON

from wellkept.app.mloop import Promotions
from wellkept.kernel.errors import ConflictError
from wellkept.ml.deploy.usecases import OtherInputsError
from wellkept.spine.registry import ModelVersion, VersionState

VERSION = ModelVersion("fraud", "sha256:1", NOON, "sha256:1", "onnx", "", state=VersionState.PASSED)


class Road:
    """Rollouts that cannot be proposed."""

    def __init__(self, error: ConflictError) -> None:
        self._error = error
        self.switches: list[str] = []

    def proposed(self, *_: Any) -> None:
        raise self._error

    def switched(self, _: ModelVersion, by: str, why: str) -> str:
        self.switches.append(f"{by}: {why}")
        return "a plan"


def offered(road: Road) -> Any:
    platform: Any = SimpleNamespace(registry=None, clock=None)
    rollouts: Any = road
    releases: Any = None
    return Promotions(platform, releases, rollouts).offer(VERSION, "wellkept", "retrained")


def test_a_version_of_other_inputs_is_offered_as_a_switch_that_says_why() -> None:
    road = Road(OtherInputsError("version 3 of fraud", "takes other inputs than the champion (risk)"))

    assert offered(road) == "a plan"
    assert road.switches == ["wellkept: retrained (version 3 of fraud: takes other inputs than the champion (risk))"]


def test_while_another_rollout_is_under_way_nothing_is_offered() -> None:
    road = Road(ConflictError("model fraud", "has a rollout under way"))

    assert offered(road) is None
    assert road.switches == []
