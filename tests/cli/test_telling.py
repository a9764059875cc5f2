"""Who is told, and tickets, from the command line, against a real server that keeps both to itself."""

from __future__ import annotations

from tests.cli.conftest import Program
from tests.cli.furnished import INCIDENT


def test_the_ticket_of_an_incident_is_listed_and_shown(program: Program) -> None:
    assert "INCIDENT" in program("tickets", "close", "--help").out
    own, there = program("tickets", "show", INCIDENT, "--json").document["tickets"]
    assert (own["incident"], own["tracker"], own["calls"]) == (INCIDENT, "wellkept", [])
    assert (there["tracker"], [call["status"] for call in there["calls"]]) == ("board", [0, 201])
    shown = program("tickets", "show", INCIDENT).out
    assert "https://board.example/7" in shown
    requests = [line.split() for line in shown.splitlines() if "/issues" in line]
    assert ["none" in requests[0], "201" in requests[1]] == [True, True], "a status is told as its digits"
    listed = program("tickets", "list", "--tracker", "wellkept", "--json").document["tickets"]
    assert {one["incident"] for one in listed} <= {INCIDENT}
    assert "There is no ticket yet." in program("tickets", "list", "--state", "dead").out


def test_a_ticket_is_found_by_the_number_that_its_tracker_gave_it(program: Program) -> None:
    tickets = program("tickets", "show", "#7", "--json").document["tickets"]
    assert [one["number"] for one in tickets] == ["TCK-1", "#7"]
    for number in ("#7", "tck-1"):
        found = program("incidents", "--find", number, "--json").document["incidents"]
        assert [one["id"] for one in found] == [INCIDENT]
    assert program("incidents", "--find", "#77", "--json").document["incidents"] == []
    said = program("tickets", "show", "#8?x=1")
    assert (said.code, "incident or ticket #8?x=1: is not known" in said.err) == (4, True)
    said = program("tickets", "show", "")
    assert (said.code, "name: must not be empty or dots" in said.err) == (2, True)


def test_without_a_tracker_tickets_are_kept_here_alone(program: Program) -> None:
    assert program("tickets", "trackers", "--json").document == {"trackers": []}
    assert "tickets are kept here alone" in program("tickets", "trackers").out
    said = program("tickets", "test", "payments")
    assert (said.code, "tracker payments: is not configured" in said.err) == (4, True)


def test_what_is_not_there_or_goes_on_is_told(program: Program) -> None:
    said = program("tickets", "show", "inc-none")
    assert (said.code, "incident or ticket inc-none: is not known" in said.err) == (4, True)
    said = program("tickets", "retry", INCIDENT, "payments")
    assert (said.code, f"ticket of {INCIDENT} in payments: is not known" in said.err) == (4, True)
    said = program("tickets", "retry-all", "payments")
    assert (said.code, "tracker payments: is not configured" in said.err) == (4, True)
    said = program("tickets", "close", INCIDENT, "--why", "it is over")
    assert (said.code, "goes on; `wellkept incidents resolve` ends it" in said.err) == (5, True)
    assert program("tickets", "close", INCIDENT).code == 2, "why must be said"


def test_nobody_is_told_of_anything_by_default(program: Program) -> None:
    assert "notify.receivers of the configuration is empty" in program("notify", "receivers").out
    assert program("notify", "receivers", "--json").document["receivers"] == []
    assert "Nobody would be told." in program("notify", "routes", "--explain", "--incident", INCIDENT).out
    assert program("notify", "deliveries", "--incident", INCIDENT, "--json").document["deliveries"] == []
    assert "Nothing was given up." in program("notify", "dead").out


def test_a_receiver_or_a_message_that_is_not_there_is_told(program: Program) -> None:
    said = program("notify", "test", "chat")
    assert (said.code, "receiver chat: is not configured (notify.receivers has none)" in said.err) == (4, True)
    said = program("notify", "retry", "ntf-none")
    assert (said.code, "notification ntf-none: is not known" in said.err) == (4, True)
    said = program("notify", "retry-all", "chat")
    assert (said.code, "receiver chat: is not configured" in said.err) == (4, True)
    said = program("notify", "routes", "--about", "severity=awful")
    assert (said.code, "severity: must be one of" in said.err) == (2, True)
