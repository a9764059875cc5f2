"""Forms on the pages of incidents: what people do with one, and the draft of its post-mortem to take away."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from typing import TypedDict
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from wellkept.kernel.errors import ForbiddenError, InputError, WellkeptError
from wellkept.kernel.incident import Incident
from wellkept.kernel.schedule import zone_named
from wellkept.kernel.severities import severity_named
from wellkept.spine.regrouping import RegroupingDesk
from wellkept.web import session
from wellkept.web.deps import WebDeps
from wellkept.web.forms import YEAR_S, Failed, read_pairs
from wellkept.web.recent import Recent
from wellkept.web.render import PERSON, SECURITY

MOST_FIELDS, LARGEST = 400, 65_536
Given = dict[str, str]


class IncidentForms:
    """Takes the deeds of people, and hands out drafts."""

    def __init__(self, deps: WebDeps, recent: Recent, failed: Failed) -> None:
        self._deps, self._recent, self._failed = deps, recent, failed

    async def do(self, request: Request) -> Response:
        """Does what the pressed button says, and shows the incident that it ends up in."""
        incident = request.path_params["incident"]
        try:
            pairs = await read_pairs(request, LARGEST, MOST_FIELDS)
            given = dict(pairs)
            if not session.is_own_form(given.get("form_token", ""), session.session_value(self._deps.token)):
                raise ForbiddenError("this form is not from a page of this session; load the page again")
            findings = [value for name, value in pairs if name == "finding"]
            found = await run_in_threadpool(self._done, incident, given, findings)
        except WellkeptError as error:
            return self._failed(request, error)
        self._recent.forget()
        headers = {**SECURITY, "Cache-Control": "no-store"}
        answer = RedirectResponse(f"/incidents/{quote(found.id)}", 303, headers=headers)
        person = quote(given.get("by", "").strip())
        answer.set_cookie(PERSON, person, max_age=YEAR_S, samesite="strict", path="/", httponly=True)
        return answer

    async def postmortem(self, request: Request) -> Response:
        """The draft as a file."""
        incident, zone = request.path_params["incident"], request.query_params.get("zone", "UTC")
        try:
            text = await run_in_threadpool(self._deps.book.postmortem, incident, _zone(zone))
        except WellkeptError as error:
            return self._failed(request, error)
        name = re.sub(r"[^A-Za-z0-9._-]", "_", f"postmortem-{incident}.md")
        headers = {**SECURITY, "Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        return Response(text, headers=headers, media_type="text/markdown; charset=utf-8")

    def _done(self, incident: str, given: Given, findings: Sequence[str]) -> Incident:
        """Raises:
        InputError: no such deed, or no name or reason where one is needed.
        """
        deed, by = given.get("deed", ""), given.get("by", "").strip()
        why = given.get("why", "").strip()
        if not by:
            raise InputError("by", "is required: what is done has a name under it")
        if deed not in DEEDS:
            raise InputError("deed", f"must be one of {', '.join(DEEDS)}", deed)
        if not why and deed in NEED_REASON:
            raise InputError("why", "is required: say why, for the record")
        return DEEDS[deed](self._deps.desk, incident, given, findings)


class Signed(TypedDict):
    """A name, and a reason."""

    by: str
    why: str


def _signed(given: Given) -> Signed:
    """Who does it, and why."""
    return {"by": given["by"].strip(), "why": given.get("why", "").strip()}


def _other(given: Given) -> str:
    return given.get("other", "").strip()


def _rate(desk: RegroupingDesk, incident: str, given: Given, _: Sequence[str]) -> Incident:
    name = given.get("severity", "")
    return desk.rate(incident, severity_named(name) if name else None, **_signed(given))


def _split(desk: RegroupingDesk, incident: str, given: Given, findings: Sequence[str]) -> Incident:
    if not findings:
        raise InputError("finding", "is required: tick the findings that are another problem")
    return desk.split(incident, findings, **_signed(given))


def _move(desk: RegroupingDesk, incident: str, given: Given, findings: Sequence[str]) -> Incident:
    if not findings:
        raise InputError("finding", "is required: tick the findings that belong to the other incident")
    return [desk.move(finding, incident, _other(given), **_signed(given)) for finding in findings][-1]


DEEDS: dict[str, Callable[[RegroupingDesk, str, Given, Sequence[str]], Incident]] = {
    "acknowledge": lambda desk, incident, given, _: desk.acknowledge(incident, **_signed(given)),
    "mitigate": lambda desk, incident, given, _: desk.mitigate(incident, **_signed(given)),
    "resolve": lambda desk, incident, given, _: desk.resolve(incident, **_signed(given)),
    "close": lambda desk, incident, given, _: desk.close(incident, **_signed(given)),
    "reopen": lambda desk, incident, given, _: desk.reopen(incident, **_signed(given)),
    "assign": lambda desk, incident, given, _: desk.assign(incident, given.get("assignee", ""), **_signed(given)),
    "own": lambda desk, incident, given, _: desk.own(incident, given.get("owner", ""), **_signed(given)),
    "rate": _rate,
    "relate": lambda desk, incident, given, _: desk.relate(incident, _other(given), **_signed(given)),
    "merge": lambda desk, incident, given, _: desk.merge(incident, _other(given), **_signed(given)),
    "note": lambda desk, incident, given, _: desk.note(incident, given.get("why", ""), by=given["by"].strip()),
    "split": _split,
    "move": _move,
}
"""What each button does."""
NEED_REASON = frozenset(DEEDS) - {"acknowledge", "assign", "own", "relate"}


def _zone(name: str) -> tzinfo:
    """The zone that a browser names; UTC where nobody here knows it."""
    try:
        return zone_named(name)
    except InputError:
        return UTC
