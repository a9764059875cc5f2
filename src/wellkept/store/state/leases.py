"""Leases in the state store: who holds a name, under which term, until when by the database's clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, DateTime, delete, func, insert, select, update

from wellkept.kernel.errors import ConflictError
from wellkept.store.state.state import Fence, State
from wellkept.store.state.tables_leases import leases


@dataclass(frozen=True, slots=True)
class Held:
    """A lease as it is written down. ``term`` grows whenever another takes it; ``about`` is its holder's name."""

    name: str
    holder: str
    about: str
    term: int
    taken_at: datetime
    expires_at: datetime
    over_s: float
    """For how long it has been over, by the database's clock when it was read; negative while it holds."""

    @property
    def is_over(self) -> bool:
        return self.over_s >= 0


class LeaseRows:
    """Takes, renews and gives back leases.

    A lease changes hands in a unit of work that takes its turn with all others, and every fenced unit of work looks at
    the term in its own turn: so nothing of a former holder is committed once another holds the lease. Renewing changes
    no hands and waits for no turn, so that much writing does not cost the holder its lease.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def hold(self, name: str, holder: str, about: str, ttl_s: float) -> int | None:
        """Renew the lease, or take it where nobody holds it; gives the term, or None while another holds it."""
        renewed = self._renewed(name, holder, ttl_s)
        if renewed is not None:
            return renewed
        found = self.get(name)
        return self._taken(name, holder, about, ttl_s) if found is None or found.is_over else None

    def give_back(self, name: str, holder: str) -> None:
        """Let the next one have it at once."""
        mine = (leases.c.name == name) & (leases.c.holder == holder)
        with self._state.at_once() as connection:
            connection.execute(update(leases).where(mine).values(expires_at=_now(connection)))

    def get(self, name: str) -> Held | None:
        """The lease, whoever holds it or held it last."""
        return next(iter(self._read(leases.c.name == name)), None)

    def beginning(self, prefix: str) -> list[Held]:
        """Leases whose names begin so, in the order of their names."""
        return self._read(leases.c.name.startswith(prefix, autoescape=True))

    def forget(self, prefix: str, older_s: float) -> None:
        """Take out leases that have been over for so long."""
        with self._state.at_once() as connection:
            old = leases.c.expires_at < _now(connection) - timedelta(seconds=older_s)
            connection.execute(delete(leases).where(leases.c.name.startswith(prefix, autoescape=True), old))

    def fence(self, name: str, holder: str, term: int) -> Fence:
        """What lets a unit of work pass only while the lease is held under this term."""

        def look(connection: Connection) -> None:
            row = connection.execute(select(leases).where(leases.c.name == name)).first()
            if row is None or (row.holder, row.term) != (holder, term) or row.expires_at <= _now(connection):
                now = f"{row.about} under term {row.term}" if row is not None else "nobody"
                raise ConflictError(f"lease {name}", f"term {term} is over; it is held by", now)

        return look

    def _renewed(self, name: str, holder: str, ttl_s: float) -> int | None:
        """Also a lease that has run out, as long as nobody else has taken it."""
        mine = (leases.c.name == name) & (leases.c.holder == holder)
        with self._state.at_once() as connection:
            until = _now(connection) + timedelta(seconds=ttl_s)
            renewing = update(leases).where(mine).values(expires_at=until).returning(leases.c.term)
            term: int | None = connection.execute(renewing).scalar()
            return term

    def _taken(self, name: str, holder: str, about: str, ttl_s: float) -> int | None:
        with self._state.transaction() as connection:
            row = connection.execute(select(leases).where(leases.c.name == name).with_for_update()).first()
            now = _now(connection)
            given = {"holder": holder, "about": about, "taken_at": now, "expires_at": now + timedelta(seconds=ttl_s)}
            if row is None:
                connection.execute(insert(leases).values(name=name, term=1, **given))
                return 1
            if row.expires_at > now:
                return None
            term = int(row.term) + 1
            connection.execute(update(leases).where(leases.c.name == name).values(term=term, **given))
            return term

    def _read(self, where: Any) -> list[Held]:
        with self._state.reading() as connection:
            now = _now(connection)
            rows = connection.execute(select(leases).where(where).order_by(leases.c.name)).mappings().all()
        return [Held(**row, over_s=(now - row["expires_at"]).total_seconds()) for row in rows]


def _now(connection: Connection) -> datetime:
    """The database's clock: servers' own may differ."""
    if connection.dialect.name == "sqlite":
        read = connection.execute(select(func.strftime("%Y-%m-%dT%H:%M:%f", "now"))).scalar_one()
        return datetime.fromisoformat(read).replace(tzinfo=UTC)
    now: datetime = connection.execute(select(func.clock_timestamp(type_=DateTime(timezone=True)))).scalar_one()
    return now.astimezone(UTC)
