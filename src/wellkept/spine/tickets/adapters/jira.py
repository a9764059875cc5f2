"""Tickets as issues of a Jira project: Cloud (version 3, documents as ADF), Server and Data Center (version 2, text).

Interfaces: https://developer.atlassian.com/cloud/jira/platform/rest/v3/ and
https://developer.atlassian.com/server/jira/platform/rest/. A ticket is known again by a label of its own. The search of
Cloud lags behind by seconds, so after an attempt without an answer it is left alone for a while (``settle_s``).
A workflow decides which transitions there are; what is asked for is a status of the category "done", or any other.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from wellkept.kernel.finding import Severity
from wellkept.spine.tickets.answer import Answer
from wellkept.spine.tickets.base import MARK, Draft, Ending, Remote, TicketError, Trouble
from wellkept.spine.tickets.http import Caller
from wellkept.spine.tickets.settings import Tracker
from wellkept.spine.tickets.text import Block, Say, adf, short, wiki

LONGEST_TITLE = 255
DONE, UNDER_WAY = "done", "indeterminate"
RESOLUTIONS = {Ending.RECOVERED: ("Done", "Fixed", "Resolved"), Ending.MERGED: ("Duplicate", "Done")}
READ = "status,assignee,labels"
NEWEST = 50
SEARCH_LAG_S = 60.0


class Jira:
    """Speaks to one project."""

    def __init__(self, caller: Caller, tracker: Tracker) -> None:
        self._caller, self._tracker = caller, tracker
        self.settle_s = SEARCH_LAG_S
        self._is_cloud = tracker.flavour == "cloud"
        self._at = "/rest/api/3" if self._is_cloud else "/rest/api/2"

    def find(self, mark: str, since: datetime) -> Remote | None:  # noqa: ARG002 - a label is found whenever it was set
        project = self._tracker.project.replace('"', "")
        body = {
            "jql": f'project = "{project}" AND labels = "{_label(mark)}"',
            "fields": READ.split(","),
            "maxResults": 1,
        }
        path = "/search/jql" if self._is_cloud else "/search"
        found = self._caller.ask("POST", f"{self._at}{path}", body)["issues"].parts
        return self._remote(found[0]) if found else None

    def create(self, draft: Draft) -> Remote:
        fields = {
            "project": {"key": self._tracker.project},
            "issuetype": {"name": self._tracker.issue_type},
            "summary": short(draft.title, LONGEST_TITLE),
            "description": self._text(draft.text),
            "labels": [MARK, _label(draft.mark), *draft.labels],
            "priority": {"name": self._tracker.priority(draft.severity)},
            **self._tracker.fields,
        }
        try:
            made = self._caller.ask("POST", f"{self._at}/issue", {"fields": fields})
        except TicketError as error:
            if not _is_about_priority(error):
                raise
            del fields["priority"]
            made = self._caller.ask("POST", f"{self._at}/issue", {"fields": fields})
        key = made["key"].needed
        return Remote(key, key, self._page(key), is_open=True)

    def read(self, ticket: str) -> Remote:
        return self._remote(self._caller.ask("GET", self._one(ticket), None, {"fields": READ}))

    def comment(self, ticket: str, text: Sequence[Block], mark: str) -> None:
        body = {"body": self._text([*text, Say(_said(mark))])}
        self._caller.ask("POST", f"{self._one(ticket)}/comment", body)

    def commented(self, ticket: str, mark: str, since: datetime) -> bool:  # noqa: ARG002 - the newest are looked at
        query = {"orderBy": "-created", "maxResults": str(NEWEST)}
        found = self._caller.ask("GET", f"{self._one(ticket)}/comment", None, query)["comments"].parts
        return any(_said(mark) in json.dumps(one["body"].value) for one in found)

    def grade(self, ticket: str, severity: Severity, before: Severity) -> None:  # noqa: ARG002 - it is replaced
        priority = {"name": self._tracker.priority(severity)}
        try:
            self._caller.ask("PUT", self._one(ticket), {"fields": {"priority": priority}})
        except TicketError as error:
            if not _is_about_priority(error):
                raise

    def close(self, ticket: str, ending: Ending, text: Sequence[Block]) -> None:  # noqa: ARG002 - a comment says why
        steps = self._tracker.close_as
        if not steps:
            found = self._transitions(ticket)
            fitting = [one for one in found if _category(one) == DONE]
            self._move(ticket, fitting, found, "a status that is done (close_as can name the steps to one)", ending)
        while steps:  # the last of them that the workflow offers first: somebody may have gone a part of the way
            found = self._transitions(ticket)
            offered = [[one for one in found if step.casefold() in _names(one)] for step in steps]
            taken = max((number for number, fitting in enumerate(offered) if fitting), default=0)
            called = " or ".join(map(repr, steps))
            self._move(ticket, offered[taken], found, f"a status called {called} (close_as)", ending)
            steps = steps[taken + 1 :]

    def reopen(self, ticket: str) -> None:
        found = self._transitions(ticket)
        live = [one for one in found if _category(one) != DONE]
        fitting = sorted(live, key=lambda one: ("reopen" not in " ".join(_names(one)), _category(one) != UNDER_WAY))
        self._move(ticket, fitting, found, "a status that is not done", None)

    def link(self, ticket: str, other: str) -> None:
        body = {"type": {"name": "Relates"}, "inwardIssue": {"key": other}, "outwardIssue": {"key": ticket}}
        self._caller.ask("POST", f"{self._at}/issueLink", body)

    def check(self) -> str:
        me = self._caller.ask("GET", f"{self._at}/myself")
        found = self._caller.ask("GET", f"{self._at}/project/{quote(self._tracker.project, safe='')}")
        key, kinds = found["key"].needed, found["issueTypes"].names("name")
        if kinds and self._tracker.issue_type not in kinds:
            rule = f"project {key} has no {self._tracker.issue_type!r}; issue_type may be {', '.join(kinds)}"
            raise TicketError(Trouble.REFUSED, rule)
        return f"project {key} can be reached as {me['displayName'].text or me['name'].needed}"

    def _transitions(self, ticket: str) -> list[Answer]:
        query = {"expand": "transitions.fields"}
        return self._caller.ask("GET", f"{self._one(ticket)}/transitions", None, query)["transitions"].parts

    def _move(
        self,
        ticket: str,
        fitting: Sequence[Answer],
        found: Sequence[Answer],
        rule: str,
        ending: Ending | None,
    ) -> None:
        if not fitting:
            there = ", ".join(one["to"]["name"].text for one in found) or "nowhere"
            raise TicketError(Trouble.REFUSED, f"the transitions of {ticket} lead to {there}, not to {rule}")
        chosen = fitting[0]
        body: dict[str, Any] = {"transition": {"id": chosen["id"].needed}}
        resolution = chosen["fields"]["resolution"]
        if ending is not None and resolution.value:
            allowed = resolution["allowedValues"].names("name")
            named = next((name for name in RESOLUTIONS[ending] if name in allowed), allowed[0] if allowed else "Done")
            body["fields"] = {"resolution": {"name": named}}
        self._caller.ask("POST", f"{self._one(ticket)}/transitions", body)

    def _remote(self, issue: Answer) -> Remote:
        key, fields = issue["key"].needed, issue["fields"]
        person = fields["assignee"]
        return Remote(
            id=key,
            number=key,
            url=self._page(key),
            is_open=fields["status"]["statusCategory"]["key"].needed != DONE,
            state=fields["status"]["name"].text,
            assignee=person["displayName"].text or person["name"].text,
            labels=fields["labels"].names("name"),
        )

    def _text(self, text: Sequence[Block]) -> Any:
        return adf(text) if self._is_cloud else wiki(text)

    def _page(self, key: str) -> str:
        return f"{self._tracker.address}/browse/{key}"

    def _one(self, ticket: str) -> str:
        return f"{self._at}/issue/{quote(ticket, safe='')}"


def _label(mark: str) -> str:
    return f"wellkept-{mark}"


def _said(mark: str) -> str:
    """In words that no writer of text escapes."""
    return f"wellkept {mark}"


def _names(transition: Answer) -> tuple[str, str]:
    return transition["name"].text.casefold(), transition["to"]["name"].text.casefold()


def _category(transition: Answer) -> str:
    return transition["to"]["statusCategory"]["key"].needed


def _is_about_priority(error: TicketError) -> bool:
    """Whether a project is told that it has no such field: then the comment alone tells how bad it is."""
    return error.trouble is Trouble.REFUSED and "priority" in str(error).lower()
