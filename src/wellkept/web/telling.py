"""The page of notifications, and its forms: try again what was given up, here or in a tracker, or send a test."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote, unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from wellkept.kernel.errors import ForbiddenError, WellkeptError
from wellkept.spine.notify.desk import NotifyDesk
from wellkept.web import session
from wellkept.web.deps import WebDeps
from wellkept.web.forms import read_form
from wellkept.web.recent import Recent
from wellkept.web.render import PERSON, SECURITY
from wellkept.web.views.notifications import notifications_view

PAGE = "/notifications"
Failed = Callable[[Request, WellkeptError], Response]


class Telling:
    """Shows who is told of what."""

    def __init__(self, deps: WebDeps, desk: NotifyDesk, recent: Recent, failed: Failed) -> None:
        self._deps, self._desk, self._recent, self._failed = deps, desk, recent, failed

    def view(self, _: Request, __: datetime) -> tuple[str, object]:
        """The page."""
        return "Notifications", notifications_view(self._desk, self._deps.tickets)

    async def retry(self, request: Request) -> Response:
        """Tries again what was given up."""
        notification = request.path_params["notification"]
        return await self._done(request, lambda by: self._desk.retry(notification, by))

    async def retry_all(self, request: Request) -> Response:
        """Tries all again that was given up for a receiver."""
        receiver = request.path_params["receiver"]
        return await self._done(request, lambda by: self._desk.retry_all(receiver, by))

    async def test(self, request: Request) -> Response:
        """Sends a test message."""
        receiver = request.path_params["receiver"]
        return await self._done(request, lambda by: self._desk.test(receiver, by))

    async def retry_tickets(self, request: Request) -> Response:
        """Has all tickets of a tracker worked on again that were given up, or failed and wait."""
        tracker, deps = request.path_params["tracker"], self._deps

        def tried(by: str) -> None:
            if deps.tickets is not None:
                count = deps.tickets.retry_all(tracker)
                deps.audit.append(deps.clock.now(), by, "tracker.retried", f"tracker:{tracker}", {"tickets": count})

        return await self._done(request, tried)

    async def _done(self, request: Request, deed: Callable[[str], object]) -> Response:
        try:
            form = await read_form(request)
            if not session.is_own_form(form.get("form_token", ""), session.session_value(self._deps.token)):
                raise ForbiddenError("this form is not from a page of this session; load the page again")
            by = unquote(request.cookies.get(PERSON, "")) or "operator"
            await run_in_threadpool(deed, by)
        except WellkeptError as error:
            return self._failed(request, error)
        self._recent.forget()
        return RedirectResponse(quote(PAGE), 303, headers={**SECURITY, "Cache-Control": "no-store"})
