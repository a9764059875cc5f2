"""The page of rules and its form: a rule that somebody tries before it is on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from wellkept.kernel.errors import DocumentError, ForbiddenError, InputError, WellkeptError
from wellkept.ops.detect.rules.loading import load_text
from wellkept.ops.detect.rules.on import RulesOn, checked_span
from wellkept.web import session
from wellkept.web.deps import WebDeps
from wellkept.web.forms import read_form
from wellkept.web.views.rules import DAYS, RulesView, rules_view, trial_view

LONGEST_TEXT = 512 * 1024
Shown = Callable[[Request, str, RulesView], Response]
"""Renders the page of rules."""
Failed = Callable[[Request, WellkeptError], Response]


class RuleForm:
    """Tries rules out. It changes nothing, so its answer is a page, and to send it again does no harm."""

    def __init__(self, deps: WebDeps, on: RulesOn, shown: Shown, failed: Failed) -> None:
        self._deps, self._on, self._shown, self._failed = deps, on, shown, failed

    def view(self, _: Request, now: datetime) -> tuple[str, object]:
        """The page with an empty form."""
        return "Rules", rules_view(self._on, now)

    async def attempt(self, request: Request) -> Response:
        """Tries the rule of the form."""
        try:
            form = await read_form(request, 3 * LONGEST_TEXT)
            if not session.is_own_form(form.get("form_token", ""), session.session_value(self._deps.token)):
                raise ForbiddenError("this form is not from a page of this session; load the page again")
            view = await run_in_threadpool(self._tried, form)
        except WellkeptError as error:
            return self._failed(request, error)
        return await run_in_threadpool(self._shown, request, "Rules", view)

    def _tried(self, form: Mapping[str, str]) -> RulesView:
        now = self._deps.clock.now()
        text, days = form.get("text", "").replace("\r\n", "\n"), _days(form.get("days", ""))
        view = rules_view(self._on, now, text=text, days=days)
        try:
            if len(text) > LONGEST_TEXT:
                raise InputError("text", f"must be at most {LONGEST_TEXT} characters", len(text))
            loaded = load_text(text, "the rule")
            start, end = checked_span(now - timedelta(days=days), now, now)
        except (DocumentError, InputError) as error:
            return replace(view, mistake=str(error))
        return replace(view, trial=trial_view(self._on.try_out(loaded, start, end)))


def _days(text: str) -> int:
    """How far back.

    Raises:
        InputError: it is none of the choices.
    """
    if text not in {str(days) for days in DAYS}:
        raise InputError("days", f"must be one of {', '.join(str(days) for days in DAYS)}", text)
    return int(text)
