"""Tickets as incidents of ServiceNow (or records of a table that extends them).

Interface: the Table API, https://www.servicenow.com/docs/ under "Table API". The user needs the role ``itil``. A ticket
is known again by its ``correlation_id``. States are those of a new instance: 1 new, 2 in progress, 3 on hold,
6 resolved, 7 closed, 8 cancelled. ServiceNow drops fields silently that a user may not write, so what was written is
read back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

from wellkept.kernel.finding import Severity
from wellkept.spine.tickets.answer import Answer
from wellkept.spine.tickets.base import Draft, Ending, Remote, TicketError, Trouble
from wellkept.spine.tickets.http import Caller
from wellkept.spine.tickets.settings import Tracker
from wellkept.spine.tickets.text import Block, plain, short

LONGEST_TITLE, LONGEST_TEXT = 160, 4000
IN_PROGRESS, RESOLVED = "2", "6"
OVER = frozenset({"6", "7", "8"})
CLOSE_CODE = "Solution provided"
DUPLICATE = "Duplicate"
READ = {
    "sysparm_fields": "sys_id,number,state,assigned_to,correlation_id",
    "sysparm_display_value": "all",
    "sysparm_exclude_reference_link": "true",
}


class ServiceNow:
    """Speaks to one table of an instance."""

    settle_s = 5.0

    def __init__(self, caller: Caller, tracker: Tracker) -> None:
        self._caller, self._tracker = caller, tracker
        self._table = tracker.project or "incident"
        self._at = f"/api/now/table/{quote(self._table, safe='')}"

    def find(self, mark: str, since: datetime) -> Remote | None:  # noqa: ARG002 - it is indexed by its correlation id
        query = {"sysparm_query": f"correlation_id={mark}", "sysparm_limit": "1", **READ}
        found = self._caller.ask("GET", self._at, None, query)["result"].parts
        if found and _needed(found[0], "correlation_id") != mark:
            rule = "cannot be searched by correlation_id; has it such a column, and may the user read it?"
            raise TicketError(Trouble.DENIED, f"table {self._table} {rule}")
        return self._remote(found[0]) if found else None

    def create(self, draft: Draft) -> Remote:
        body = {
            "short_description": short(draft.title, LONGEST_TITLE),
            "description": plain(draft.text)[:LONGEST_TEXT],
            "correlation_id": draft.mark,
            "correlation_display": "Wellkept",
            **self._weight(draft.severity),
            **self._tracker.fields,
        }
        record = self._caller.ask("POST", self._at, body, READ)["result"]
        made = self._remote(record)
        if _value(record, "correlation_id") != draft.mark:
            # Not to be asked again: what is not found again would be made again.
            rule = "the user may not write and read correlation_id, so it is not found again; give it the role itil"
            raise TicketError(Trouble.REFUSED, f"{made.number} was made, but {rule}")
        return made

    def read(self, ticket: str) -> Remote:
        return self._remote(self._caller.ask("GET", self._one(ticket), None, READ)["result"])

    def comment(self, ticket: str, text: Sequence[Block], mark: str) -> None:
        self._caller.ask(
            "PATCH", self._one(ticket), {"work_notes": f"{plain(text)[: LONGEST_TEXT - 100]}\n\n{_said(mark)}"}, READ
        )

    def commented(self, ticket: str, mark: str, since: datetime) -> bool:  # noqa: ARG002 - a journal is read as a whole
        query = {"sysparm_fields": "work_notes", "sysparm_display_value": "true"}
        found = self._caller.ask("GET", self._one(ticket), None, query)["result"]
        return _said(mark) in found.written("work_notes")

    def grade(self, ticket: str, severity: Severity, before: Severity) -> None:  # noqa: ARG002 - it is replaced
        self._caller.ask("PATCH", self._one(ticket), self._weight(severity), READ)

    def close(self, ticket: str, ending: Ending, text: Sequence[Block]) -> None:
        code = DUPLICATE if ending is Ending.MERGED else next(iter(self._tracker.close_as), CLOSE_CODE)
        body = {"state": RESOLVED, "close_code": code, "close_notes": plain(text)[:LONGEST_TEXT]}
        self._moved(ticket, body, OVER)

    def reopen(self, ticket: str) -> None:
        self._moved(ticket, {"state": IN_PROGRESS}, frozenset({IN_PROGRESS}))

    def link(self, ticket: str, other: str) -> None:
        self._caller.ask("PATCH", self._one(ticket), {"parent_incident": other}, READ)

    def check(self) -> str:
        query = {"sysparm_limit": "1", "sysparm_fields": "sys_id"}
        self._caller.ask("GET", self._at, None, query)
        return f"table {self._table} can be read as {self._tracker.user}"

    def _moved(self, ticket: str, body: Mapping[str, str], wanted: frozenset[str]) -> None:
        state = _needed(self._caller.ask("PATCH", self._one(ticket), body, READ)["result"], "state")
        if state not in wanted:
            raise TicketError(
                Trouble.DENIED, f"state {body['state']} was taken, but it is {state} still; may the user write it?"
            )

    def _weight(self, severity: Severity) -> dict[str, str]:
        """Impact and urgency; ServiceNow makes the priority of both."""
        weight = self._tracker.priority(severity)
        return {"impact": weight, "urgency": weight} if weight else {}

    def _remote(self, record: Answer) -> Remote:
        state, ticket = _needed(record, "state"), _needed(record, "sys_id")
        return Remote(
            id=ticket,
            number=_needed(record, "number"),
            url=f"{self._tracker.address}/nav_to.do?uri={quote(f'{self._table}.do?sys_id={ticket}', safe='')}",
            is_open=state not in OVER,
            state=_value(record, "state", "display_value"),
            assignee=_value(record, "assigned_to", "display_value"),
            can_reopen=state not in OVER or state == RESOLVED,
        )

    def _one(self, ticket: str) -> str:
        return f"{self._at}/{quote(ticket, safe='')}"


def _value(record: Answer, name: str, part: str = "value") -> str:
    """A field of an answer that holds both what is stored and what is shown, or one of them."""
    return record[name][part].text or record[name].text


def _needed(record: Answer, name: str) -> str:
    return _value(record, name) or record[name].needed


def _said(mark: str) -> str:
    return f"wellkept {mark}"
