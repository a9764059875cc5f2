"""Diagnoses and verdicts in the state store: what was concluded about incidents and models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select

from wellkept.kernel.codec import decode, encode
from wellkept.kernel.diagnosis import Diagnosis, Reworded
from wellkept.kernel.verdict import Verdict
from wellkept.store.state.rows import chunks, upsert
from wellkept.store.state.state import State
from wellkept.store.state.tables import diagnoses, verdicts


class ConclusionRows:
    """Reads and writes what was concluded."""

    def __init__(self, state: State) -> None:
        self._state = state

    def save_diagnosis(self, diagnosis: Diagnosis) -> None:
        row = {"incident": diagnosis.incident, "at": diagnosis.at, "body": encode(diagnosis)}
        with self._state.transaction() as connection:
            upsert(connection, diagnoses, [row])

    def diagnosis(self, incident: str) -> Diagnosis | None:
        return self.diagnoses([incident]).get(incident)

    def diagnoses(self, incidents: Sequence[str]) -> dict[str, Diagnosis]:
        """The last diagnosis of each incident that has one."""
        found: dict[str, Diagnosis] = {}
        with self._state.reading() as connection:
            for part in chunks(incidents):
                query = select(diagnoses).where(diagnoses.c.incident.in_(part))
                found |= {row.incident: decode(Diagnosis, row.body) for row in connection.execute(query)}
        return found

    def reword(self, incident: str, story: str, reworded: Reworded) -> bool:
        """Keep other words for a paragraph; false where the diagnosis has another paragraph by now."""
        with self._state.transaction() as connection:
            body = connection.execute(select(diagnoses.c.body).where(diagnoses.c.incident == incident)).scalar()
            if body is None or (found := decode(Diagnosis, body)).story != story:
                return False
            self.save_diagnosis(replace(found, reworded=reworded))
        return True

    def save_verdict(self, verdict: Verdict) -> None:
        row = {
            "id": verdict.id,
            "subject": verdict.subject,
            "kind": verdict.kind,
            "at": verdict.at,
            "body": encode(verdict),
        }
        with self._state.transaction() as connection:
            upsert(connection, verdicts, [row])

    def verdicts(self, subject: str | None, kind: str | None, limit: int) -> list[Verdict]:
        """Verdicts, newest first."""
        query = select(verdicts.c.body).order_by(verdicts.c.at.desc(), verdicts.c.id).limit(limit)
        if subject is not None:
            query = query.where(verdicts.c.subject == subject)
        if kind is not None:
            query = query.where(verdicts.c.kind == kind)
        with self._state.reading() as connection:
            return [decode(Verdict, body) for body in connection.execute(query).scalars()]
