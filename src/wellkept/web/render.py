"""From views to answers: templates that escape everything, headers that allow nothing from outside, and ETags."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from wellkept.kernel.hostnames import by_name
from wellkept.web import session, wording
from wellkept.web.charts.bars import bar, histogram
from wellkept.web.charts.cohorts import cohort_chart
from wellkept.web.charts.lanes import lanes_chart
from wellkept.web.charts.line import line_chart
from wellkept.web.charts.neighbourhood import neighbourhood
from wellkept.web.charts.pages import pages_chart
from wellkept.web.charts.spark import sparkline
from wellkept.web.charts.trials import trials_chart
from wellkept.web.charts.waterfall import waterfall_chart
from wellkept.web.views.looks import about

HERE = Path(__file__).parent
THEMES = ("auto", "light", "dark")
THEME, PERSON = "wellkept_theme", "wellkept_name"

SECURITY: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds the content of every page."""

    active: str
    title: str
    live: int
    waiting: int
    ops: bool
    ml: bool
    rules: bool = False
    notify: bool = False
    noise: bool = False
    untold: bool = False
    """Whether people may not be told of what they should be."""
    standing: Mapping[str, str] = field(default_factory=dict)
    """What of the platform stands still, and why."""


class Renderer:
    """Renders templates. A template that names something unknown is an error, not an empty place.

    ``host_names`` gives what the filter ``by_name`` says instead of the ids that hosts are told apart by.
    """

    def __init__(self, host_names: Callable[[], Mapping[str, str]] = dict) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals |= {
            "bar": bar,
            "cohort_chart": cohort_chart,
            "histogram": histogram,
            "lanes_chart": lanes_chart,
            "line_chart": line_chart,
            "neighbourhood": neighbourhood,
            "pages_chart": pages_chart,
            "sparkline": sparkline,
            "trials_chart": trials_chart,
            "version": static_version(),
            "waterfall_chart": waterfall_chart,
        }
        self._environment.filters |= {
            "about": about,
            "amount": wording.amount,
            "by_name": lambda text: by_name(text, host_names()),
            "short": wording.short_digest,
            "plural": wording.plural,
        }

    def content(self, template: str, **values: Any) -> Markup:
        """The inside of a page."""
        return Markup(self._environment.get_template(template).render(**values))  # noqa: S704 - escaped by Jinja

    def page(self, request: Request, frame: Frame, content: Markup, token: str, status: int = 200) -> Response:
        """A whole page; 304 when the browser has it already."""
        body = self._environment.get_template("layout.html").render(
            frame=frame,
            content=content,
            theme=theme_of(request),
            form_token=session.form_token(session.session_value(token)),
            path=request.url.path,
        )
        data = body.encode()
        tag = f'"{sha256(data).hexdigest()[:24]}"'
        headers = {**SECURITY, "Cache-Control": "no-cache", "ETag": tag, "Vary": "Cookie"}
        if status == 200 and request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(data, status, headers=headers, media_type="text/html")

    def bare(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """A page without navigation, such as the login."""
        body = self._environment.get_template(template).render(theme=theme_of(request), **values)
        headers = {**SECURITY, "Cache-Control": "no-store"}
        return Response(body, status, headers=headers, media_type="text/html")


def theme_of(request: Request) -> str:
    """The theme that the browser asked for; ``auto`` follows the system."""
    chosen = request.cookies.get(THEME, "auto")
    return chosen if chosen in THEMES else "auto"


def static_version() -> str:
    """A short digest over the static files, so that browsers fetch new ones and keep old ones for good."""
    digest = sha256()
    for path in sorted((HERE / "static").iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
