"""The desk: what is asked for, when it is done, by whom, and what becomes of it when that fails."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spine.scene import plan as plan_of
from tests.spine.tickets.contract import played
from tests.spine.tickets.desk import NOON, Desk, finding_of, settings_of
from tests.spine.tickets.sites import GitHubSite
from tests.store.fixtures import state_in
from tests.store.postgres import database

from wellkept.kernel.errors import ConflictError, InputError, NotFoundError
from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import IncidentState
from wellkept.kernel.plan import PlanState
from wellkept.spine.tickets.http import trouble_of, wait_of
from wellkept.spine.tickets.recovery import recovery_of
from wellkept.spine.tickets.settings import TicketSettings
from wellkept.spine.tickets.work import Work
from wellkept.spine.webhooks.send import Reply
from wellkept.store.state.plans import PlanRecord
from wellkept.store.state.state import State
from wellkept.store.state.tickets import CLOSED, DEAD, OPEN, WAITING

TRACKER = {"name": "there", "kind": "github", "project": "shop/web", "secret_env": "TOKEN"}
SERVICENOW = {"kind": "servicenow", "url": "https://x.example", "user": "bot"}


@pytest.fixture
def site() -> Iterator[GitHubSite]:
    with played(GitHubSite()) as made:
        assert isinstance(made, GitHubSite)
        yield made


@pytest.fixture
def desk(site: GitHubSite, tmp_path: Path) -> Iterator[Desk]:
    state = state_in(tmp_path)
    yield Desk(state, settings_of(site))
    state.close()


@pytest.fixture(params=["sqlite", "postgres"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    """A store of either engine."""
    if request.param == "sqlite":
        opened = state_in(tmp_path)
        yield opened
        opened.close()
        return
    with database() as url:
        opened = State.open(url)
        yield opened
        opened.close()


def record(state: PlanState, minutes: int = 0, title: str = "restart checkout") -> PlanRecord:
    at = NOON + timedelta(minutes=minutes)
    plan = replace(plan_of(), id=f"pln-{minutes}", title=title, proposed_at=at)
    return PlanRecord(plan, state, "the finding is open still", at)


def test_what_changes_within_the_pause_is_told_as_one(site: GitHubSite, tmp_path: Path) -> None:
    desk = Desk(state_in(tmp_path), settings_of(site, every_s=300))
    desk.opened()
    desk.turn()
    for severity in (Severity.WARNING, Severity.CRITICAL, Severity.ERROR, Severity.CRITICAL):
        desk.change(severity=severity)
        desk.turn(20)
    assert site.said("1") == []

    desk.turn(300)

    assert len(site.said("1")) == 1
    assert "critical (was error)" in site.said("1")[0]
    desk.state.close()


def test_nothing_is_told_twice_however_often_the_incident_is_saved(site: GitHubSite, desk: Desk) -> None:
    desk.opened()
    for _ in range(5):
        desk.turn()
        desk.change()
    asked = len(site.asked)
    desk.turn(30)

    assert (site.count("create"), site.count("comment")) == (1, 0)
    assert {one.operation for one in site.asked[asked:]} <= {"read"}


@pytest.mark.parametrize(
    ("status", "headers", "body", "wait_s"),
    [
        (429, {"Retry-After": "600"}, {}, 600),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOON.timestamp()) + 60 + 900)}, {}, 900),
        (403, {"Retry-After": "120"}, {"message": "You have exceeded a secondary rate limit"}, 120),
        (503, {}, {}, 5),
    ],
)
def test_it_is_asked_again_after_as_long_as_it_wishes(
    site: GitHubSite, desk: Desk, status: int, headers: dict[str, str], body: dict[str, Any], wait_s: float
) -> None:
    desk.opened()
    desk.opened("inc-2")
    site.refusals = [(status, headers, body)]
    desk.turn(60)
    assert len(site.refusals) == len(site.tickets) == 0
    assert "will be asked again" in (desk.story("inc-1") + desk.story("inc-2"))[0]

    desk.turn(wait_s * 0.7)
    assert not site.asked, "the others wait, too"
    desk.turn(wait_s)

    assert len(site.tickets) == 2
    assert desk.row().attempts == 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2026-11-24T12:01Z", 60), ("2026-11-24T12:02:00+00:00", 120), (str(int(NOON.timestamp()) + 30), 30), ("soon", 0)],
)
def test_a_limit_is_renewed_at_a_moment_in_any_of_their_forms(text: str, seconds: float) -> None:
    reply = Reply(429, "answered 429", {"x-ratelimit-reset": text})

    assert wait_of(reply, NOON) == seconds


@given(st.integers(0, 999), st.dictionaries(st.sampled_from(["retry-after", "x-ratelimit-remaining"]), st.text()))
def test_every_answer_is_some_kind_of_trouble_and_no_pause_is_endless(status: int, headers: dict[str, str]) -> None:
    reply = Reply(status, "", headers)

    assert trouble_of(reply)
    assert 0 <= wait_of(reply, NOON) <= 3600


def test_what_is_refused_is_given_up_with_its_reason_and_tried_again_by_hand(site: GitHubSite, desk: Desk) -> None:
    desk.opened()
    reason = {"message": "Validation Failed", "errors": [{"field": "title", "code": "missing"}]}
    site.refusals = [(422, {}, reason)]
    desk.turn()

    assert desk.row().state == DEAD
    assert "Validation Failed" in desk.row().reason
    assert "given up" in desk.story()[0]
    desk.turn(100_000)
    assert not site.tickets

    desk.desk.retry("inc-1", "there")
    desk.turn()

    assert (desk.row().state, len(site.tickets)) == (OPEN, 1)


def test_after_an_outage_all_that_were_given_up_or_pause_are_tried_again_at_once(
    site: GitHubSite, tmp_path: Path
) -> None:
    desk = Desk(state_in(tmp_path), settings_of(site, attempts=2, poll_s=1e6))
    desk.opened("inc-0")
    desk.turn()
    site.refusals = [(503, {}, {})] * 100
    for name in ("inc-1", "inc-2"):
        desk.opened(name)
    for _ in range(6):
        desk.turn(20)
    desk.opened("inc-3")
    desk.turn(20)
    assert [desk.row(f"inc-{number}").state for number in (1, 2, 3)] == [DEAD, DEAD, WAITING]
    site.refusals.clear()

    assert desk.desk.retry_all("there") == 3
    desk.turn(0)

    assert {desk.row(f"inc-{number}").state for number in range(4)} == {OPEN}
    assert desk.desk.retry_all("there") == 0, "what goes well is left alone"
    with pytest.raises(NotFoundError):
        desk.desk.retry_all("elsewhere")


def test_that_it_is_over_is_said_once_though_closing_it_is_tried_again(site: GitHubSite, desk: Desk) -> None:
    desk.opened()
    desk.turn()
    desk.recover()
    site.mute = ["change"]
    desk.turn()
    assert desk.row().attempts == 1
    desk.turn(120)

    assert desk.row().state == CLOSED
    assert sum("Recovered" in one for one in site.said("1")) == 1


def test_one_that_was_deleted_there_is_not_made_anew(site: GitHubSite, desk: Desk) -> None:
    desk.opened()
    desk.turn()
    site.tickets.clear()
    desk.turn(120)

    assert desk.row().state == DEAD
    assert site.count("create") == 1


def test_what_does_not_answer_is_given_up_after_so_many_attempts(site: GitHubSite, tmp_path: Path) -> None:
    desk = Desk(state_in(tmp_path), settings_of(site, attempts=3))
    desk.opened()
    site.refusals = [(500, {}, {})] * 9

    for _ in range(6):
        desk.turn(4000)

    assert desk.row().state == DEAD
    assert "after 3 attempts" in desk.row().reason
    assert len(site.refusals) == 6
    assert len(desk.story()) == 2, "the first failure and the last word, not every attempt"
    desk.state.close()


def test_two_servers_on_one_store_make_one_ticket(site: GitHubSite, shared: State) -> None:
    number = itertools.count()
    site.delay_s = 0.05
    desks = [Desk(shared, settings_of(site), name, lambda: f"m{next(number)}") for name in ("one", "two", "three")]
    desks[0].opened()
    for desk in desks:
        desk.clock.advance(timedelta(seconds=30))
    start = threading.Barrier(len(desks))

    def work(desk: Desk) -> None:
        start.wait()
        desk.desk.gather()
        desk.desk.turn("there")

    threads = [threading.Thread(target=work, args=(desk,)) for desk in desks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert site.count("create") == 1
    assert desks[0].row().state == OPEN


def test_who_dies_over_a_ticket_is_succeeded_when_the_claim_has_run_out(
    site: GitHubSite, shared: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = Desk(shared, settings_of(site), "one"), Desk(shared, settings_of(site), "two")
    one.opened()

    def dies(self: Work, *_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Work, "_bind", dies)
        with pytest.raises(KeyboardInterrupt):
            one.turn(1)
    assert site.count("create") == 1

    two.turn(30)
    assert two.row().state == WAITING, "it is another's still"
    two.turn(200)

    assert two.row().state == OPEN
    assert site.count("create") == 1


def test_who_lost_a_ticket_writes_nothing_more(site: GitHubSite, shared: State) -> None:
    one, two = Desk(shared, settings_of(site), "one"), Desk(shared, settings_of(site), "two")
    one.opened()
    one.desk.gather()
    late = NOON + timedelta(seconds=1)
    mine = one.rows.claim("there", "one", late, late + timedelta(seconds=10))
    assert mine is not None
    assert one.rows.claim("there", "two", late, late + timedelta(seconds=10)) is None
    two.turn(60)

    assert not one.rows.save(replace(mine, reason="too late"))
    assert not one.rows.renew(mine, late + timedelta(days=1))
    assert one.row().state == OPEN


def test_nothing_is_made_for_what_is_over_held_or_stays_here(site: GitHubSite, tmp_path: Path) -> None:
    routes = [
        {"to": [], "entities": ["service:shop/wiki"]},
        {"to": ["there"], "owners": ["payments"], "min_severity": "error", "after_s": 600},
    ]
    desk = Desk(state_in(tmp_path), settings_of(site, routes=routes))
    desk.opened("inc-1")
    desk.opened("inc-2", held="silenced")
    desk.opened("inc-3", severity=Severity.WARNING)
    desk.turn(300)
    desk.recover("inc-1")
    desk.turn(900)

    assert not site.tickets
    assert (desk.row("inc-1").state, desk.row("inc-2").state) == (CLOSED, WAITING)
    assert desk.rows.get("inc-3", "there") is None

    desk.change("inc-2", held="")
    desk.change("inc-3", severity=Severity.CRITICAL)
    desk.turn(900)
    assert len(site.tickets) == 2
    desk.state.close()


def test_what_is_being_mended_by_itself_has_a_ticket_that_closes_by_itself(site: GitHubSite, tmp_path: Path) -> None:
    desk = Desk(state_in(tmp_path), settings_of(site))
    desk.opened("inc-1", held="remedy: runbook clear is at work by itself (plan pln-1)")
    desk.turn(60)
    assert desk.row("inc-1").state == OPEN

    desk.recover("inc-1")
    desk.turn(900)
    assert desk.row("inc-1").state == CLOSED
    desk.state.close()


@pytest.mark.parametrize(
    ("states", "is_proven", "may_come"),
    [
        ([], True, False),
        ([PlanState.REJECTED, PlanState.EXPIRED, PlanState.VOID, PlanState.WAITING], True, False),
        ([PlanState.SUCCEEDED], True, False),
        ([PlanState.VERIFYING], False, True),
        ([PlanState.RUNNING], False, True),
        ([PlanState.FAILED], False, False),
        ([PlanState.FAILED, PlanState.SUCCEEDED], True, False),
        ([PlanState.SUCCEEDED, PlanState.FAILED], False, False),
    ],
)
def test_a_recovery_is_proven_by_the_last_remedy_that_ran(
    desk: Desk, states: list[PlanState], is_proven: bool, may_come: bool
) -> None:
    desk.opened()
    plans = [record(state, minutes) for minutes, state in enumerate(states)]
    incident = desk.recover()

    found = recovery_of(incident, (), plans[::-1])

    assert (found.is_over, found.is_proven, found.may_come) == (True, is_proven, may_come)


def test_a_ticket_waits_for_the_verification_of_the_remedy(site: GitHubSite, desk: Desk) -> None:
    desk.opened()
    desk.plans.append(record(PlanState.VERIFYING))
    desk.turn()
    desk.recover()
    desk.turn()
    assert site.is_open("1")
    assert "not verified yet" in site.said("1")[-1]

    desk.plans[0] = record(PlanState.SUCCEEDED)
    desk.turn()

    assert not site.is_open("1")
    assert desk.rows.get("inc-1", "wellkept").state == CLOSED  # type: ignore[union-attr]


def test_after_a_failed_remedy_a_person_has_to_say_that_it_is_over(site: GitHubSite, desk: Desk) -> None:
    desk.opened()
    desk.plans.append(record(PlanState.FAILED))
    desk.turn()
    with pytest.raises(ConflictError, match="goes on"):
        desk.desk.say_over("inc-1", "ada", "I looked")
    desk.recover()
    for _ in range(3):
        desk.turn()
    assert site.is_open("1")
    own = desk.rows.get("inc-1", "wellkept")
    assert own is not None
    assert own.state == OPEN
    assert "somebody has to say" in own.reason
    with pytest.raises(InputError):
        desk.desk.say_over("inc-1", "correlate", "trust me")

    desk.desk.say_over("inc-1", "ada", "I looked")
    desk.turn()

    assert not site.is_open("1")
    assert "ada says that it is over" in " ".join(site.said("1"))


def test_a_person_who_resolves_it_closes_the_ticket_whatever_is_open(site: GitHubSite, desk: Desk) -> None:
    desk.opened()
    desk.turn()
    desk.move("inc-1", IncidentState.RESOLVED, "ada", "a known false alarm")
    desk.turn()

    assert not site.is_open("1")


def test_what_the_platform_resolved_while_a_finding_is_open_again_stays_open(site: GitHubSite, desk: Desk) -> None:
    desk.opened()
    desk.turn()
    desk.move("inc-1", IncidentState.RESOLVED, "correlate", "all over")
    desk.turn()

    assert site.is_open("1")
    assert "1 of its findings is open" in site.said("1")[-1]


def test_a_merged_incident_closes_its_ticket_as_a_duplicate(site: GitHubSite, desk: Desk) -> None:
    desk.opened()
    desk.turn()
    desk.move("inc-1", IncidentState.RESOLVED, "correlate", "merged into inc-9")
    desk.change(merged_into="inc-9")
    desk.turn()

    assert site.tickets["1"]["state_reason"] == "not_planned"


def test_tickets_are_found_by_any_of_their_numbers(site: GitHubSite, desk: Desk) -> None:
    desk.opened()
    assert desk.desk.of_incident("inc-1")[0].number == "TCK-1", "before anybody kept it"
    desk.turn()

    found = desk.desk.find("#1")
    assert [(row.tracker, row.number, row.state) for row in found] == [
        ("wellkept", "TCK-1", OPEN),
        ("there", "#1", OPEN),
    ]
    assert desk.desk.find("TCK-1") == desk.desk.find("inc-1") == found
    assert found[0].url == "https://wellkept.example/incidents/inc-1"
    assert [call.method for call in desk.desk.calls("inc-1", "there")] == ["GET", "POST"]
    for missing in ("TCK-2", "inc-2"):
        with pytest.raises(NotFoundError):
            desk.desk.find(missing)
    with pytest.raises(NotFoundError):
        desk.desk.retry("inc-1", "elsewhere")


def test_no_secret_is_kept_or_told(site: GitHubSite, desk: Desk, tmp_path: Path) -> None:
    desk.opened()
    site.refusals = [(401, {}, {"message": "Bad credentials"})]
    desk.turn()
    desk.turn(600)

    assert desk.row().state == OPEN
    kept = b"".join(one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
    assert b"token-of-bot" not in kept


def test_a_store_that_is_new_to_tickets_begins_at_the_end(site: GitHubSite, tmp_path: Path) -> None:
    state = state_in(tmp_path)
    desk = Desk(state, settings_of(site))
    desk.opened()
    state_rows = desk.rows.position()
    assert state_rows == 0
    again = Desk(state, settings_of(site), "later")
    again.turn()

    assert len(site.tickets) == 1, "what was saved since the first look is not lost"
    state.close()


@pytest.mark.parametrize(
    "mistake",
    [
        {"trackers": [TRACKER, TRACKER]},
        {"trackers": [{**TRACKER, "name": "wellkept"}]},
        {"trackers": [{**TRACKER, "project": "web"}]},
        {"trackers": [{**TRACKER, "kind": "jira"}]},
        {"trackers": [{**TRACKER, **SERVICENOW, "user": ""}]},
        {"trackers": [{**TRACKER, **SERVICENOW, "close_as": ["Solved", "Closed"]}]},
        {"trackers": [{**TRACKER, "url": "http://x.example"}]},
        {"trackers": [{**TRACKER, "secret_env": None}]},
        {"trackers": [{**TRACKER, "labels": ["a b"]}]},
        {"trackers": [{**TRACKER, "fields": {"labels": ["a"]}}]},
        {"trackers": [{**TRACKER, "fields": {"body": "a"}}]},
        {"trackers": [TRACKER], "routes": [{"to": ["elsewhere"]}]},
    ],
)
def test_a_mistake_in_the_configuration_is_found_at_once(mistake: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|should"):
        TicketSettings.model_validate(mistake)


def test_many_findings_do_not_make_a_long_ticket(site: GitHubSite, desk: Desk) -> None:
    incident = desk.opened()
    more = desk.stream.publish([finding_of(f"{n}" * 400, NOON) for n in range(50)], NOON)
    members = [replace(incident.members[0], finding=one.id) for one in more]
    desk.change(members=(*incident.members, *members))
    desk.turn()

    assert len(site.tickets["1"]["body"]) < 20_000
    assert "Findings (51)" in site.tickets["1"]["body"].replace("\\(", "(").replace("\\)", ")")
