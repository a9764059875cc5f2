"""Tickets as issues of a GitLab project.

Interface: https://docs.gitlab.com/api/issues/ (version 4). The token (personal, of a project or of a group) needs the
scope ``api`` and the role Reporter, with which labels may be set. A ticket is known again by an invisible comment in
the first line of its description.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from wellkept.kernel.finding import Severity
from wellkept.spine.tickets.answer import Answer
from wellkept.spine.tickets.base import MARK, Draft, Ending, Remote
from wellkept.spine.tickets.http import Caller
from wellkept.spine.tickets.settings import Tracker
from wellkept.spine.tickets.text import Block, markdown, short

LONGEST_TITLE = 255
PAGE = 100


class GitLab:
    """Speaks to one project."""

    settle_s = 10.0

    def __init__(self, caller: Caller, tracker: Tracker) -> None:
        self._caller, self._tracker = caller, tracker
        self._at = f"/api/v4/projects/{quote(tracker.project, safe='')}"

    def find(self, mark: str, since: datetime) -> Remote | None:
        query = {"scope": "all", "order_by": "created_at", "sort": "desc", "created_after": _moment(since)}
        found = self._pages(f"{self._at}/issues", query)
        sign = _sign("ticket", mark)
        return next((_remote(one) for one in found if one.written("description").lstrip().startswith(sign)), None)

    def create(self, draft: Draft) -> Remote:
        body = {
            "title": short(draft.title, LONGEST_TITLE),
            "description": f"{_sign('ticket', draft.mark)}\n\n{markdown(draft.text)}",
            "labels": ",".join([MARK, *draft.labels, self._tracker.priority(draft.severity)]),
            **self._tracker.fields,
        }
        return _remote(self._caller.ask("POST", f"{self._at}/issues", body))

    def read(self, ticket: str) -> Remote:
        return _remote(self._caller.ask("GET", self._one(ticket)))

    def comment(self, ticket: str, text: Sequence[Block], mark: str) -> None:
        body = {"body": f"{_sign('said', mark)}\n\n{markdown(text)}"}
        self._caller.ask("POST", f"{self._one(ticket)}/notes", body)

    def commented(self, ticket: str, mark: str, since: datetime) -> bool:
        sign = _sign("said", mark)
        for note in self._pages(f"{self._one(ticket)}/notes", {"order_by": "created_at", "sort": "desc"}):
            said_at = note["created_at"].moment
            if said_at is not None and said_at < since:
                return False
            if note.written("body").lstrip().startswith(sign):
                return True
        return False

    def grade(self, ticket: str, severity: Severity, before: Severity) -> None:
        wanted, worn = self._tracker.priority(severity), self._tracker.priority(before)
        body = {"add_labels": wanted}
        if worn != wanted:
            body["remove_labels"] = worn
        self._caller.ask("PUT", self._one(ticket), body)

    def close(self, ticket: str, ending: Ending, text: Sequence[Block]) -> None:  # noqa: ARG002 - a comment says why
        self._caller.ask("PUT", self._one(ticket), {"state_event": "close"})

    def reopen(self, ticket: str) -> None:
        self._caller.ask("PUT", self._one(ticket), {"state_event": "reopen"})

    def link(self, ticket: str, other: str) -> None:
        project = self._tracker.project
        body = {"target_project_id": project, "target_issue_iid": str(int(other)), "link_type": "relates_to"}
        self._caller.ask("POST", f"{self._one(ticket)}/links", body)

    def check(self) -> str:
        found = self._caller.ask("GET", self._at)
        return f"project {found['path_with_namespace'].needed} can be reached"

    def _one(self, ticket: str) -> str:
        return f"{self._at}/issues/{int(ticket)}"

    def _pages(self, path: str, query: Mapping[str, str]) -> Iterator[Answer]:
        page = "1"
        while page:
            asked = {**query, "per_page": str(PAGE), "page": page}
            found, headers = self._caller.answer("GET", path, None, asked)
            yield from found.parts
            page = headers.get("x-next-page", "").strip()


def _remote(issue: Answer) -> Remote:
    number, state = issue["iid"].number, issue["state"].needed
    return Remote(
        id=number,
        number=f"#{number}",
        url=issue["web_url"].text,
        is_open=state == "opened",
        state=state,
        assignee=next(iter(issue["assignees"].names("username")), ""),
        labels=issue["labels"].names("name"),
    )


def _sign(kind: str, mark: str) -> str:
    return f"<!-- wellkept:{kind}:{mark} -->"


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
