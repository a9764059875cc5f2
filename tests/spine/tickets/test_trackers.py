"""A ticket's life in each system, held to the contract of its interface."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.spine.tickets.contract import load, misfit, played
from tests.spine.tickets.desk import Desk, settings_of
from tests.spine.tickets.sites import SITES, JiraSite, LongJiraSite
from tests.store.fixtures import state_in

from wellkept.kernel.finding import Severity
from wellkept.store.state.tickets import CLOSED, DEAD, LEFT, LET_GO, OPEN, WAITING

LEVELS = {
    "github": ("severity-error", "severity-critical"),
    "gitlab": ("severity::error", "severity::critical"),
    "jira_cloud": ("High", "Highest"),
    "jira_server": ("High", "Highest"),
    "servicenow": ("2", "1"),
}


@pytest.fixture(params=sorted(SITES))
def site(request: pytest.FixtureRequest) -> Iterator[Any]:
    with played(SITES[request.param]()) as made:
        yield made


@pytest.fixture
def desk(site: Any, tmp_path: Path) -> Iterator[Desk]:
    state = state_in(tmp_path)
    yield Desk(state, settings_of(site))
    state.close()


def only(site: Any) -> str:
    (key,) = site.tickets
    return str(key)


def ids_of(found: dict[str, Any]) -> set[str]:
    """What the ticket of an answer is known by."""
    ids = {str(found.get(name)) for name in ("number", "iid", "key")}
    return {*ids, found["result"]["sys_id"]["value"]} if "result" in found else ids


def unnamed(found: Any) -> Any:
    """A page of tickets, each without what it is found by."""
    return [{} for _ in found] if isinstance(found, list) else {"result": [{}], "total": 1}


def bare(found: dict[str, Any]) -> dict[str, Any]:
    """One ticket with what has to be there, and labels in another form."""
    needed = ("number", "iid", "state", "key", "fields", "result", "status", "statusCategory", "sys_id")
    kept = {name: part for name, part in found.items() if name in (*needed, "correlation_id")}
    shaped = {name: bare(part) if name in needed[4:7] else part for name, part in kept.items()}
    labels = [one["name"] if isinstance(one, dict) else {"name": one} for one in found.get("labels", ())]
    return {**shaped, "labels": [*labels, None, 7, []]}


def test_from_the_first_sign_to_the_proven_recovery(site: Any, desk: Desk) -> None:
    before, after = LEVELS[site.contract_name]
    desk.opened()

    desk.turn()

    key = only(site)
    row = desk.row()
    assert (row.state, row.remote) == (OPEN, key)
    assert site.level(key) == before
    assert site.is_open(key)

    desk.change(severity=Severity.CRITICAL)
    desk.turn()
    assert site.level(key) == after
    assert "critical" in site.said(key)[0]

    desk.recover()
    desk.turn()

    assert not site.is_open(key)
    assert desk.row().state == CLOSED
    assert "over for 120 s" in " ".join(site.said(key))
    assert len(site.tickets) == 1
    told = desk.story()
    assert [told[0].split(" was ")[1][:8], told[-1].split(" was ")[1][:6]] == ["made in ", "closed"]


def test_a_ticket_that_was_made_without_an_answer_is_found_and_not_made_again(site: Any, desk: Desk) -> None:
    site.mute = ["create"]
    desk.opened()

    for _ in range(5):
        desk.turn(90)

    assert len(site.tickets) == 1
    assert site.count("create") == 1
    assert desk.row().state == OPEN


def test_a_comment_that_was_made_without_an_answer_is_not_made_again(site: Any, desk: Desk) -> None:
    desk.opened()
    desk.turn()
    site.mute = ["change" if site.contract_name == "servicenow" else "comment"]
    desk.change(assignee="ada")

    for _ in range(4):
        desk.turn(90)

    assert len([text for text in site.said(only(site)) if "Works on it" in text]) == 1


def test_a_ticket_that_was_made_with_an_answer_that_cannot_be_read_is_found_and_not_made_again(
    site: Any, desk: Desk
) -> None:
    site.bent["create"] = lambda _: {"result": {}, "made": "yes"}
    desk.opened()

    desk.turn()
    assert "the answer has no" in desk.row().reason, "it says what was missing"
    assert (desk.row().state, desk.row().attempts) == (WAITING, 1)
    for _ in range(4):
        desk.turn(90)

    assert (len(site.tickets), site.count("create")) == (1, 1)
    assert (desk.row().state, desk.row().remote) == (OPEN, only(site))


def test_what_cannot_be_searched_for_is_not_made_again(site: Any, desk: Desk) -> None:
    site.bent["create"] = lambda _: None
    site.bent["search" if "jira" in site.contract_name else "list"] = unnamed
    desk.opened()

    for _ in range(6):
        desk.turn(1200)

    assert site.count("create") <= 1
    assert (desk.row().state, desk.row().attempts) == (WAITING, 6)
    assert "the answer has no" in desk.row().reason


def test_an_answer_that_cannot_be_read_holds_up_its_own_ticket_alone(site: Any, desk: Desk) -> None:
    desk.opened()
    desk.turn()
    first = only(site)
    desk.opened("inc-2")
    desk.turn()
    other = next(key for key in site.tickets if key != first)
    site.bent["read"] = lambda found: {"result": {}} if first in ids_of(found) else found

    desk.turn(120)

    assert "the answer has no" in desk.row("inc-1").reason
    assert desk.row("inc-1").attempts == 1
    assert desk.row("inc-1").next_at > desk.clock.now(), "it is left alone for a while"
    assert desk.desk.resting() == {}, "the others are not"
    site.assign(other, "ada")
    desk.turn(3)
    desk.turn(120)
    assert (desk.row("inc-2").person, desk.row("inc-2").reason) == ("ada", "")

    site.bent.clear()
    desk.turn(600)
    assert (desk.row("inc-1").reason, desk.row("inc-1").attempts) == ("", 0)


def test_labels_may_be_texts_or_objects_and_what_is_not_needed_may_be_missing(site: Any, desk: Desk) -> None:
    site.bent["create"] = site.bent["read"] = bare
    desk.opened()
    desk.turn()
    desk.turn(120)

    assert (desk.row().state, desk.row().remote, desk.row().reason) == (OPEN, only(site), "")
    assert site.count("read") == 1


def test_trouble_that_comes_back_reopens_the_ticket(site: Any, desk: Desk) -> None:
    desk.opened()
    desk.turn()
    desk.recover()
    desk.turn()
    desk.opened("inc-2", reopens="inc-1")

    desk.turn()

    key = only(site)
    assert site.is_open(key)
    assert (desk.row("inc-1").state, desk.row("inc-2").state) == (LEFT, OPEN)
    assert desk.row("inc-2").remote == key
    assert "came back" in " ".join(site.said(key))


def test_trouble_that_comes_back_gets_a_linked_ticket_where_that_is_configured(site: Any, tmp_path: Path) -> None:
    state = state_in(tmp_path)
    desk = Desk(state, settings_of(site, tracker={"on_return": "link"}))
    desk.opened()
    desk.turn()
    desk.recover()
    desk.turn()
    desk.opened("inc-2", reopens="inc-1")

    desk.turn()

    old, new = site.tickets
    assert not site.is_open(old)
    assert site.is_open(new)
    links = {"servicenow": "change", "github": "comment"}.get(site.contract_name, "link")
    assert site.asked[-1].operation == links
    state.close()


def test_trouble_that_comes_back_gets_a_linked_ticket_where_no_transition_leads_back(tmp_path: Path) -> None:
    state = state_in(tmp_path)
    with played(JiraSite()) as site:
        desk = Desk(state, settings_of(site))
        desk.opened()
        desk.turn()
        desk.recover()
        desk.turn()
        site.steps = site.steps[1:]
        desk.opened("inc-2", reopens="inc-1")

        desk.turn()

        assert (desk.row("inc-2").state, desk.row("inc-2").number) == (OPEN, "PAY-2")
        assert not site.is_open("PAY-1")
        assert site.asked[-1].operation == "link"
        refused, made = desk.story("inc-2")
        assert "PAY-1 of inc-1 could not be reopened: the transitions of PAY-1 lead to Done" in refused
        assert "PAY-2 was made" in made
    state.close()


LONG = ["In Progress", "ask for review", "Done"]


@pytest.mark.parametrize("status", ["To Do", "In Progress", "In Review"])
def test_a_workflow_of_several_steps_is_gone_to_its_end_from_wherever_people_are(status: str, tmp_path: Path) -> None:
    state = state_in(tmp_path)
    with played(LongJiraSite()) as site:
        desk = Desk(state, settings_of(site, tracker={"close_as": LONG}))
        desk.opened()
        desk.turn()
        site.tickets["PAY-1"]["status"] = (status, "indeterminate")
        desk.recover()
        desk.turn()

        assert not site.is_open("PAY-1")
        assert site.count("transition") == 3 - ["To Do", "In Progress", "In Review"].index(status)
        assert desk.row().state == CLOSED
    state.close()


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("", "lead to In Progress, not to a status that is done (close_as can name the steps to one)"),
        ("Done", "lead to In Progress, not to a status called 'Done' (close_as)"),
        (["In Progress", "Done"], "lead to In Review, not to a status called 'Done' (close_as)"),
    ],
)
def test_a_workflow_that_does_not_lead_there_is_told_and_its_end_is_said_once(
    named: Any, said: str, tmp_path: Path
) -> None:
    state = state_in(tmp_path)
    with played(LongJiraSite()) as site:
        desk = Desk(state, settings_of(site, tracker={"close_as": named}))
        desk.opened()
        desk.turn()
        desk.recover()
        desk.turn()
        assert said in desk.row().reason
        site.leads = {}  # type: ignore[misc]

        assert desk.desk.retry_all("there") == 1
        desk.turn()

        assert not site.is_open("PAY-1")
        assert [one.count("Recovered") for one in site.said("PAY-1")] == [1]
    state.close()


@pytest.mark.parametrize(("name", "fields"), [("github", {"assignees": ["ada"]}), ("gitlab", {"assignee_ids": [7]})])
def test_severities_and_more_fields_are_called_as_configured(name: str, fields: Any, tmp_path: Path) -> None:
    state, called = state_in(tmp_path), {"error": "P2", "critical": "P1"}
    with played(SITES[name]()) as site:
        desk = Desk(state, settings_of(site, tracker={"priorities": called, "fields": fields}))
        desk.opened()
        desk.turn()
        assert fields.items() <= site.tickets["1"].items()
        assert site.tickets["1"]["labels"] == ["wellkept", "P2"]

        desk.change(severity=Severity.CRITICAL)
        desk.turn()

        assert site.tickets["1"]["labels"] == ["wellkept", "P1"]
    state.close()


def test_trouble_that_comes_back_late_is_a_ticket_of_its_own(site: Any, desk: Desk) -> None:
    desk.opened()
    desk.turn()
    desk.recover()
    desk.turn()
    desk.turn(90_000)
    desk.opened("inc-2", reopens="inc-1")

    desk.turn()

    assert len(site.tickets) == 2


def test_what_people_close_while_it_fails_stays_an_incident_and_is_told_so(site: Any, desk: Desk) -> None:
    desk.opened()
    desk.turn()
    key = only(site)
    site.close(key)

    desk.turn(120)

    incident = desk.stream.incident("inc-1")
    assert incident is not None
    assert incident.state.is_live
    assert desk.row().state == LET_GO
    assert "incident goes on" in " ".join(site.said(key))
    assert desk.seen[0][1] == "people in there"
    assert "stays as it is" in desk.story()[-1]

    desk.recover()
    desk.turn()
    assert desk.row().state == CLOSED


def test_who_takes_a_ticket_has_seen_the_incident(site: Any, desk: Desk) -> None:
    desk.opened()
    desk.turn()
    site.assign(only(site), "ada")

    desk.turn(120)
    desk.turn(120)

    assert [(incident, by) for incident, by, _ in desk.seen] == [("inc-1", "there:ada")]
    assert desk.row().person == "ada"


def test_what_comes_from_outside_is_text_wherever_it_goes(site: Any, desk: Desk) -> None:
    desk.opened()
    desk.turn()

    ticket = site.tickets[only(site)]
    body = str(ticket.get("body") or ticket.get("description"))
    assert body.count("<!-- wellkept:ticket") <= (1 if site.contract_name in ("github", "gitlab") else 0) + body.count(
        "forged"
    )
    if site.contract_name in ("github", "gitlab"):
        assert "@team" not in body
        assert "<!-- wellkept:ticket:forged" not in body


def test_the_secret_is_asked_for_what_it_may(site: Any, desk: Desk) -> None:
    assert "reached" in desk.desk.check("there") or "read" in desk.desk.check("there")


@pytest.mark.parametrize("name", sorted(SITES))
def test_each_contract_says_where_it_is_from_and_is_strict(name: str) -> None:
    contract = load(name)

    assert all(one.startswith("https://") for one in contract["source"])
    for operation in contract["operations"].values():
        if "body" in operation:
            assert misfit(operation["body"], {"stranger": 1}, "body")


def test_what_is_made_in_vain_again_and_again_is_given_up(site: Any, tmp_path: Path) -> None:
    state = state_in(tmp_path)
    desk = Desk(state, settings_of(site, attempts=3))
    site.bent["create"] = lambda _: None
    nothing: Any = {"result": [], "issues": []} if site.contract_name[:4] in ("jira", "serv") else []
    site.bent |= dict.fromkeys(("search", "list"), lambda _: nothing)
    desk.opened()

    for _ in range(20):
        desk.turn(6)
        desk.turn(100)

    assert site.count("create") == 3, "waiting for the search to settle begins no new count"
    assert (desk.row().state, desk.row().attempts) == (DEAD, 3)
    state.close()


def test_a_user_who_may_not_write_what_a_ticket_is_found_by_makes_one_alone(tmp_path: Path) -> None:
    with played(SITES["servicenow"]()) as site:
        state = state_in(tmp_path)
        desk = Desk(state, settings_of(site))
        site.bent["create"] = lambda found: {"result": {**found["result"], "correlation_id": {"value": ""}}}
        desk.opened()
        for _ in range(3):
            desk.turn(4000)

        assert (desk.row().state, site.count("create")) == (DEAD, 1)
        assert "INC0000001 was made, but the user may not write and read correlation_id" in desk.row().reason
        state.close()


def test_a_search_that_gives_anothers_ticket_is_not_believed(tmp_path: Path) -> None:
    with played(SITES["servicenow"]()) as site:
        state = state_in(tmp_path)
        desk = Desk(state, settings_of(site))
        anothers = {"sys_id": "f" * 32, "number": "INC9", "state": "2", "correlation_id": "theirs"}
        site.bent["list"] = lambda _: {"result": [anothers]}
        desk.opened()
        desk.turn()

        assert (desk.row().remote, site.count("create")) == ("", 0)
        assert "cannot be searched by correlation_id" in desk.row().reason
        state.close()
