"""The form on an incident's page in which a person confirms or corrects its cause."""

from __future__ import annotations

from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from wellkept.kernel.errors import ForbiddenError, InputError, NotFoundError, WellkeptError
from wellkept.web import session
from wellkept.web.deps import WebDeps
from wellkept.web.forms import YEAR_S, Failed, read_pairs
from wellkept.web.recent import Recent
from wellkept.web.render import PERSON, SECURITY

MOST_FIELDS, LARGEST = 20, 16_384


class CauseForm:
    """Takes what somebody says was the cause."""

    def __init__(self, deps: WebDeps, recent: Recent, failed: Failed) -> None:
        self._deps, self._recent, self._failed = deps, recent, failed

    async def do(self, request: Request) -> Response:
        """Keeps the pressed suspect, or the entity that was written, and shows the incident again."""
        incident = request.path_params["incident"]
        try:
            given = dict(await read_pairs(request, LARGEST, MOST_FIELDS))
            if not session.is_own_form(given.get("form_token", ""), session.session_value(self._deps.token)):
                raise ForbiddenError("this form is not from a page of this session; load the page again")
            await run_in_threadpool(self._keep, incident, given)
        except WellkeptError as error:
            return self._failed(request, error)
        self._recent.forget()
        headers = {**SECURITY, "Cache-Control": "no-store"}
        answer = RedirectResponse(f"/incidents/{quote(incident)}", 303, headers=headers)
        person = quote(given.get("by", "").strip())
        answer.set_cookie(PERSON, person, max_age=YEAR_S, samesite="strict", path="/", httponly=True)
        return answer

    def _keep(self, incident: str, given: dict[str, str]) -> None:
        if self._deps.causes is None:
            raise NotFoundError("diagnosis", "is switched off on this server")
        by, entity = given.get("by", "").strip(), given.get("entity", "").strip() or given.get("other", "").strip()
        if not by:
            raise InputError("by", "is required: what is said has a name under it")
        self._deps.causes.confirm(incident, entity, by=by, why=given.get("why", "").strip())
