"""Incidents by what people look for: state, severity, owner, what they are about, words, and when they began."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, String, cast, func, or_, select

from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState
from wellkept.store.state.incidentparts import read_lines, read_members
from wellkept.store.state.incidents import FIRST_MEMBERS, LAST_LINES, head_of
from wellkept.store.state.state import State
from wellkept.store.state.tables import incidents, tickets


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; what is empty does not matter. ``start`` and ``end`` bound the onset."""

    states: tuple[IncidentState, ...] = ()
    severity: Severity | None = None
    """At least so bad."""
    owner: str = ""
    assignee: str = ""
    entity: str = ""
    """The id of an entity, or the end of one: ``checkout`` finds ``service:shop/checkout``."""
    held: bool | None = None
    text: str = ""
    """Words of the title, or an id, or the number of any of its tickets, also in others' systems."""
    start: datetime | None = None
    end: datetime | None = None


class IncidentSearch:
    """Finds incidents, newest first, without members and story (:attr:`Incident.extent` tells of them)."""

    def __init__(self, state: State) -> None:
        self._state = state

    def find(
        self, wanted: Wanted, *, offset: int = 0, limit: int = 50, parts: bool = False
    ) -> tuple[list[Incident], int]:
        """Some of what is wanted, and how many there are; with ``parts`` also their first members and last lines."""
        query = select(incidents).order_by(incidents.c.opened_at.desc(), incidents.c.id)
        counted: Select[Any] = select(func.count()).select_from(incidents)
        for condition in _conditions(wanted):
            query, counted = query.where(condition), counted.where(condition)
        with self._state.reading() as connection:
            found = [head_of(row) for row in connection.execute(query.offset(offset).limit(limit))]
            if parts:
                ids = [incident.id for incident in found]
                members = read_members(connection, ids, FIRST_MEMBERS)
                lines = read_lines(connection, ids, LAST_LINES)
                found = [replace(i, members=members.get(i.id, ()), timeline=lines.get(i.id, ())) for i in found]
            return found, int(connection.execute(counted).scalar_one())

    def returns_of(self, incident: str) -> list[Incident]:
        """The incidents that point back to this one: its trouble came back."""
        query = select(incidents).where(_text("reopens") == incident).order_by(incidents.c.opened_at)
        with self._state.reading() as connection:
            return [head_of(row) for row in connection.execute(query)]


def _conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    columns = incidents.c
    if wanted.states:
        yield columns.state.in_([state.value for state in wanted.states])
    if wanted.severity is not None:
        yield columns.body["severity"].as_integer() >= int(wanted.severity)
    for name in ("owner", "assignee"):
        if getattr(wanted, name):
            yield _text(name) == getattr(wanted, name)
    if wanted.entity:
        yield _names(wanted.entity)
    if wanted.held is not None:
        yield (_text("held") != "") if wanted.held else (_text("held") == "")
    if wanted.text:
        number = wanted.text.lower()
        elsewhere = select(tickets.c.incident).where(func.lower(tickets.c.number) == number)
        is_one = (columns.id == wanted.text) | (func.lower(_text("ticket")) == number) | columns.id.in_(elsewhere)
        yield or_(is_one, _text("title").icontains(wanted.text, autoescape=True))
    if wanted.start is not None:
        yield columns.opened_at >= wanted.start
    if wanted.end is not None:
        yield columns.opened_at < wanted.end


def _text(name: str) -> ColumnElement[str]:
    """A text of the body; rows of older versions do not have all of them."""
    return func.coalesce(incidents.c.body[name].as_string(), "")


def _names(entity: str) -> ColumnElement[bool]:
    """Whether one of the incident's entities is this one, or ends with it behind a ``:`` or ``/``."""
    written = cast(incidents.c.entities, String)
    quoted = json.dumps(entity)
    ends: list[Any] = [f'"{quoted[1:]}'] if ":" in entity else [f":{quoted[1:]}", f"/{quoted[1:]}"]
    return or_(*(written.contains(end, autoescape=True) for end in ends))
