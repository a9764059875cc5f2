"""Confirmed causes and learned weights in the state store."""

from __future__ import annotations

from sqlalchemy import func, select

from wellkept.kernel.codec import decode, encode
from wellkept.kernel.diagnosis import Confirmation, Weighting
from wellkept.store.state.rows import upsert
from wellkept.store.state.state import State
from wellkept.store.state.tables_diagnosis import confirmed_causes, diagnosis_weightings


class CauseRows:
    """One confirmation an incident, the latest word counts; weightings are never changed but for which is used."""

    def __init__(self, state: State) -> None:
        self._state = state

    def confirm(self, said: Confirmation) -> None:
        row = {"incident": said.incident, "at": said.at, "body": encode(said)}
        with self._state.transaction() as connection:
            upsert(connection, confirmed_causes, [row])

    def confirmed(self, incident: str) -> Confirmation | None:
        query = select(confirmed_causes.c.body).where(confirmed_causes.c.incident == incident)
        with self._state.reading() as connection:
            body = connection.execute(query).scalar()
        return decode(Confirmation, body) if body is not None else None

    def confirmations(self, limit: int) -> list[Confirmation]:
        """The newest so many, newest first."""
        order = (confirmed_causes.c.at.desc(), confirmed_causes.c.incident)
        query = select(confirmed_causes.c.body).order_by(*order).limit(limit)
        with self._state.reading() as connection:
            return [decode(Confirmation, body) for body in connection.execute(query).scalars()]

    def save(self, weighting: Weighting) -> None:
        row = {"number": weighting.number, "at": weighting.at, "body": encode(weighting)}
        with self._state.transaction() as connection:
            upsert(connection, diagnosis_weightings, [row])

    def weightings(self) -> list[Weighting]:
        """Every version that was learned, newest first."""
        query = select(diagnosis_weightings.c.body).order_by(diagnosis_weightings.c.number.desc())
        with self._state.reading() as connection:
            return [decode(Weighting, body) for body in connection.execute(query).scalars()]

    def next_number(self) -> int:
        """The number of the version after the newest."""
        with self._state.reading() as connection:
            return int(connection.execute(select(func.max(diagnosis_weightings.c.number))).scalar() or 0) + 1
