"""Grouping rules with their versions, and merges and splits by hand, in the state store."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, insert, select

from wellkept.kernel.codec import decode, encode
from wellkept.kernel.grouping import GroupingDecision, StoredRule
from wellkept.store.state.noise import count_up
from wellkept.store.state.state import State
from wellkept.store.state.tables_noise import grouping_decisions, grouping_rules


class GroupingRows:
    """Versions are only added; what was decided by hand, too."""

    def __init__(self, state: State) -> None:
        self._state = state

    def save_rule(self, stored: StoredRule) -> StoredRule:
        """Save a rule as the next version of its name, and return it with that version."""
        table = grouping_rules
        newest = select(func.coalesce(func.max(table.c.version), 0)).where(table.c.name == stored.rule.name)
        with self._state.transaction() as connection:
            version = int(connection.execute(newest).scalar_one()) + 1
            kept = StoredRule(stored.rule, version, stored.by, stored.at, stored.source, stored.removed)
            connection.execute(insert(table).values(name=stored.rule.name, version=version, body=encode(kept)))
            count_up(connection)
        return kept

    def rules(self) -> list[StoredRule]:
        """The newest version of each rule that was not removed, by name."""
        table = grouping_rules
        newest = select(table.c.name, func.max(table.c.version).label("version")).group_by(table.c.name).subquery()
        query = select(table.c.body).join(
            newest, (table.c.name == newest.c.name) & (table.c.version == newest.c.version)
        )
        with self._state.reading() as connection:
            found = [decode(StoredRule, body) for body in connection.execute(query.order_by(table.c.name)).scalars()]
        return [one for one in found if not one.removed]

    def versions(self, name: str) -> list[StoredRule]:
        """Every version of a rule, newest first."""
        table = grouping_rules
        query = select(table.c.body).where(table.c.name == name).order_by(table.c.version.desc())
        with self._state.reading() as connection:
            return [decode(StoredRule, body) for body in connection.execute(query).scalars()]

    def save_decision(self, decision: GroupingDecision) -> None:
        with self._state.transaction() as connection:
            connection.execute(insert(grouping_decisions).values(id=decision.id, at=decision.at, body=encode(decision)))

    def decisions(self, after: int = 0, since: datetime | None = None) -> tuple[list[GroupingDecision], int]:
        """Decisions after a number (and since a moment), oldest first, and the number to go on from."""
        table = grouping_decisions
        query = select(table).where(table.c.number > after).order_by(table.c.number)
        if since is not None:
            query = query.where(table.c.at >= since)
        with self._state.reading() as connection:
            rows = connection.execute(query).all()
        return [decode(GroupingDecision, row.body) for row in rows], max([after, *(row.number for row in rows)])
