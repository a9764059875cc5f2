"""Forms: signing in and out, the theme, and the decision on a plan. Each carries the proof that it is our own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from wellkept.kernel.errors import ForbiddenError, InputError, NotFoundError, TooLargeError, WellkeptError
from wellkept.kernel.feedback import Opinion
from wellkept.web import session
from wellkept.web.deps import WebDeps
from wellkept.web.recent import Recent
from wellkept.web.render import PERSON, SECURITY, THEME, THEMES, Renderer

YEAR_S = 365 * 86_400
LARGEST, MOST_FIELDS = 16_384, 20
Failed = Callable[[Request, WellkeptError], Response]


class Forms:
    """What people send."""

    def __init__(self, deps: WebDeps, renderer: Renderer, recent: Recent, failed: Failed) -> None:
        self._deps, self._renderer, self._recent, self._failed = deps, renderer, recent, failed

    async def login_page(self, request: Request) -> Response:
        """Asks for the token."""
        return self._renderer.bare(request, "login.html", wrong=False)

    async def login(self, request: Request) -> Response:
        """Takes the token, and leaves a session."""
        try:
            form = await read_form(request)
        except InputError as error:
            return self._renderer.bare(request, "login.html", status=error_status(error), wrong=True)
        if not session.is_token(form.get("token", ""), self._deps.token):
            return self._renderer.bare(request, "login.html", status=403, wrong=True)
        return _signed_in(request, self._deps.token)

    async def logout(self, request: Request) -> Response:
        """Ends the session of this browser."""
        try:
            await self._own(request)
        except WellkeptError as error:
            return self._failed(request, error)
        answer = _to("/login")
        answer.delete_cookie(session.COOKIE, path="/")
        return answer

    async def theme(self, request: Request) -> Response:
        """Keeps the theme that was chosen."""
        try:
            form = await self._own(request)
        except WellkeptError as error:
            return self._failed(request, error)
        answer = _to(local(form.get("back", "/")))
        if form.get("theme") in THEMES:
            answer.set_cookie(THEME, form["theme"], max_age=YEAR_S, samesite="lax", path="/")
        return answer

    async def decide(self, request: Request) -> Response:
        """Approves or rejects the plan with exactly the hash that was on the page."""
        plan = request.path_params["plan"]
        try:
            form = await self._own(request)
            by = _needed(form, "by", "a decision needs your name", 80)
            why = _needed(form, "why", "a decision needs a reason", 500)
            await run_in_threadpool(self._decide, plan, form, by, why)
        except WellkeptError as error:
            return self._failed(request, error)
        return self._done(f"{local(form.get('back', '/approvals'))}#{quote(plan)}", by)

    async def brake(self, request: Request) -> Response:
        """Stops runbooks from running by themselves, or lets them again."""
        try:
            form = await self._own(request)
            by = _needed(form, "by", "this needs your name", 80)
            await run_in_threadpool(self._brake, form, by)
        except WellkeptError as error:
            return self._failed(request, error)
        return self._done("/approvals", by)

    async def feedback(self, request: Request) -> Response:
        """Takes what somebody thinks of a finding."""
        finding = request.path_params["finding"]
        try:
            form = await self._own(request)
            by = _needed(form, "by", "feedback needs your name", 80)
            await run_in_threadpool(self._give, finding, form.get("opinion", ""), by)
        except WellkeptError as error:
            return self._failed(request, error)
        return self._done(f"/findings/{quote(finding)}", by)

    async def stop_rollout(self, request: Request) -> Response:
        """Stops the rollout of a model, at once."""
        model = request.path_params["model"]
        try:
            form = await self._own(request)
            by = _needed(form, "by", "a stop needs your name", 80)
            why = _needed(form, "why", "a stop needs a reason", 500)
            if self._deps.stop_rollout is None:
                raise NotFoundError("rollouts", "are not judged here, because the ml loop is off")
            await run_in_threadpool(self._deps.stop_rollout, model, by, why)
        except WellkeptError as error:
            return self._failed(request, error)
        return self._done(f"/models/{quote(model)}#rollout", by)

    def _done(self, page: str, by: str) -> Response:
        """To the page that shows what was done; who did it is not asked again."""
        self._recent.forget()
        answer = _to(page)
        answer.set_cookie(PERSON, quote(by), max_age=YEAR_S, samesite="strict", path="/", httponly=True)
        return answer

    def _give(self, finding: str, opinion: str, by: str) -> None:
        if self._deps.feedback is None:
            raise NotFoundError("feedback", "is not taken here, because the ops loop is off")
        if opinion not in [str(known) for known in Opinion]:
            raise InputError("opinion", f"must be one of {', '.join(Opinion)}", opinion)
        self._deps.feedback.give(finding, Opinion(opinion), by)

    def _decide(self, plan: str, form: Mapping[str, str], by: str, why: str) -> None:
        match form.get("decision"):
            case "approve":
                self._deps.gate.approve(plan, form.get("hash", ""), by, why)
            case "reject":
                self._deps.gate.reject(plan, by, why)
            case other:
                raise InputError("decision", "must be approve or reject", other)

    def _brake(self, form: Mapping[str, str], by: str) -> None:
        brakes, now = self._deps.gate.brakes, self._deps.clock.now()
        match form.get("brake"):
            case "pause":
                brakes.pause(by, _needed(form, "why", "a pause needs a reason", 500), now)
            case "resume":
                brakes.resume(by, now)
            case other:
                raise InputError("brake", "must be pause or resume", other)

    async def _own(self, request: Request) -> Mapping[str, str]:
        """The form, if one of our own pages sent it.

        Raises:
            ForbiddenError: it came from elsewhere, or its page is from before the token changed.
        """
        form = await read_form(request)
        if not session.is_own_form(form.get("form_token", ""), session.session_value(self._deps.token)):
            raise ForbiddenError("this form is not from a page of this session; load the page again")
        return form


def greet(request: Request, given: str, token: str) -> Response:
    """The first visit with the address that ``wellkept up`` printed: a session, and the address without the token."""
    return _signed_in(request, token) if session.is_token(given, token) else _to("/login")


def local(path: str) -> str:
    """A path of this server; the first page where it is anything else."""
    parts = urlsplit(path)
    is_local = not parts.scheme and not parts.netloc and path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if is_local and path.isprintable() and "\\" not in path else "/"


def error_status(error: InputError) -> int:
    """413 for what is too large, 422 for the rest."""
    return 413 if isinstance(error, TooLargeError) else 422


def _signed_in(request: Request, token: str) -> Response:
    answer = _to("/")
    answer.set_cookie(
        session.COOKIE,
        session.session_value(token),
        max_age=YEAR_S,
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303, headers={**SECURITY, "Cache-Control": "no-store"})


async def read_form(request: Request, largest: int = LARGEST) -> dict[str, str]:
    """The fields of a URL-encoded form; see :func:`read_pairs`."""
    return dict(await read_pairs(request, largest, MOST_FIELDS))


async def read_pairs(request: Request, largest: int, most: int) -> list[tuple[str, str]]:
    """The fields of a URL-encoded form, also those that come several times.

    Raises:
        TooLargeError: no form of ours is that long.
        InputError: it is not such a form.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > largest:
            raise TooLargeError("form", f"must be at most {largest} bytes")
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=most)
    except (UnicodeDecodeError, ValueError) as error:
        raise InputError("form", f"must be URL-encoded UTF-8 with at most {most} fields") from error


def _needed(form: Mapping[str, str], field: str, what: str, longest: int) -> str:
    value = " ".join(form.get(field, "").split())
    if not value:
        raise InputError(field, f"is required: {what}")
    if len(value) > longest:
        raise InputError(field, f"must be at most {longest} characters", value)
    return value
