"""What people say of findings: kept with the audit log, and read by detection."""

from __future__ import annotations

from datetime import datetime

from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import NotFoundError
from wellkept.kernel.feedback import Feedback, Opinion
from wellkept.spine.audit import Audit
from wellkept.spine.stream import Stream
from wellkept.store.state.feedback import FeedbackRows
from wellkept.store.state.state import State


class FeedbackDesk:
    """Takes opinions of findings, and hands them out."""

    def __init__(self, state: State, stream: Stream, audit: Audit, clock: Clock) -> None:
        self._rows, self._stream, self._audit, self._clock = FeedbackRows(state), stream, audit, clock

    def give(self, finding: str, opinion: Opinion, by: str) -> Feedback:
        """Write down what somebody thinks of a finding; what they said of it before is replaced.

        Raises:
            NotFoundError: there is no such finding.
        """
        found = self._stream.finding(finding)
        if found is None:
            raise NotFoundError(f"finding {finding}", "is not known")
        now = self._clock.now()
        said = Feedback(
            finding=found.id,
            fingerprint=found.fingerprint,
            detector=found.detector,
            entity=found.entity,
            signal=found.signal,
            score=found.score,
            starts_at=found.starts_at,
            opinion=opinion,
            at=now,
            by=by,
        )
        self._rows.save(said)
        told = {"opinion": str(opinion), "detector": said.detector, "entity": said.entity, "signal": said.signal}
        self._audit.append(now, by, "finding.feedback", found.id, told)
        return said

    def since(self, at: datetime) -> list[Feedback]:
        """Everything said since then, oldest first."""
        return self._rows.since(at)
