"""The pages and their routes: parse, build the view, render."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from wellkept.kernel.entity import EntityKind
from wellkept.kernel.errors import (
    ConflictError,
    ForbiddenError,
    InputError,
    NotFoundError,
    TooLargeError,
    WellkeptError,
)
from wellkept.kernel.hostnames import host_names
from wellkept.kernel.plan import PlanState
from wellkept.spine.incidentbook import Wanted
from wellkept.web import downloads, lookups, modelpages, session, static
from wellkept.web.causeform import CauseForm
from wellkept.web.deps import WebDeps
from wellkept.web.forms import Forms, greet
from wellkept.web.incidentforms import IncidentForms
from wellkept.web.noise import NoisePages
from wellkept.web.readings import Readings
from wellkept.web.recent import Recent
from wellkept.web.render import PERSON, Frame, Renderer
from wellkept.web.ruleform import RuleForm
from wellkept.web.telling import Telling
from wellkept.web.views.approvals import approvals_view
from wellkept.web.views.detectors import detector_rows, detector_view
from wellkept.web.views.diagnosis import diagnosis_view
from wellkept.web.views.finding import finding_page
from wellkept.web.views.findings import findings_view
from wellkept.web.views.incident import incident_view
from wellkept.web.views.incidents import LIVE, incidents_view
from wellkept.web.views.incidentsummary import USUAL, summary_view
from wellkept.web.views.journal import PAGE, audit_view
from wellkept.web.views.overview import AT_A_GLANCE, overview_view
from wellkept.web.views.patterns import patterns_view
from wellkept.web.views.rules import RulesView
from wellkept.web.views.systems import MOST

KEEP_S, HOSTS_S, SUMMARY_S = 1.0, 10.0, 30.0
"""How long a page is kept for everybody who looks; the summary reads every incident of its span."""
Endpoint = Callable[[Request], Awaitable[Response]]
Build = Callable[[Request, datetime], tuple[str, object]]
"""Gives a page's title and its view."""


def routes(deps: WebDeps) -> list[BaseRoute]:
    """Every route of the pages. A loop that is off has none of its own."""
    pages = Pages(deps)
    forms = Forms(deps, pages.renderer, pages.recent, pages.failed)
    found: list[BaseRoute] = [
        Route("/", pages.overview, methods=["GET"]),
        Route("/approvals", pages.show("approvals.html", "approvals", pages.approvals), methods=["GET"]),
        Route("/audit", pages.show("audit.html", "audit", pages.audit), methods=["GET"]),
        Route("/login", forms.login_page, methods=["GET"]),
        Route("/login", forms.login, methods=["POST"]),
        Route("/logout", forms.logout, methods=["POST"]),
        Route("/theme", forms.theme, methods=["POST"]),
        Route("/plans/{plan}/decide", forms.decide, methods=["POST"]),
        Route("/runbooks/brake", forms.brake, methods=["POST"]),
        Route("/static/{name}", static.file, methods=["GET"]),
    ]
    if deps.notify is not None:
        found += _of_notifications(pages, Telling(deps, deps.notify, pages.recent, pages.failed))
    if deps.ops_enabled or deps.ml_enabled:
        found += _of_incidents(deps, pages)
        found += lookups.routes(deps, pages.readings, pages.show)
    if deps.causes is not None:
        shown = pages.show("diagnosis.html", "incidents", lambda _, __: ("Diagnosis", diagnosis_view(deps)))
        found.append(Route("/diagnosis", shown, methods=["GET"]))
    if deps.ops_enabled or deps.ml_enabled:
        found += [
            Route("/findings", pages.show("findings.html", "findings", pages.findings), methods=["GET"]),
            Route("/findings/{finding}", pages.show("finding.html", "findings", pages.finding), methods=["GET"]),
            Route("/findings/{finding}/feedback", forms.feedback, methods=["POST"]),
        ]
    if deps.noise is not None and deps.grouping is not None:
        quiet = NoisePages(deps, deps.noise, deps.grouping, pages.recent)
        found += quiet.routes(pages.show, pages.filled, pages.failed)
    if deps.detectors is not None:
        found += [
            Route("/patterns", pages.show("patterns.html", "findings", pages.patterns), methods=["GET"]),
            Route("/detectors", pages.show("detectors.html", "findings", pages.detectors), methods=["GET"]),
            Route("/detectors/{detector}", pages.show("detector.html", "findings", pages.detector), methods=["GET"]),
        ]
    if deps.rules is not None:
        form = RuleForm(deps, deps.rules, pages.rules_page, pages.failed)
        found += [
            Route("/rules", pages.show("rules.html", "rules", form.view), methods=["GET"]),
            Route("/rules", form.attempt, methods=["POST"]),
        ]
    if deps.ml_enabled:
        csv = downloads.predictions(deps, pages.readings, pages.failed)
        found += [
            Route("/incidents/{incident}/predictions/{model}.csv", csv, methods=["GET"]),
            *modelpages.routes(deps, pages.readings, pages.recent, pages.show),
            Route("/models/{model}/rollout/stop", forms.stop_rollout, methods=["POST"]),
        ]
    return found


def _of_notifications(pages: Pages, telling: Telling) -> list[BaseRoute]:
    shown = pages.show("notifications.html", "notifications", telling.view)
    return [
        Route("/notifications", shown, methods=["GET"]),
        Route("/notifications/receivers/{receiver}/test", telling.test, methods=["POST"]),
        Route("/notifications/receivers/{receiver}/retry", telling.retry_all, methods=["POST"]),
        Route("/notifications/{notification}/retry", telling.retry, methods=["POST"]),
        Route("/notifications/trackers/{tracker}/retry", telling.retry_tickets, methods=["POST"]),
    ]


def _of_incidents(deps: WebDeps, pages: Pages) -> list[BaseRoute]:
    deeds = IncidentForms(deps, pages.recent, pages.failed)
    summary = pages.show("incidentsummary.html", "incidents", pages.incident_summary)
    return [
        Route("/incidents", pages.show("incidents.html", "incidents", pages.incidents), methods=["GET"]),
        Route("/incidents/summary", summary, methods=["GET"]),
        Route("/incidents/{incident}/do", deeds.do, methods=["POST"]),
        Route("/incidents/{incident}/cause", CauseForm(deps, pages.recent, pages.failed).do, methods=["POST"]),
        Route("/incidents/{incident}/postmortem.md", deeds.postmortem, methods=["GET"]),
        Route("/incidents/{incident}", pages.show("incident.html", "incidents", pages.incident), methods=["GET"]),
    ]


class Pages:
    """Builds pages, each at most once a second for everybody who looks."""

    def __init__(self, deps: WebDeps) -> None:
        self.deps, self.recent = deps, Recent(deps.clock)
        self.renderer = Renderer(self._host_names)
        self.readings = Readings(deps.telemetry, self.recent, deps.clock)

    async def overview(self, request: Request) -> Response:
        """The first page; with ``?token=`` the first visit, which leaves a session and a clean address."""
        given = request.query_params.get("token")
        if given is None:
            return await self.show("overview.html", "overview", self.overview_values)(request)
        return greet(request, given, self.deps.token)

    def show(self, template: str, active: str, build: Build) -> Endpoint:
        """An endpoint that shows one page. What goes wrong is said on a page too; this is the edge for that."""

        async def endpoint(request: Request) -> Response:
            try:
                return await run_in_threadpool(self._page, request, template, active, build)
            except WellkeptError as error:
                return self.failed(request, error)

        return endpoint

    def failed(self, request: Request, error: WellkeptError) -> Response:
        """The page about an error."""
        frame = self._frame("", "Something is wrong")
        content = self.renderer.content("error.html", message=str(error), back=request.headers.get("referer", "/"))
        return self.renderer.page(request, frame, content, self.deps.token, status=_status(error))

    def overview_values(self, request: Request, now: datetime) -> tuple[str, object]:
        most = MOST if request.query_params.get("show") == "all" else AT_A_GLANCE
        return "Overview", overview_view(self.deps, self.readings, now, most)

    def incidents(self, request: Request, now: datetime) -> tuple[str, object]:
        asked, names = dict(request.query_params), self._host_names()
        return "Incidents", incidents_view(self.deps.book, self.deps.stream, asked, now, names)

    def incident_summary(self, request: Request, now: datetime) -> tuple[str, object]:
        days = request.query_params.get("days", USUAL)
        view = self.recent.get(("summary", days), SUMMARY_S, lambda: summary_view(self.deps.book, days, now))
        return "How incidents went", view

    def incident(self, request: Request, now: datetime) -> tuple[str, object]:
        kind = request.query_params.get("kind", "")
        view = incident_view(self.deps, self.readings, request.path_params["incident"], now, kind)
        return view.title, view

    def findings(self, request: Request, _: datetime) -> tuple[str, object]:
        asked = request.query_params
        return "Findings", findings_view(self.deps, asked.get("show", "open"), asked.get("kind", ""))

    def finding(self, request: Request, now: datetime) -> tuple[str, object]:
        view = finding_page(self.deps, self.readings, request.path_params["finding"], now)
        return view.title, view

    def detectors(self, _: Request, __: datetime) -> tuple[str, object]:
        assert self.deps.detectors is not None
        return "Detectors", detector_rows(self.deps.detectors)

    def detector(self, request: Request, _: datetime) -> tuple[str, object]:
        assert self.deps.detectors is not None
        view = detector_view(
            self.deps.detectors, request.path_params["detector"], request.query_params.get("series", "")
        )
        return f"Detector {view.row.name}", view

    def patterns(self, request: Request, now: datetime) -> tuple[str, object]:
        span, level, service = (request.query_params.get(name, "") for name in ("span", "level", "service"))
        return "Log patterns", patterns_view(self.readings, span, level, service, now)

    def approvals(self, _: Request, now: datetime) -> tuple[str, object]:
        return "Approvals", approvals_view(self.deps.gate, now, has_runbooks=self.deps.ops_enabled)

    def audit(self, request: Request, _: datetime) -> tuple[str, object]:
        limit = _limit(request.query_params.get("limit", str(PAGE)))
        return "Audit", audit_view(self.deps.audit, request.query_params.get("subject", ""), limit)

    def rules_page(self, request: Request, title: str, view: RulesView) -> Response:
        """The page of rules with the outcome of a trial, which is nobody else's."""
        return self.renderer.page(
            request, self._frame("rules", title), self._content(request, "rules.html", view), self.deps.token
        )

    def filled(self, request: Request, template: str, title: str, view: object) -> Response:
        """A page of noise with the outcome of its form, which is nobody else's."""
        content = self._content(request, template, view)
        return self.renderer.page(request, self._frame("noise", title), content, self.deps.token)

    def _content(self, request: Request, template: str, view: object) -> Any:
        person = unquote(request.cookies.get(PERSON, ""))
        address = str(request.base_url).rstrip("/")
        proof = session.form_token(session.session_value(self.deps.token))
        values = {"view": view, "form_token": proof, "person": person, "back": request.url.path}
        return self.renderer.content(template, address=address, **values)

    def _page(self, request: Request, template: str, active: str, build: Build) -> Response:
        person = unquote(request.cookies.get(PERSON, ""))
        address = str(request.base_url).rstrip("/")
        key = ("page", address, request.url.path, str(request.query_params), person)

        def make() -> tuple[Frame, Any]:
            title, view = build(request, self.deps.clock.now())
            return self._frame(active, title), self._content(request, template, view)

        frame, content = self.recent.get(key, KEEP_S, make)
        return self.renderer.page(request, frame, content, self.deps.token)

    def _frame(self, active: str, title: str) -> Frame:
        live, waiting = self.recent.get(("counts",), KEEP_S, self._counts)
        deps = self.deps
        loops = (deps.ops_enabled, deps.ml_enabled, deps.rules is not None)
        untold = self.recent.get(("untold",), KEEP_S, self._untold)
        more = {"noise": deps.noise is not None, "notify": deps.notify is not None}
        return Frame(active, title, live, waiting, *loops, **more, untold=untold, standing=deps.standing())

    def _host_names(self) -> dict[str, str]:
        return self.recent.get(("hosts",), HOSTS_S, lambda: host_names(self.deps.topology.entities(EntityKind.HOST)))

    def _untold(self) -> bool:
        return self.deps.notify is not None and bool(self.deps.notify.trouble())

    def _counts(self) -> tuple[int, int]:
        _, live = self.deps.book.find(Wanted(states=LIVE), limit=1)
        waiting = self.deps.gate.plans(state=PlanState.WAITING, limit=100)
        return live, len(waiting)


STATUS: dict[type[WellkeptError], int] = {
    NotFoundError: 404,
    ConflictError: 409,
    TooLargeError: 413,
    InputError: 422,
    ForbiddenError: 403,
}


def _status(error: WellkeptError) -> int:
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 503)


def _limit(text: str) -> int:
    return min(1000, max(1, int(text))) if text.isdigit() else PAGE
