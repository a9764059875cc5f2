"""Tickets as issues of a GitHub repository.

Interface: https://docs.github.com/en/rest/issues (version 2022-11-28). The token needs to read and write issues of the
repository (a fine-grained one: "Issues: read and write"). A ticket is known again by an invisible comment in the first
line of its body. New issues are looked through by their time, not by label: GitHub leaves labels out silently where the
token may not set them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from wellkept.kernel.finding import Severity
from wellkept.spine.tickets.answer import Answer
from wellkept.spine.tickets.base import MARK, Draft, Ending, Remote, TicketError, Trouble
from wellkept.spine.tickets.http import Caller
from wellkept.spine.tickets.settings import Tracker
from wellkept.spine.tickets.text import Block, markdown, short

LONGEST_TITLE = 256
PAGE = 100
REASONS = {Ending.RECOVERED: "completed", Ending.MERGED: "not_planned"}


class GitHub:
    """Speaks to one repository."""

    settle_s = 10.0

    def __init__(self, caller: Caller, tracker: Tracker) -> None:
        owner, _, name = tracker.project.partition("/")
        self._caller, self._tracker = caller, tracker
        self._at = f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}"

    def find(self, mark: str, since: datetime) -> Remote | None:
        query = {"state": "all", "sort": "created", "direction": "desc", "since": _moment(since)}
        for issue in self._pages(f"{self._at}/issues", query):
            made_at = issue["created_at"].moment
            if made_at is not None and made_at < since:
                return None
            if "pull_request" not in issue and issue.written("body").lstrip().startswith(_sign("ticket", mark)):
                return _remote(issue)
        return None

    def create(self, draft: Draft) -> Remote:
        body = {
            "title": short(draft.title, LONGEST_TITLE),
            "body": f"{_sign('ticket', draft.mark)}\n{markdown(draft.text)}",
            "labels": [MARK, *draft.labels, self._tracker.priority(draft.severity)],
            **self._tracker.fields,
        }
        return _remote(self._caller.ask("POST", f"{self._at}/issues", body))

    def read(self, ticket: str) -> Remote:
        return _remote(self._caller.ask("GET", self._one(ticket)))

    def comment(self, ticket: str, text: Sequence[Block], mark: str) -> None:
        body = {"body": f"{_sign('said', mark)}\n{markdown(text)}"}
        self._caller.ask("POST", f"{self._one(ticket)}/comments", body)

    def commented(self, ticket: str, mark: str, since: datetime) -> bool:
        found = self._pages(f"{self._one(ticket)}/comments", {"since": _moment(since)})
        return any(one.written("body").lstrip().startswith(_sign("said", mark)) for one in found)

    def grade(self, ticket: str, severity: Severity, before: Severity) -> None:
        labels = f"{self._one(ticket)}/labels"
        wanted, worn = self._tracker.priority(severity), self._tracker.priority(before)
        self._caller.ask("POST", labels, {"labels": [wanted]})
        if worn == wanted:
            return
        try:
            self._caller.ask("DELETE", f"{labels}/{quote(worn, safe='')}")
        except TicketError as error:
            if error.trouble is not Trouble.GONE:
                raise

    def close(self, ticket: str, ending: Ending, text: Sequence[Block]) -> None:  # noqa: ARG002 - a comment says why
        self._caller.ask("PATCH", self._one(ticket), {"state": "closed", "state_reason": REASONS[ending]})

    def reopen(self, ticket: str) -> None:
        self._caller.ask("PATCH", self._one(ticket), {"state": "open"})

    def link(self, ticket: str, other: str) -> None:
        """A text that names the other is enough: GitHub shows it on both sides."""
        body = {"body": f"{_sign('said', f'link-{other}')}\nThe same trouble as #{int(other)}."}
        self._caller.ask("POST", f"{self._one(ticket)}/comments", body)

    def check(self) -> str:
        found = self._caller.ask("GET", self._at)
        name = found["full_name"].needed
        if found["has_issues"].value is False:
            raise TicketError(Trouble.REFUSED, f"{name} has no issues; switch them on in its settings")
        may_label = found["permissions"]["push"].value is True
        labels = "" if may_label else "; the token may not set labels, so GitHub leaves them out"
        return f"repository {name} can be reached{labels}"

    def _one(self, ticket: str) -> str:
        return f"{self._at}/issues/{int(ticket)}"

    def _pages(self, path: str, query: Mapping[str, str]) -> Iterator[Answer]:
        page = 1
        while True:
            asked = {**query, "per_page": str(PAGE), "page": str(page)}
            found, headers = self._caller.answer("GET", path, None, asked)
            yield from found.parts
            if 'rel="next"' not in headers.get("link", ""):
                return
            page += 1


def _remote(issue: Answer) -> Remote:
    number, state = issue["number"].number, issue["state"].needed
    return Remote(
        id=number,
        number=f"#{number}",
        url=issue["html_url"].text,
        is_open=state == "open",
        state=state,
        assignee=next(iter(issue["assignees"].names("login")), ""),
        labels=issue["labels"].names("name"),
    )


def _sign(kind: str, mark: str) -> str:
    return f"<!-- wellkept:{kind}:{mark} -->"


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
