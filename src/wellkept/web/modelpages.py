"""The pages of models and their routes: all of them, one now, one over weeks, and a training of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wellkept.web.deps import WebDeps
from wellkept.web.readings import Readings
from wellkept.web.recent import Recent
from wellkept.web.views.model import model_view
from wellkept.web.views.modelhistory import history_view
from wellkept.web.views.modelrow import model_rows
from wellkept.web.views.run import run_view

HISTORY_S = 20.0
"""How long the page over weeks is kept for everybody who looks: it counts weeks of predictions."""
Endpoint = Callable[[Request], Awaitable[Response]]
Build = Callable[[Request, datetime], tuple[str, object]]
Show = Callable[[str, str, Build], Endpoint]


def routes(deps: WebDeps, readings: Readings, recent: Recent, show: Show) -> list[Route]:
    """The routes; ``show`` makes an endpoint of a template, the part of the navigation, and what builds the view."""
    pages = ModelPages(deps, readings, recent)
    return [
        Route("/models", show("models.html", "models", pages.models), methods=["GET"]),
        Route("/models/{model}", show("model.html", "models", pages.model), methods=["GET"]),
        Route("/models/{model}/history", show("modelhistory.html", "models", pages.history), methods=["GET"]),
        Route("/models/{model}/runs/{job}", show("run.html", "models", pages.run), methods=["GET"]),
    ]


class ModelPages:
    """Builds the views; each gives the page's title, too."""

    def __init__(self, deps: WebDeps, readings: Readings, recent: Recent) -> None:
        self._deps, self._readings, self._recent = deps, readings, recent

    def models(self, _: Request, now: datetime) -> tuple[str, object]:
        findings = self._deps.stream.open_findings()
        return "Models", model_rows(self._deps.registry, self._readings, findings, now)

    def model(self, request: Request, now: datetime) -> tuple[str, object]:
        name, chosen = request.path_params["model"], request.query_params.get("range", "30m")
        return name, model_view(self._deps, self._readings, name, chosen, now)

    def history(self, request: Request, now: datetime) -> tuple[str, object]:
        name = request.path_params["model"]
        view = self._recent.get(("history", name), HISTORY_S, lambda: history_view(self._deps, name, now))
        return f"{name} over weeks", view

    def run(self, request: Request, _: datetime) -> tuple[str, object]:
        model, job = request.path_params["model"], request.path_params["job"]
        return f"Training of {model}", run_view(self._deps.registry, self._deps.run_log, model, job)
