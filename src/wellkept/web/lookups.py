"""The pages on which one thing is looked at: a system, a series, log lines, a trace, a change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from wellkept.web.deps import WebDeps
from wellkept.web.readings import Readings
from wellkept.web.views.change import change_view
from wellkept.web.views.lines import lines_view
from wellkept.web.views.series import series_view
from wellkept.web.views.system import system_view
from wellkept.web.views.trace import trace_view

Build = Callable[[Request, datetime], tuple[str, object]]
Show = Callable[[str, str, Build], Callable[[Request], Awaitable[Response]]]


def routes(deps: WebDeps, readings: Readings, show: Show) -> list[BaseRoute]:
    """The routes; ``show`` makes an endpoint of a page."""

    def system(request: Request, now: datetime) -> tuple[str, object]:
        view = system_view(deps, readings, request.query_params, now)
        return f"{view.kind.capitalize()} {view.name}", view

    def series(request: Request, now: datetime) -> tuple[str, object]:
        view = series_view(readings, request.query_params, now)
        return f"{view.name} of {view.entity}", view

    def lines(request: Request, now: datetime) -> tuple[str, object]:
        return "Log lines", lines_view(readings, request.query_params, now)

    def trace(request: Request, now: datetime) -> tuple[str, object]:
        view = trace_view(readings, request.path_params["trace"], request.query_params, now)
        return f"Trace of {view.title}", view

    def change(request: Request, now: datetime) -> tuple[str, object]:
        view = change_view(readings, request.path_params["change"], request.query_params, now)
        return f"Change to {view.entity}", view

    return [
        Route("/system", show("system.html", "overview", system), methods=["GET"]),
        Route("/series", show("series.html", "incidents", series), methods=["GET"]),
        Route("/lines", show("lines.html", "incidents", lines), methods=["GET"]),
        Route("/traces/{trace}", show("trace.html", "incidents", trace), methods=["GET"]),
        Route("/changes/{change}", show("change.html", "incidents", change), methods=["GET"]),
    ]
