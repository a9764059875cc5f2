"""Tickets, wired: from an incident to a tracker and back, by threads, the interface, and the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.app.running import until
from tests.attacks.victim import TOKEN, Victim, victim
from tests.spine.tickets.contract import played
from tests.spine.tickets.desk import finding_of
from tests.spine.tickets.sites import GitHubSite

from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState, Member


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Victim, GitHubSite]]:
    monkeypatch.setenv("TOKEN", "token-of-bot")
    with played(GitHubSite()) as site:
        assert isinstance(site, GitHubSite)
        site.now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        tracker = {"name": "code", "url": site.address, **site.kind}
        tickets = {"trackers": [tracker], "networks": ["127.0.0.0/8"], "every_s": 0, "poll_s": 0.2}
        with victim(tmp_path, tickets=tickets, webhooks={"url": "https://wellkept.example"}) as made:
            made.platform.tickets.start()
            yield made, site
            made.platform.tickets.close()


def ask(platform: Victim, method: str, path: str, **arguments: Any) -> Any:
    answer = platform.ask(method, f"/api/v1/tickets{path}", TOKEN, **arguments)
    assert answer.status_code < 300, answer.text
    return answer.json()


def opened(platform: Victim) -> Incident:
    now = datetime.now(UTC)
    (finding,) = platform.platform.stream.publish([finding_of("inc-1", now)], now)
    member = Member(finding.id, finding.entity, now, "the first sign")
    known = Incident("inc-1", "slow", IncidentState.OPEN, Severity.ERROR, now, now, (member,), ticket="TCK-1")
    platform.platform.stream.save_incident(known)
    return known


def test_from_an_incident_to_a_tracker_and_back(told: tuple[Victim, GitHubSite]) -> None:
    platform, site = told
    opened(platform)
    until(lambda: site.tickets, "a ticket is made")
    until(lambda: len(ask(platform, "GET", "?state=open")["tickets"]) == 2, "it is written down")

    (own, other) = ask(platform, "GET", "/inc-1")["tickets"]
    assert (own["number"], other["number"]) == ("TCK-1", "#1")
    assert 201 in [call["status"] for call in other["calls"]]  # it may have been looked at since
    assert "mark" not in other
    page = platform.ask("GET", "/incidents/inc-1", headers=platform.cookie).text
    assert 'href="https://github.com/shop/web/issues/1"' in page
    assert "https://wellkept.example/incidents/inc-1" in site.tickets["1"]["body"]

    site.assign("1", "octocat")
    stream = platform.platform.stream
    until(lambda: getattr(stream.incident("inc-1"), "assignee", "") == "code:octocat", "who took it has seen it")
    found = stream.incident("inc-1")
    assert found is not None
    assert found.state is IncidentState.ACKNOWLEDGED

    stream.close(["print-inc-1"], datetime.now(UTC))
    resolved = found.move(IncidentState.RESOLVED, datetime.now(UTC), "correlate", "all findings are over")
    stream.save_incident(replace(resolved, updated_at=datetime.now(UTC)))
    until(lambda: not site.is_open("1"), "it is closed")
    assert platform.platform.tickets.status()["failures"] == 0


def test_what_people_ask_for_and_what_is_not_there(told: tuple[Victim, GitHubSite]) -> None:
    platform, _ = told
    opened(platform)
    until(lambda: len(ask(platform, "GET", "?state=open")["tickets"]) == 2, "a ticket is made")

    assert "shop/web" in ask(platform, "POST", "/trackers/code/test", json={"by": "ada"})["said"]
    assert ask(platform, "GET", "/trackers")["trackers"][0]["tickets"] == {"open": 1}
    assert ask(platform, "POST", "/inc-1/code/retry", json={"by": "ada"})["ticket"]["state"] == "open"
    mistakes = {
        ("GET", "/inc-9"): 404,
        ("GET", "?state=lost"): 422,
        ("POST", "/trackers/nobody/test"): 404,
        ("POST", "/inc-1/nobody/retry"): 404,
        ("POST", "/inc-1/close"): 409,
    }
    for (method, path), status in mistakes.items():
        said = {"by": "ada", **({"why": "I say so"} if path.endswith("/close") else {})}
        answer = platform.ask(method, f"/api/v1/tickets{path}", TOKEN, json=said)
        assert answer.status_code == status, path
        assert "error" in answer.json()
    odd = platform.ask("POST", "/api/v1/tickets/inc-1/code/retry", TOKEN, json={"by": "ada", "wyh": "a slip"})
    assert (odd.status_code, "wyh" in odd.text) == (422, True)
    verbs = {(entry.verb, entry.actor) for entry in platform.platform.audit.entries()}
    assert {("tracker.tested", "ada"), ("ticket.retried", "ada")} <= verbs


def test_after_an_outage_the_page_has_all_of_a_tracker_tried_again(told: tuple[Victim, GitHubSite]) -> None:
    platform, site = told
    refusal = {"message": "Validation Failed"}
    site.refusals = [(422, {}, refusal)]
    opened(platform)
    until(lambda: ask(platform, "GET", "?state=dead")["tickets"], "it is given up")

    page = platform.ask("GET", "/notifications", headers=platform.cookie).text
    assert "Validation Failed" in page
    (proof, *_) = re.findall(r'name="form_token" value="([^"]+)"', page)
    (place,) = re.findall(r'action="(/notifications/trackers/[^"]+/retry)"', page)
    assert platform.ask("POST", place, headers=platform.cookie, data={"form_token": "forged"}).status_code == 403
    assert not site.tickets
    assert platform.ask("POST", place, headers=platform.cookie, data={"form_token": proof}).status_code == 303

    until(lambda: len(ask(platform, "GET", "?state=open")["tickets"]) == 2, "it is made")
    assert ask(platform, "POST", "/trackers/code/retry", json={"by": "ada"}) == {"tickets": 0}
    entries = [entry for entry in platform.platform.audit.entries() if entry.verb == "tracker.retried"]
    assert [entry.details["tickets"] for entry in entries] == [0, 1], "the newest first"
