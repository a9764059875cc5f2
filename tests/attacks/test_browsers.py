"""What a page of somebody else can make a browser do: other hosts' names, frames, scripts, forms, other origins."""

from __future__ import annotations

import re

import pytest
from tests.attacks.victim import TOKEN, Victim

EVIL = "evil.example"
ALLOWED = ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'")


def pages(platform: Victim) -> list[str]:
    """Every page that can be looked at without knowing a name."""
    named = [path for method, path in platform.doors() if method == "GET" and "/x" not in path]
    kinds = {path: platform.ask("GET", path, headers=platform.cookie).headers.get("content-type", "") for path in named}
    return [path for path, kind in kinds.items() if kind.startswith("text/html")]


def test_no_page_can_be_framed_or_run_foreign_code(platform: Victim) -> None:
    found = pages(platform)

    assert len(found) >= 8, found
    for path in (*found, "/login", "/models/unknown", "/nothing-here"):
        answer = platform.ask("GET", path, headers=platform.cookie)
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        policy = answer.headers["content-security-policy"]
        assert all(rule in policy for rule in ALLOWED), path
        assert "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not re.search(
            r"<script(?![^>]*\bsrc=)|\son[a-z]+\s*=|javascript:|<iframe|style=\"[^\"]*url\(", answer.text
        ), path


def test_the_name_that_a_request_was_sent_to_is_believed_by_nobody(platform: Victim) -> None:
    hosts = (EVIL, f"{EVIL}:80", f"127.0.0.1@{EVIL}", f'"><script>alert(1)</script>.{EVIL}', f"{EVIL}/a?b#c")
    for host in hosts:
        headers = {**platform.cookie, "Host": host, "X-Forwarded-Host": host, "Forwarded": f"host={host}"}
        for path in ("/", "/incidents", "/login", "/nothing-here"):
            answer = platform.ask("GET", path, headers=headers)
            assert EVIL not in answer.headers.get("location", ""), path
            assert "<script>alert" not in answer.text
        stranger = platform.ask("GET", "/incidents", headers={"Host": host, "Accept": "text/html"})
        assert stranger.headers["location"] == "/login"
    for path in ("/", "/incidents"):
        assert EVIL not in platform.ask("GET", path, headers=platform.cookie).text, "it was kept for somebody else"


def test_signing_in_leads_to_this_server_whatever_the_name(platform: Victim) -> None:
    answer = platform.ask("GET", f"/?token={TOKEN}", headers={"Host": EVIL})

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "domain" not in cookie


def test_no_other_origin_may_read_an_answer(platform: Victim) -> None:
    for method, path in platform.doors():
        answer = platform.ask(method, path, TOKEN, headers={"Origin": f"https://{EVIL}"})
        assert not [name for name in answer.headers if name.startswith("access-control-")], path
    for path in ("/api/v1/plans", "/v1/metrics", "/api/v1/plans/x/approve", "/api/v1/hooks/x"):
        asked = {"Origin": f"https://{EVIL}", "Access-Control-Request-Method": "POST",
                 "Access-Control-Request-Headers": "authorization"}  # fmt: skip
        answer = platform.ask("OPTIONS", path, headers=asked)
        assert answer.status_code in (401, 405), path
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_a_form_of_another_page_writes_nothing(media: str, platform: Victim) -> None:
    """What a browser sends across origins without asking first, with the session's cookie."""
    headers = {**platform.cookie, "Content-Type": media, "Origin": f"https://{EVIL}", "Sec-Fetch-Site": "cross-site"}
    before = platform.platform.audit.entries(1)

    for method, path in platform.doors():
        if method not in ("GET", "HEAD", "OPTIONS") and path != "/login":
            answer = platform.ask(method, path, headers=headers, content=b'{"by":"evil","decision":"approve"}')
            assert answer.status_code in (401, 403), (method, path, answer.status_code)

    assert platform.platform.audit.entries(1) == before


def test_looking_changes_nothing(platform: Victim) -> None:
    """A picture or a link of another page is a GET with the session's cookie."""
    before = platform.platform.audit.verify()

    for method, path in platform.doors():
        if method == "GET" and path not in ("/healthz", "/readyz"):
            platform.ask("GET", path, headers=platform.cookie)

    assert platform.platform.audit.verify() == before
    assert platform.platform.gate.plans() == []


def test_the_token_in_an_address_is_of_use_on_the_first_page_alone(platform: Victim) -> None:
    for path in ("/api/v1/status", "/incidents", "/api/v1/external", "/v1/metrics"):
        assert platform.ask("GET", f"{path}?token={TOKEN}").status_code == 401, path
