"""Incidents, diagnoses and verdicts in the state store."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from wellkept.kernel.codec import decode, encode
from wellkept.kernel.diagnosis import Diagnosis
from wellkept.kernel.incident import Incident, IncidentState
from wellkept.kernel.verdict import Verdict
from wellkept.store.state.rows import upsert
from wellkept.store.state.state import State
from wellkept.store.state.tables import diagnoses, incidents, verdicts

_LIVE = [state.value for state in IncidentState if state.is_live]


class IncidentRows:
    """Reads and writes incidents, and what was concluded about them."""

    def __init__(self, state: State) -> None:
        self._state = state

    def save(self, incident: Incident) -> None:
        row = {
            "id": incident.id,
            "state": incident.state,
            "opened_at": incident.opened_at,
            "updated_at": incident.updated_at,
            "body": encode(incident),
        }
        with self._state.transaction() as connection:
            upsert(connection, incidents, [row])

    def get(self, incident: str) -> Incident | None:
        with self._state.reading() as connection:
            body = connection.execute(select(incidents.c.body).where(incidents.c.id == incident)).scalar()
        return decode(Incident, body) if body is not None else None

    def recent(self, live: bool | None, start: datetime | None, limit: int) -> list[Incident]:
        """Incidents, newest first; ``start`` leaves out those that were last touched before it."""
        query = select(incidents.c.body).order_by(incidents.c.opened_at.desc(), incidents.c.id).limit(limit)
        if live is not None:
            query = query.where(incidents.c.state.in_(_LIVE) if live else incidents.c.state.not_in(_LIVE))
        if start is not None:
            query = query.where(incidents.c.updated_at >= start)
        with self._state.reading() as connection:
            return [decode(Incident, body) for body in connection.execute(query).scalars()]

    def save_diagnosis(self, diagnosis: Diagnosis) -> None:
        row = {"incident": diagnosis.incident, "at": diagnosis.at, "body": encode(diagnosis)}
        with self._state.transaction() as connection:
            upsert(connection, diagnoses, [row])

    def diagnosis(self, incident: str) -> Diagnosis | None:
        with self._state.reading() as connection:
            body = connection.execute(select(diagnoses.c.body).where(diagnoses.c.incident == incident)).scalar()
        return decode(Diagnosis, body) if body is not None else None

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
