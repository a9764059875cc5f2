"""The pages of detection: what people say of findings, and what detectors say of themselves."""

from __future__ import annotations

import re

import httpx
import pytest
from tests.web.scene import Scene

from wellkept.web.views.patterns import pieces


def form(client: httpx.Client, page: str, **fields: str) -> httpx.Response:
    """Send the form of feedback that is on a page."""
    text = client.get(page).text
    proof = re.findall(r"name=\"form_token\" value=\"([^\"]+)\"", text)[0]
    return client.post(f"{page}/feedback", data={"form_token": proof, **fields})


@pytest.fixture
def page(scene: Scene) -> str:
    found = next(f for f in scene.deps.stream.open_findings() if f.detector == "exhaustion")
    return f"/findings/{found.id}"


def test_feedback_is_kept_and_shown_on_the_page_of_its_finding(client: httpx.Client, scene: Scene, page: str) -> None:
    answer = form(client, page, opinion="noise", by="Ann <b>")
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    text = client.get(page).text
    assert "Ann &lt;b&gt; said" in text
    assert "<b>noise</b>" in text
    (entry,) = [entry for entry in scene.deps.audit.entries(limit=20) if entry.verb == "finding.feedback"]
    assert entry.actor == "Ann <b>"


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"opinion": "noise", "by": " "}, 422, "feedback needs your name"),
        ({"opinion": "boring", "by": "Ann"}, 422, "must be one of useful, noise, expected"),
        ({"opinion": "noise", "by": "Ann", "form_token": "stolen"}, 403, "not from a page of this session"),
    ],
)
def test_feedback_that_is_none_is_refused_with_the_reason(
    client: httpx.Client, page: str, fields: dict[str, str], status: int, words: str
) -> None:
    answer = form(client, page, **fields)
    assert answer.status_code == status
    assert words in answer.text


def test_detectors_are_listed_those_that_are_off_too(client: httpx.Client) -> None:
    text = client.get("/detectors").text
    for word in ("/detectors/anomaly", "/detectors/exhaustion", "/detectors/missing", "a series and week", ">off<"):
        assert word in text
    assert 'href="/detectors"' in client.get("/findings").text


def test_a_detector_says_what_it_does_with_which_numbers_and_what_it_found(client: httpx.Client) -> None:
    text = client.get("/detectors/exhaustion").text
    for word in ("What it does not see", "Memory in use of shop/checkout grows"):
        assert word in text
    assert "ops.detect.budget_per_series_week" in client.get("/detectors/anomaly").text
    asked = client.get("/detectors/anomaly", params={"series": "no.such.series"}).text
    assert "No series of that name is known yet." in asked
    assert "What it does" in client.get("/detectors/missing").text
    assert client.get("/detectors/guess").status_code == 404


def test_what_is_logged_is_shown_as_patterns_with_names_for_what_varies(client: httpx.Client) -> None:
    text = client.get("/patterns").text
    assert re.search(r"order <b>&lt;order&gt;</b> of user <b>&lt;user&gt;</b> was paid in", text)
    errors = client.get("/patterns", params={"level": "error", "service": "checkout"}).text
    assert "connection to" in errors
    assert "was paid" not in errors
    assert "refused" in errors
    assert "No line was logged that is so severe by nobody" in client.get("/patterns?level=error&service=nobody").text


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("user <user> paid <*>", ["<user>", "<*>"]),
        ("a < b and b > a", []),
        ("<html> <", ["<html>"]),
        ("<<x>", ["<x>"]),
        ("", []),
    ],
)
def test_a_template_is_cut_at_its_names_and_nothing_of_it_is_lost(template: str, names: list[str]) -> None:
    assert "".join(text for text, _ in pieces(template)) == template
    assert [text for text, varies in pieces(template) if varies] == names
