"""Agents and the actions that were handed to them, in the state store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from wellkept.store.state.rows import upsert
from wellkept.store.state.state import State
from wellkept.store.state.tables import agent_actions, agents


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """An agent: what it said of itself when it last said hello."""

    id: str
    last_seen: datetime
    hello: Mapping[str, Any]


class AgentRows:
    """Reads and writes agents, and the queue of actions for each."""

    def __init__(self, state: State) -> None:
        self._state = state

    def hello(self, agent: str, at: datetime, hello: Mapping[str, Any]) -> None:
        with self._state.transaction() as connection:
            upsert(connection, agents, [{"id": agent, "last_seen": at, "body": dict(hello)}])

    def seen(self, agent: str, at: datetime) -> None:
        with self._state.transaction() as connection:
            connection.execute(update(agents).where(agents.c.id == agent).values(last_seen=at))

    def all(self) -> list[AgentRecord]:
        with self._state.reading() as connection:
            rows = connection.execute(select(agents).order_by(agents.c.id)).all()
        return [AgentRecord(row.id, row.last_seen, row.body) for row in rows]

    def enqueue(self, agent: str, key: str, action: Mapping[str, Any], at: datetime) -> None:
        """Queue an action under its key; the same key again changes nothing."""
        with self._state.transaction() as connection:
            if connection.execute(select(agent_actions.c.key).where(agent_actions.c.key == key)).first() is None:
                row = {"key": key, "agent": agent, "at": at, "body": dict(action), "result": None}
                connection.execute(insert(agent_actions).values(**row))

    def waiting(self, agent: str) -> list[dict[str, Any]]:
        """The actions of an agent that have no result yet, oldest first."""
        query = (
            select(agent_actions)
            .where(agent_actions.c.agent == agent, agent_actions.c.result.is_(None))
            .order_by(agent_actions.c.at, agent_actions.c.key)
        )
        with self._state.reading() as connection:
            return [{"key": row.key, **row.body} for row in connection.execute(query)]

    def settle(self, agent: str, key: str, result: Mapping[str, Any]) -> bool:
        """Save an action's result; False when the agent has no open action under that key."""
        statement = (
            update(agent_actions)
            .where(agent_actions.c.key == key, agent_actions.c.agent == agent, agent_actions.c.result.is_(None))
            .values(result=dict(result))
        )
        with self._state.transaction() as connection:
            return bool(connection.execute(statement).rowcount)

    def withdraw(self, key: str) -> None:
        """Take back an action that has no result yet."""
        open_one = delete(agent_actions).where(agent_actions.c.key == key, agent_actions.c.result.is_(None))
        with self._state.transaction() as connection:
            connection.execute(open_one)

    def result(self, key: str) -> dict[str, Any] | None:
        with self._state.reading() as connection:
            return connection.execute(select(agent_actions.c.result).where(agent_actions.c.key == key)).scalar()
