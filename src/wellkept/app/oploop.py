"""The ops loop, wired: detect, correlate, diagnose, remediate."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from wellkept.app.detectors import detectors, switched_off
from wellkept.app.grouping import GroupingRules
from wellkept.app.rules import Rules
from wellkept.app.runbooks import runbooks
from wellkept.app.schedule import VITAL, Job, Loop
from wellkept.ops.correlate.noise.keeper import NoiseKeeper
from wellkept.ops.correlate.stage import CorrelateRunner
from wellkept.ops.detect.base import DetectSettings
from wellkept.ops.detect.explained import Explained
from wellkept.ops.detect.patterns.live import Patterns
from wellkept.ops.detect.stage import DetectRunner
from wellkept.ops.diagnose.rewording import Rewording
from wellkept.ops.diagnose.stage import DiagnoseRunner
from wellkept.ops.remediate.stage import Remediate
from wellkept.spine.action import ActionHandler
from wellkept.spine.gate import Gate
from wellkept.spine.plugins import load
from wellkept.spine.webhooks.send import Transport
from wellkept.store.checkpoint import Checkpoint
from wellkept.store.state.learned import LearnedRows
from wellkept.store.state.plans import PlanRows

if TYPE_CHECKING:
    from wellkept.app.platform import Platform

GROUPING_EVERY_S = 5.0
CORRELATE_EVERY_S, CORRELATE_REST_S, CORRELATE_RESTS = 1.0, 0.05, 5.0
"""Findings are grouped as they come; what time alone asks for, and what other servers stored, once a second.

A step costs by the incidents that it touches more than by the findings: in a storm few large steps are much cheaper.
"""
INCIDENTS_REST_S = 2.0
"""What follows from incidents follows at once, and in a storm after so long."""
DIAGNOSE_MOST_S = 0.5
"""So long a turn of diagnosis goes on; what is left is for the next, and grouping has the rest of the time."""
REWORD_EVERY_S = 5.0
RULES_EVERY_S = 1.0
"""How often it is looked which groups of rules are due; each is evaluated for whole multiples of its own rhythm."""


class OpsLoop:
    """From telemetry to a verified remedy."""

    def __init__(self, platform: Platform) -> None:
        settings = platform.settings.ops
        self._platform, self._settings = platform, settings
        self._runbooks = runbooks(settings.runbooks)
        self.detect = DetectRunner(
            platform.telemetry,
            platform.topology,
            platform.stream,
            detectors(settings.detect, settings.detectors),
            settings.detect,
            Checkpoint(platform.settings.data.resolve() / "detect" / _checkpoint(settings.detect)),
            platform.feedback,
            Patterns(platform.telemetry.patterns, settings.detect.step_s),
        )
        self.detect.watch(self._counted, platform.pauses.known)
        off = [load("detector")[name] for name in switched_off(settings.detectors)]
        self.detect.switched_off(kind.name for kind in off)
        self.explained = Explained(self.detect, platform.stream, platform.clock, settings.detect, off)
        self.rules = Rules(
            platform.telemetry,
            platform.stream,
            platform.topology,
            platform.identity.entity_of,
            platform.clock,
            settings.rules,
            platform.leader,
        )
        self.noise = NoiseKeeper(
            platform.noise,
            platform.grouping,
            platform.stream,
            settings.noise,
            platform.catalogue,
            PlanRows(platform.state),
        )
        self.grouping = GroupingRules(platform, settings.noise.grouping)
        self._correlate = CorrelateRunner(
            platform.stream,
            platform.topology,
            settings.correlate,
            platform.catalogue,
            self.noise,
            LearnedRows(platform.state, "correlate"),
        )
        clues = [clue() for clue in load("clue").values()]
        self._diagnose = DiagnoseRunner(
            platform.telemetry, platform.topology, platform.stream, clues, settings.diagnose, platform.causes.weigh
        )
        platform.causes.attach(self._diagnose, settings.diagnose)
        self._rewording = _rewording(platform)
        self._remediate: Remediate | None = None

    def _counted(self) -> dict[str, Any]:
        """What the doors counted since the start, as far as it tells of blind spots."""
        platform = self._platform
        points = platform.telemetry.points
        duplicates = sum(platform.ingest.duplicates().values())
        return {**points.status(), "odd": points.senders.odd(), "duplicates": duplicates}

    def handlers(self) -> Sequence[ActionHandler]:
        """The actions of this loop."""
        on_hosts = [action(self._platform.agents) for action in load("action").values()]
        return [*on_hosts, self._platform.causes.handler()]

    def attach(self, gate: Gate) -> None:
        self._platform.causes.gate = gate
        self._remediate = Remediate(self._platform.stream, gate, self._runbooks)
        gate.on_settled(self._remediate.settled)

    def grouped(self) -> dict[str, Any]:
        """How much is held for grouping, waits, is kept quiet, and was let go of."""
        return self._correlate.status()

    def close(self) -> None:
        """Write down what was learned; the loops have ended."""
        self.detect.close()
        if self._platform.leader.leads:
            self._correlate.close(self._platform.clock.now())

    def loops(self) -> list[Loop]:
        """A loop for each of: detection, grouping (woken by findings), what follows from incidents (woken by those),
        and rules, which have rhythms of their own. None waits for another: in a storm incidents are diagnosed while
        others are opened.
        """
        assert self._remediate is not None
        clock = self._platform.clock
        found, opened = threading.Event(), threading.Event()
        self._platform.stream.on_news(found.set)

        def diagnose(now: datetime) -> None:
            self._diagnose.tick(now, DIAGNOSE_MOST_S)
            if self._diagnose.is_behind:
                opened.set()

        follow = {
            "diagnose": diagnose,
            "owners": self._platform.incidents.ownership.tick,
            "remediate": self._remediate.tick,
        }

        def correlate() -> None:
            report = self._correlate.step(clock.now())
            if report.opened or report.changed:
                opened.set()
            if self._correlate.is_behind:
                found.set()

        every_s = self._settings.detect_every_s
        detect = Loop("ops", every_s, [Job("detect", lambda: self.detect.tick(clock.now()), patience=VITAL)])
        grouping_job = Job("correlate", correlate, led=True, patience=VITAL)
        grouped = Loop("correlate", CORRELATE_EVERY_S, [grouping_job], found, CORRELATE_REST_S, CORRELATE_RESTS)
        jobs = [
            Job(name, lambda tick=tick: tick(clock.now()), led=True, patience=VITAL)  # type: ignore[misc]
            for name, tick in follow.items()
        ]
        followed = Loop("incidents", every_s, jobs, opened, INCIDENTS_REST_S, longest_rest_s=every_s)
        rules = Loop("rules", RULES_EVERY_S, [Job("rules", lambda: self.rules.tick(clock.now()), patience=VITAL)])
        grouping = Loop("grouping", GROUPING_EVERY_S, [Job("grouping", lambda: self.grouping.tick(clock.now()))])
        found_loops = [detect, grouped, followed, rules, grouping]
        if (rewording := self._rewording) is not None:
            job = Job("reword", lambda: rewording.tick(clock.now()), led=True)
            found_loops.append(Loop("reword", REWORD_EVERY_S, [job]))
        return found_loops


def _rewording(platform: Platform) -> Rewording | None:
    """What rewords paragraphs; None where no model is configured."""
    wanted = platform.settings.ops.diagnose.reword
    if wanted is None:
        return None
    transport = Transport(wanted.networks, setting="ops.diagnose.reword.networks")
    return Rewording(wanted, platform.stream, platform.topology, platform.secrets, transport)


def _checkpoint(settings: DetectSettings) -> str:
    """The name of the file of what was learned: each part of the series has its own."""
    part = f"-{settings.shard_index}-of-{settings.shard_count}" if settings.shard_count > 1 else ""
    return f"baseline{part}.npz"
