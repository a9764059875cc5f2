"""Rollouts, wired: the desk, the runner that judges, and what model servers say of what they have loaded."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from wellkept.app.schedule import Job, Loop
from wellkept.kernel.plan import Plan
from wellkept.ml.deploy.actions import RollOut, WatchRelease
from wellkept.ml.deploy.desk import RolloutDesk
from wellkept.ml.deploy.paired import Reader
from wellkept.ml.deploy.remembered import Remembered
from wellkept.ml.deploy.runner import Loaded, RolloutRunner
from wellkept.ml.deploy.usecases import RolloutCases
from wellkept.ml.releases import Releases
from wellkept.spine.action import ActionHandler
from wellkept.spine.gate import Gate
from wellkept.spine.registry import CHAMPION, ModelVersion
from wellkept.spine.rollouts import Rollouts, RolloutState

if TYPE_CHECKING:
    from wellkept.app.platform import Platform

PATIENCE_S = 1.0


class RolloutLoop:
    """Everything about rollouts that the platform runs."""

    def __init__(self, platform: Platform, releases: Releases) -> None:
        self._platform = platform
        self.rollouts = Rollouts(platform.state)
        registry, clock = platform.registry, platform.clock
        self.desk = RolloutDesk(self.rollouts, registry, platform.stream, platform.audit, clock)
        reader = Reader(Remembered(platform.telemetry.arms, time.perf_counter), releases)
        servers = OwnServer(platform.settings.data.resolve() / "served" / "address")
        self._runner = RolloutRunner(
            self.rollouts, self.desk, registry, reader, platform.stream, platform.topology, servers
        )
        self.usecases = RolloutCases(self.rollouts, registry, self.desk, reader, clock)

    def handlers(self) -> Sequence[ActionHandler]:
        """The actions of rollouts."""
        platform = self._platform
        return [
            RollOut(self.desk, platform.registry, platform.clock),
            WatchRelease(self.desk, self.rollouts, platform.registry, platform.stream, platform.clock),
        ]

    def attach(self, gate: Gate, promote: Callable[[ModelVersion, str, str], Plan]) -> None:
        """Name the gate, and who proposes a promotion of its own."""
        self._runner.gate, self._runner.promote, self.usecases.gate = gate, promote, gate

    def loop(self) -> Loop:
        """The loop that judges."""
        clock, every_s = self._platform.clock, self._platform.settings.ml.rollout_every_s
        return Loop("rollouts", every_s, [Job("rollouts", lambda: self._runner.tick(clock.now()), led=True)])

    def proposed(self, version: ModelVersion, by: str, why: str) -> Plan | None:
        """The rollout that the version's contract wants in place of a promotion at once; None where it wants none."""
        policy = self.usecases.policy(version, {})
        if policy.strategy is None or self._platform.registry.alias(version.model, CHAMPION) is None:
            return None
        return self.usecases.plan(version, policy, by, why)

    def switched(self, version: ModelVersion, by: str, why: str) -> Plan:
        """A blue-green rollout, whatever the contract's strategy is."""
        return self.usecases.plan(version, self.usecases.policy(version, {"strategy": "blue_green"}), by, why)

    def stopped(self, model: str, by: str, why: str) -> tuple[str, bool]:
        """Stop the model's rollout where one is under way: what was stopped, and whether the version before is back."""
        live = next(iter(self.rollouts.live(model)), None)
        if live is None:
            return "", False
        self.desk.call_off(model, why, by)
        number = self._platform.registry.version(model, live.challenger).number
        is_back = live.state is RolloutState.WATCHING
        ending = "the version before comes back" if is_back else "the champion answers alone"
        return f"the {live.strategy.replace('_', '-')} rollout of version {number} of {model}; {ending}", is_back

    def close(self) -> None:
        self.desk.close()


class OwnServer:
    """Asks the model server that runs beside the platform; its address is in a file."""

    def __init__(self, address: Path) -> None:
        self._address = address

    def loaded(self, model: str) -> Loaded | None:
        """What it has of a model; None where it does not answer."""
        try:
            url = self._address.read_text(encoding="ascii").strip()
            answer = httpx.get(f"{url}/v2/health/ready", timeout=PATIENCE_S)
            told: dict[str, Any] = answer.json()
        except (OSError, ValueError, httpx.HTTPError):
            return None
        numbers = frozenset(int(number) for number in told.get("versions", {}).get(model, ()))
        troubles = {int(number): str(words) for number, words in told.get("troubles", {}).get(model, {}).items()}
        return Loaded(numbers, troubles)
