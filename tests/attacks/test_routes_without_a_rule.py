"""A door that nobody guards: every route has a rule, what is not in the table is shut, and no spelling opens it."""

from __future__ import annotations

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.attacks.victim import TOKEN, Victim
from tests.ml.serve.doors import Asked

from wellkept.api.auth import OPEN, OPEN_BELOW, OWN_PROOF, OWN_PROOF_BELOW


def test_every_route_of_the_platform_is_shut_to_strangers_or_named_in_the_table(platform: Victim) -> None:
    doors = platform.doors()
    known = {path for _, path in doors if path in OPEN or path.startswith(OPEN_BELOW)}

    assert len(doors) > 60
    assert known == {"/healthz", "/readyz", "/login", "/static/x"}
    for method, path in doors:
        if path not in known:
            assert platform.ask(method, path).status_code == 401, (method, path)


def test_a_route_that_somebody_adds_tomorrow_is_shut(platform: Victim) -> None:
    async def leak(_: object) -> PlainTextResponse:
        return PlainTextResponse("everything")

    added = [Route(path, leak) for path in ("/debug", "/api/v9/all", "/v1/new", "/hooks/x", "/api/v1/hooks")]
    platform.app.router.routes[:0] = added
    try:
        for route in added:
            assert platform.ask("GET", route.path).status_code == 401, route.path
    finally:
        del platform.app.router.routes[: len(added)]


@pytest.mark.parametrize(
    "path",
    [
        b"//api/v1/status",
        b"/./api/v1/status",
        b"/healthz/../api/v1/status",
        b"/healthz/",
        b"/healthz;/api/v1/status",
        b"/static/../api/v1/status",
        b"/static/%2e%2e/api/v1/status",
        b"/static/..%2f..%2fapi/v1/status",
        b"/login/../api/v1/status",
        b"/login%00",
        b"/API/V1/status",
        b"/api/v1/hooks/x/../../status",
        b"/api/v1/hooks/x%2f..%2f..%2fstatus",
        b"/api/v1/hooks/",
        b"/api/v1/status?token=" + TOKEN.encode(),
        b"/api/v1/status#/healthz",
        b"/v2/enqueue/../status",
    ],
)
def test_no_spelling_of_an_address_opens_another(path: bytes, platform: Victim) -> None:
    assert platform.raw(path) in (401, 404), path


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Original-URL": "/healthz"},
        {"X-Rewrite-URL": "/healthz"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-Prefix": "/static"},
        {"X-HTTP-Method-Override": "GET"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer null"},
        {"Authorization": "Basic Og=="},
        {"Cookie": "wellkept_token="},
        {"Cookie": f"wellkept_token={TOKEN}"},
    ],
    ids=str,
)
def test_no_header_but_the_token_opens_anything(headers: dict[str, str], platform: Victim) -> None:
    for path in ("/api/v1/status", "/api/v1/plans", "/v1/metrics", "/models", "/api/v1/external"):
        assert platform.ask("GET", path, headers=headers).status_code == 401, path


def test_what_looks_at_its_proof_itself_does_so_without_a_body_too(platform: Victim) -> None:
    for path in (*OWN_PROOF, "/api/v1/hooks/x", "/api/v1/hooks/%00", "/api/v1/hooks/" + "x" * 5000):
        assert platform.ask("POST", path).status_code == 401, path[:40]
    assert OWN_PROOF_BELOW.fullmatch("/api/v1/hooks/a/b") is None


def test_the_model_server_has_doors_for_asking_alone(asked: Asked) -> None:
    """No admin plane: nothing loads, unloads, configures or stops a model, and only questions are POST."""
    routes = asked.doors._rest.routes

    for route in routes:
        assert isinstance(route, Route)
        methods = (route.methods or set()) - {"HEAD"}
        asks = route.path.endswith(("/infer", "/invocations"))
        assert methods == ({"POST"} if asks else {"GET"}), route.path
    for path in ("/v2/repository/index", "/v2/repository/models/x/unload", "/v2/models/fraud/load", "/api/jobs/",
                 "/v2/models/fraud/unload", "/shutdown", "/admin", "/docs", "/openapi.json", "/log"):  # fmt: skip
        for method in ("GET", "POST", "PUT", "DELETE"):
            assert asked._ask(method, path).status_code in (404, 405), (method, path)


@pytest.fixture
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    return Asked(tmp_path_factory.mktemp("model"))
