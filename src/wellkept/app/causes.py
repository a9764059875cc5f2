"""Confirmed causes and learned weights, wired: the desk, the diagnosis that looks at the evidence, and learning."""

from __future__ import annotations

from wellkept.kernel.clock import Clock
from wellkept.kernel.diagnosis import Diagnosis, Evidence, Weighting
from wellkept.kernel.errors import ConflictError
from wellkept.kernel.incident import Incident
from wellkept.ops.diagnose.adopt import UseWeights, adoption_plan
from wellkept.ops.diagnose.base import DiagnoseSettings
from wellkept.ops.diagnose.learn import learn, with_weights
from wellkept.ops.diagnose.stage import DiagnoseRunner
from wellkept.spine.audit import Audit
from wellkept.spine.causes import CauseDesk
from wellkept.spine.gate import Gate, PlanRecord
from wellkept.spine.stream import Stream
from wellkept.store.state.state import State


class Causes:
    """What people confirm, and what is learned from it."""

    def __init__(self, state: State, stream: Stream, audit: Audit, clock: Clock) -> None:
        self.desk = CauseDesk(state, stream, audit, clock)
        self._clock, self._settings = clock, DiagnoseSettings()
        self.gate: Gate | None = None

    def attach(self, runner: DiagnoseRunner, settings: DiagnoseSettings) -> None:
        """Have the evidence looked at again by the loop that diagnoses."""
        self._settings = settings

        def gather(incident: Incident, diagnosis: Diagnosis | None) -> Evidence:
            return runner.evidence(incident, diagnosis.at if diagnosis else self._clock.now())

        self.desk.gather = gather

    def weigh(self, settings: DiagnoseSettings) -> DiagnoseSettings:
        """The settings with the learned weights that are in use, where there are some."""
        used = self.desk.used()
        return with_weights(settings, used.number, used.weights) if used is not None else settings

    def learn(self, by: str) -> tuple[Weighting, PlanRecord | None]:
        """Learn a new version and judge it against the one in use; one that passes is proposed to the gate.

        Raises:
            ConflictError: nothing was confirmed yet.
        """
        confirmed = self.desk.confirmations()
        if not confirmed:
            raise ConflictError("diagnosis", "has nothing to learn from: confirm the causes of incidents first")
        number, now = self.desk.next_number(), self._clock.now()
        found = learn(confirmed, self.weigh(self._settings), number, now)
        made = Weighting(
            number, now, by, found.weights, self._settings.calibration, found.cases, found.verdict, is_used=False
        )
        self.desk.keep(made)
        passed = all(check.passed for check in found.verdict.checks)
        return made, self.propose(number, by) if passed else None

    def propose(self, number: int, by: str, why: str = "") -> PlanRecord:
        """Have a version that passed taken into use (0: the shipped one), as the policy or a person decides.

        Raises:
            NotFoundError: there is no such version.
            ConflictError: it did not pass or is in use already, or this server does not diagnose.
        """
        if self.gate is None:
            raise ConflictError("diagnosis", "is switched off on this server, so no weights are used")
        plan = adoption_plan(self.desk, number, self._clock.now(), by, why)
        self.gate.propose(plan)
        record = self.gate.plan(plan.id)
        assert record is not None
        return record

    def handler(self) -> UseWeights:
        """What takes a version into use."""
        return UseWeights(self.desk)

    def fact(self, name: str) -> str:
        """A fact of the world for the gate: ``weights``, the number of the version in use."""
        return str(self.desk.in_use) if name == "weights" else ""
