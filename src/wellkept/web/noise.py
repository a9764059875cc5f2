"""The pages of noise and their forms: silences, maintenance windows, grouping rules; each with a preview."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import quote, unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from wellkept.kernel.durations import seconds_of
from wellkept.kernel.errors import DocumentError, ForbiddenError, InputError, WellkeptError
from wellkept.kernel.matching import Matcher
from wellkept.kernel.noise import Maintenance
from wellkept.kernel.schedule import Schedule
from wellkept.ops.correlate.noise.usecases import NoiseUse
from wellkept.ops.correlate.rules.document import load_rules
from wellkept.ops.correlate.rules.replay import Replayed
from wellkept.ops.correlate.rules.suggest import Suggestion
from wellkept.ops.correlate.rules.usecases import GroupingUse
from wellkept.spine.noise import checked
from wellkept.web import session
from wellkept.web.deps import WebDeps
from wellkept.web.forms import YEAR_S, read_form
from wellkept.web.recent import Recent
from wellkept.web.render import PERSON, SECURITY
from wellkept.web.views.noise import (
    DAYS,
    grouping_view,
    maintenance_view,
    noise_view,
    preview_view,
    replay_view,
)

LONGEST_TEXT = 64 * 1024
SUGGESTED_S = 60.0
Endpoint = Callable[[Request], object]
Build = Callable[[Request, datetime], tuple[str, object]]
Show = Callable[[str, str, Build], Callable[[Request], object]]
Shown = Callable[[Request, str, str, object], Response]
"""Renders a page that is nobody else's: request, template, title, view."""
Failed = Callable[[Request, WellkeptError], Response]
Form = Mapping[str, str]


class NoisePages:
    """Shows and takes what holds findings back."""

    def __init__(self, deps: WebDeps, use: NoiseUse, grouping: GroupingUse, recent: Recent) -> None:
        self._deps, self._use, self._grouping, self._recent = deps, use, grouping, recent

    def routes(self, show: Show, shown: Shown, failed: Failed) -> list[BaseRoute]:
        """The routes; ``show`` makes an endpoint of a page."""
        use, desk = self._use, self._grouping.desk
        noise = show("noise.html", "noise", lambda _, now: ("Noise", noise_view(use, now)))
        windows = show("maintenance.html", "noise", lambda _, now: ("Maintenance", maintenance_view(use, now)))
        rules = show(
            "grouping.html", "noise", lambda _, __: ("Grouping", grouping_view(self._grouping, self._suggested()))
        )

        def answer(template: str, take: Callable[[Form, str], object]) -> Callable[[Request], object]:
            return self._taking(template, take, shown, failed)

        def end(page: str, key: str, deed: Callable[[str, str], object]) -> Callable[[Request], object]:
            return self._ending(page, key, deed, failed)

        pairs: list[tuple[str, Callable[[Request], object], str]] = [
            ("/noise", noise, "GET"),
            ("/noise", answer("noise.html", self._silence), "POST"),
            ("/noise/silences/{id}/end", end("/noise#silences", "id", use.desk.end_silence), "POST"),
            ("/maintenance", windows, "GET"),
            ("/maintenance", answer("maintenance.html", self._window), "POST"),
            ("/maintenance/{id}/end", end("/maintenance", "id", use.desk.end_window), "POST"),
            ("/maintenance/{id}/end-this-time", end("/maintenance", "id", use.desk.end_this_time), "POST"),
            ("/grouping", rules, "GET"),
            ("/grouping", answer("grouping.html", self._rule), "POST"),
            ("/grouping/{id}/remove", end("/grouping", "id", desk.remove_rule), "POST"),
            ("/grouping/{id}/dismiss", end("/grouping", "id", self._grouping.dismiss), "POST"),
        ]
        return [Route(path, endpoint, methods=[method]) for path, endpoint, method in pairs]

    def _silence(self, form: Form, by: str) -> object:
        """A page with the preview or the mistake; the address to go to where a silence was made."""
        now = self._deps.clock.now()
        kept = {name: form.get(name, "") for name in ("match", "lasts", "comment", "by")}
        view = noise_view(self._use, now, kept)
        try:
            matchers = checked(_matchers(kept["match"]))
            if form.get("do") != "add":
                return replace(view, preview=preview_view(self._use.of_silence(matchers)))
            until = now + timedelta(seconds=seconds_of(kept["lasts"], "lasts"))
            self._use.desk.add_silence(matchers, None, until, by, kept["comment"])
        except InputError as error:
            return replace(view, mistake=str(error))
        return "/noise#silences"

    def _window(self, form: Form, by: str) -> object:
        names = (
            "name",
            "entities",
            "match",
            "lasts",
            "begins",
            "ends",
            "zone",
            "weekdays",
            "comment",
            "dependents",
            "by",
        )
        kept = {name: form.get(name, "") for name in names}
        now = self._deps.clock.now()
        view = maintenance_view(self._use, now, kept)
        try:
            window = _window_of(kept, by, now)
            if form.get("do") != "add":
                return replace(view, preview=preview_view(self._use.of_window(window)))
            self._use.desk.add_window(window)
        except InputError as error:
            return replace(view, mistake=str(error))
        return "/maintenance"

    def _rule(self, form: Form, by: str) -> object:
        text, days = form.get("text", "").replace("\r\n", "\n"), form.get("days", "30")
        if days not in {str(choice) for choice in DAYS}:
            raise InputError("days", f"must be one of {', '.join(map(str, DAYS))}", days)
        view = replace(grouping_view(self._grouping, self._suggested(), text, int(days)), by=form.get("by", ""))
        try:
            rules = load_rules(text, "the document")
            if not rules:
                raise InputError("the document", "must hold at least one, under groupings")
            if form.get("do") != "save":
                past = self._grouping.past(int(days))
                return replace(view, trials=tuple(replay_view(rule, past.tried(rule)) for rule in rules))
            for rule in rules:
                self._grouping.desk.save_rule(rule, by)
        except (DocumentError, InputError) as error:
            return replace(view, mistake=str(error))
        return "/grouping"

    def _suggested(self) -> Sequence[tuple[Suggestion, Replayed]]:
        """What is suggested; it is read from a month of findings, and so not at each look."""
        key = ("suggestions", len(self._grouping.desk.rules()))
        return self._recent.get(key, SUGGESTED_S, self._grouping.suggestions)

    def _taking(
        self, template: str, take: Callable[[Form, str], object], shown: Shown, failed: Failed
    ) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            try:
                form = await self._own(request)
                by = " ".join(form.get("by", "").split())[:80] or _person(request)
                outcome = await run_in_threadpool(take, form, by)
            except WellkeptError as error:
                return failed(request, error)
            if not isinstance(outcome, str):
                return await run_in_threadpool(shown, request, template, "Noise", outcome)
            return self._gone(outcome, by)

        return endpoint

    def _ending(
        self, page: str, key: str, deed: Callable[[str, str], object], failed: Failed
    ) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            try:
                await self._own(request)
                by = _person(request)
                await run_in_threadpool(deed, request.path_params[key], by)
            except WellkeptError as error:
                return failed(request, error)
            return self._gone(page, by)

        return endpoint

    def _gone(self, page: str, by: str) -> Response:
        self._recent.forget()
        answer = RedirectResponse(page, 303, headers={**SECURITY, "Cache-Control": "no-store"})
        answer.set_cookie(PERSON, quote(by), max_age=YEAR_S, samesite="strict", path="/", httponly=True)
        return answer

    async def _own(self, request: Request) -> Form:
        form = await read_form(request, 3 * LONGEST_TEXT)
        if not session.is_own_form(form.get("form_token", ""), session.session_value(self._deps.token)):
            raise ForbiddenError("this form is not from a page of this session; load the page again")
        return form


def _person(request: Request) -> str:
    return unquote(request.cookies.get(PERSON, "")) or "operator"


def _matchers(text: str) -> tuple[Matcher, ...]:
    """One matcher a line."""
    return tuple(Matcher.of(line) for line in text.splitlines() if line.strip())


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in re.split(r"[\s,]+", text) if word)


def _window_of(kept: Form, by: str, now: datetime) -> Maintenance:
    """The window that a form asks for.

    Raises:
        InputError: names the field.
    """
    starts_at = ends_at = schedule = None
    if kept["begins"] or kept["ends"]:
        schedule = Schedule(kept["begins"], kept["ends"], kept["zone"] or "UTC", _words(kept["weekdays"]))
    if kept["lasts"] or schedule is None:
        starts_at, ends_at = now, now + timedelta(seconds=seconds_of(kept["lasts"], "lasts"))
    return Maintenance(
        "",
        kept["name"],
        by,
        kept["comment"],
        now,
        _words(kept["entities"]),
        bool(kept["dependents"]),
        _matchers(kept["match"]),
        starts_at,
        ends_at,
        schedule,
    )
