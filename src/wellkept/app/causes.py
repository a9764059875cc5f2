"""Confirmed causes and learned weights, wired: the desk, the diagnosis that looks at the evidence, and learning."""

from __future__ import annotations

from wellkept.kernel.clock import Clock
from wellkept.kernel.diagnosis import Diagnosis, Evidence, Weighting
from wellkept.kernel.errors import ConflictError
from wellkept.kernel.incident import Incident
from wellkept.ops.diagnose.base import DiagnoseSettings
from wellkept.ops.diagnose.learn import learn, with_weights
from wellkept.ops.diagnose.stage import DiagnoseRunner
from wellkept.spine.audit import Audit
from wellkept.spine.causes import CauseDesk
from wellkept.spine.stream import Stream
from wellkept.store.state.state import State


class Causes:
    """What people confirm, and what is learned from it."""

    def __init__(self, state: State, stream: Stream, audit: Audit, clock: Clock) -> None:
        self.desk = CauseDesk(state, stream, audit, clock)
        self._clock, self._settings = clock, DiagnoseSettings()

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

    def learn(self, by: str) -> Weighting:
        """Learn a new version and judge it against the one in use; it is used where it passes.

        Raises:
            ConflictError: nothing was confirmed yet.
        """
        confirmed = self.desk.confirmations()
        if not confirmed:
            raise ConflictError("diagnosis", "has nothing to learn from: confirm the causes of incidents first")
        number, now = self.desk.next_number(), self._clock.now()
        found = learn(confirmed, self.weigh(self._settings), number, now)
        passed = all(check.passed for check in found.verdict.checks)
        made = Weighting(
            number, now, by, found.weights, self._settings.calibration, found.cases, found.verdict, is_used=passed
        )
        self.desk.keep(made)
        return made
