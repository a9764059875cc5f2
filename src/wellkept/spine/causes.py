"""What people say were the causes of incidents, and the versions of the diagnosis that were learned from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from wellkept.kernel.clock import Clock
from wellkept.kernel.diagnosis import Confirmation, Diagnosis, Evidence, Fault, Weighting
from wellkept.kernel.errors import ConflictError, InputError, NotFoundError
from wellkept.kernel.incident import Incident
from wellkept.kernel.story import StoryKind
from wellkept.spine.audit import Audit
from wellkept.spine.incidents import checked, known
from wellkept.spine.stream import Stream
from wellkept.store.state.causes import CauseRows
from wellkept.store.state.state import State

LONGEST_ENTITY = 300
NOBODY = "none"
"""What is said where the cause is none of the suspects."""
MOST = 10_000
Gather = Callable[[Incident, Diagnosis | None], Evidence]
"""What the clues say of every suspect of an incident, before weighting."""


class CauseDesk:
    """Takes the word of people on causes, and keeps the versions of the weights.

    ``gather`` looks at the evidence again when a cause is confirmed, so that something can be learned from it; without
    it confirmations are kept and nothing can be learned.
    """

    def __init__(self, state: State, stream: Stream, audit: Audit, clock: Clock) -> None:
        self._rows, self._stream, self._audit, self._clock = CauseRows(state), stream, audit, clock
        self.gather: Gather | None = None

    def confirm(self, incident: str, entity: str, *, by: str, why: str = "", fault: str = "") -> Confirmation:
        """Write down what was the cause; ``none`` where it was none of the suspects. The latest word counts.

        Raises:
            NotFoundError: there is no such incident.
            InputError: no name, or no such kind of fault.
        """
        checked(by, why)
        if not entity.strip() or len(entity) > LONGEST_ENTITY:
            raise InputError("entity", f"must be an entity's id, such as service:cart, or {NOBODY}", entity)
        found = self._stream.known_incident(incident)
        diagnosis = self._stream.diagnosis(incident)
        said = self._said(found, diagnosis, entity.strip(), by, why, fault)
        told = said.entity or "none of the suspects"
        was_right = "as was said" if said.entity and said.entity == said.named else "other than was said"

        def make(held: dict[str, Incident]) -> Sequence[Incident]:
            line = f"cause confirmed: {told}, {was_right}" + (f": {why}" if why else "")
            self._rows.confirm(said)
            self._audit.append(said.at, by, "diagnosis.confirm", incident, {"entity": said.entity, "named": said.named})
            return (known(held, incident).note(said.at, by, line, kind=StoryKind.DIAGNOSIS),)

        self._stream.change_incidents([incident], make)
        return said

    def _said(
        self, incident: Incident, diagnosis: Diagnosis | None, entity: str, by: str, why: str, fault: str
    ) -> Confirmation:
        named = diagnosis.best if diagnosis else None
        if fault and fault not in set(Fault):
            raise InputError("fault", f"must be one of {', '.join(Fault)}", fault)
        of_it = next((cause.fault for cause in diagnosis.causes if cause.entity == entity), None) if diagnosis else None
        return Confirmation(
            incident=incident.id,
            entity="" if entity == NOBODY else entity,
            by=by,
            at=self._clock.now(),
            why=why,
            fault=Fault(fault) if fault else of_it or Fault.UNKNOWN,
            named=named.entity if named else "",
            version=diagnosis.version if diagnosis else "",
            evidence=self.gather(incident, diagnosis) if self.gather is not None else {},
        )

    def confirmed(self, incident: str) -> Confirmation | None:
        """What was said of an incident; None where nobody did."""
        return self._rows.confirmed(incident)

    def confirmations(self, limit: int = MOST) -> list[Confirmation]:
        """The newest so many, newest first."""
        return self._rows.confirmations(limit)

    def weightings(self) -> list[Weighting]:
        """Every version that was learned, newest first."""
        return self._rows.weightings()

    def used(self) -> Weighting | None:
        """The learned version that is in use; None: the shipped one is."""
        return next((one for one in self._rows.weightings() if one.is_used), None)

    @property
    def in_use(self) -> int:
        """The number of the version in use; 0 is the shipped one."""
        used = self.used()
        return used.number if used is not None else 0

    def passed(self, number: int) -> Weighting:
        """A version that may be used.

        Raises:
            NotFoundError: there is no such version.
            ConflictError: its verdict is not that it passed.
        """
        found = next((one for one in self._rows.weightings() if one.number == number), None)
        if found is None:
            raise NotFoundError(f"version {number} of the weights", "is not known")
        if not (found.verdict.checks and all(check.passed for check in found.verdict.checks)):
            raise ConflictError(f"version {number} of the weights", "did not pass, so it cannot be used")
        return found

    def next_number(self) -> int:
        """The number that the next version has."""
        return self._rows.next_number()

    def keep(self, weighting: Weighting) -> None:
        """Keep a new version with its verdict. It comes into use by :meth:`use` alone."""
        self._rows.save(replace(weighting, is_used=False))
        said = {"judgement": str(weighting.verdict.judgement), "cases": weighting.cases}
        self._audit.append(weighting.at, weighting.by, "diagnosis.learn", f"weights {weighting.number}", said)

    def use(self, number: int, *, by: str) -> bool:
        """Use a version from now on (0: the shipped one); whether that changed anything.

        Raises:
            NotFoundError: there is no such version.
            ConflictError: it did not pass.
        """
        wanted, before = self.passed(number) if number else None, self.in_use
        if before == number:
            return False
        for one in self._rows.weightings():
            if one.is_used:
                self._rows.save(replace(one, is_used=False))
        if wanted is not None:
            self._rows.save(replace(wanted, is_used=True))
        self._audit.append(self._clock.now(), by, "diagnosis.use", f"weights {number}", {"before": before})
        return True
