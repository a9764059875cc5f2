"""Every command against a real server: one JSON document for machines, a table or what to do next for people."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.app.running import Running, running, until
from tests.cli.conftest import Program
from tests.cli.furnished import INCIDENT, PLANS, digest


def test_models_list(program: Program) -> None:
    models = program("models", "list", "--json").document["models"]

    assert [(model["name"], model["champion"], model["versions_count"]) for model in models] == [
        ("churn", None, 0),
        ("fraud", 1, 3),
    ]
    assert "roc_auc 0.900" in program("models", "list").out


def test_models_show(program: Program) -> None:
    shown = program("models", "show", "fraud", "--json").document

    assert [version["number"] for version in shown["versions"]] == [3, 2, 1]
    assert shown["aliases"] == {"champion": digest(1)}
    text = program("models", "show", "fraud").out
    assert "champion" in text
    assert "refused" in text
    assert "No version yet." in program("models", "show", "churn").out


def test_models_promote_proposes_a_plan_and_says_who_decides(program: Program) -> None:
    proposed = program("models", "promote", "fraud", "--version", "2", "--why", "it is better", "--json").document

    assert (proposed["plan"]["title"], proposed["plan"]["reason"]) == ("Promote version 2 of fraud", "it is better")
    assert len(proposed["hash"]) == 64
    said = program("models", "promote", "fraud", "--version", "2")
    assert "proposed: Promote version 2 of fraud" in said.out
    assert "wellkept approve pln-" in said.out
    decided = program("models", "decisions", "fraud").out
    assert re.search(r"until plan pln-\w+ has ended, which is waiting:\s+Promote version 2 of fraud", decided), decided


def test_approve_lists_what_waits(program: Program) -> None:
    plans = program("approve", "--json").document["plans"]

    assert PLANS[5] in [plan["id"] for plan in plans]
    assert f"Promote version 1 ({PLANS[5]})" in program("approve").out


def test_approve_shows_the_plan_and_decides_on_exactly_that(program: Program, server: Running) -> None:
    said = program("approve", PLANS[0], "--yes", "--by", "ada", "--why", "looks right")

    assert said.code == 0
    assert "because a test" in said.out
    assert "to take it back: wellkept models rollback fraud" in said.out
    assert f"approved: Promote version 1 ({PLANS[0]})" in said.out
    assert "\ndone: " in said.out, "it says what came of it"
    assert server.client.get(f"/api/v1/plans/{PLANS[0]}")["state"] == "succeeded"
    entries = server.client.get("/api/v1/audit", subject=PLANS[0])["entries"]
    assert ("plan.approved", "ada") in [(entry["verb"], entry["actor"]) for entry in entries]


@pytest.mark.parametrize(("plan", "flags", "approved"), [(PLANS[1], (), True), (PLANS[2], ("--reject",), False)])
def test_approve_and_reject_answer_with_the_decision(
    plan: str, flags: tuple[str, ...], approved: bool, program: Program
) -> None:
    decision = program("approve", plan, "--yes", "--json", *flags).document["decision"]

    assert (decision["plan"], decision["approved"]) == (plan, approved)
    assert decision["why"] == ("approved on the command line" if approved else "rejected on the command line")


def test_a_plan_that_is_decided_says_so_instead_of_asking(program: Program) -> None:
    program("approve", PLANS[6], "--reject", "--yes")
    said = program("approve", PLANS[6])
    assert said.code != 0
    assert "does not wait for a decision, got 'rejected'" in said.err


def test_reject_says_so(program: Program) -> None:
    assert f"rejected: Promote version 1 ({PLANS[3]})" in program("approve", PLANS[3], "--reject", "--yes").out


def test_nothing_is_decided_without_a_yes(server: Running) -> None:
    said = server.ask("approve", PLANS[4], given="n\n")

    assert said.returncode == 130
    assert "approve exactly this plan?" in said.stderr
    assert server.client.get(f"/api/v1/plans/{PLANS[4]}")["state"] == "waiting"


def test_incidents(program: Program) -> None:
    listed = program("incidents", "--json").document["incidents"]
    shown = program("incidents", INCIDENT, "--json").document

    assert INCIDENT in [incident["id"] for incident in listed]
    assert (shown["incident"]["id"], shown["diagnosis"]["causes"][0]["entity"]) == (INCIDENT, "service:shop/checkout")
    text = program("incidents", INCIDENT).out
    assert "Most likely cause: shop/checkout (84%)." in text
    assert "lines: It says something new.\n  disk is full\n" in text
    assert "trace: It is slow.\n  /traces/4bf92f3577b34da6a3ce929d0e0e4736\n" in text
    assert "TCK-1" in text
    assert "Memory of shop/checkout leaks" in program("incidents", "list").out


def test_incidents_are_explained_summed_up_and_acted_on(program: Program) -> None:
    told = program("incidents", "explain", INCIDENT, "--json").document["explanation"]
    assert (told["incident"], len(told["members"])) == (INCIDENT, sum(told["ties"].values()))
    assert "Nobody merged or split it" in program("incidents", "explain", INCIDENT).out
    assert program("incidents", "summary", "--json").document["summary"]["rows"][0]["incidents"] >= 1
    assert "last 2 days" in program("incidents", "summary", "--days", "2").out
    assert "last day" in program("incidents", "summary", "--days", "1").out
    assert "to be written" in program("incidents", "postmortem", INCIDENT, "--zone", "Asia/Tokyo").out.lower()
    noted = program("incidents", "note", INCIDENT, "it leaks since monday", "--by", "ann", "--json").document
    assert noted["incident"]["timeline"][-1]["what"] == "it leaks since monday"
    assert "it leaks since monday" in program("incidents", INCIDENT, "--kind", "note").out
    refused = program("incidents", "resolve", "inc-0", "--why", "over")
    assert (refused.code, "incident inc-0: is not known" in refused.err) == (4, True)


def test_findings(program: Program) -> None:
    found = program("findings", "--all", "--json").document["findings"]

    assert "Memory of shop/checkout is full in 9 min." in [finding["sentence"] for finding in found]
    assert "Memory of shop/checkout is full in 9 min." in program("findings", "list", "--all").out


def test_audit(program: Program) -> None:
    shown = program("audit", "show", "--limit", "3", "--json").document["entries"]
    verified = program("audit", "verify", "--json").document

    assert len(shown) == 3
    assert shown[0]["number"] > shown[1]["number"]
    assert verified["intact"] is True
    assert verified["entries"] >= len(PLANS)
    assert "the chain is intact" in program("audit", "verify").out
    assert "plan.proposed" in program("audit", "show").out


def test_runbooks(program: Program, tmp_path: Path) -> None:
    shipped = program("runbooks", "list", "--json").document

    assert shipped
    assert all(runbook["actions"] for runbook in shipped)
    assert shipped[0]["name"] in program("runbooks", "list").out
    book = tmp_path / "mine.yaml"
    book.write_text("name: mine\n", encoding="utf-8")
    assert program("runbooks", "check", str(book)).code == 2


def test_a_server_without_targets_says_where_they_would_be_named(program: Program) -> None:
    """One that scrapes is in ``tests/app/test_scraper.py``."""
    assert program("targets").out == "Nothing is scraped. ingest.scrape in wellkept.yaml names what should be.\n"
    assert program("targets", "--json").document == {"targets": [], "files": {}}


def test_config(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "wellkept.yaml"
    file.write_text("server: {port: 1000}\n", encoding="utf-8")

    assert program("config", "check", str(file), "--json").document == {"ok": True, "problems": []}
    assert program("config", "check", str(file)).out == f"{file} is right\n"
    program.nowhere()
    assert program("config", "show", str(file)).document["server"]["port"] == 1000


def test_token(program: Program, server: Running) -> None:
    found = program("token", "--data", str(server.data), "--json").document

    assert found == {"address": server.address, "token": server.token}


def test_agent_once_reports_this_host(server: Running, tmp_path: Path) -> None:
    done = server.ask("agent", "--once", "--state", str(tmp_path), "--id", "agent-of-the-test")

    assert done.returncode == 0, done.stderr
    assert "agent-of-the-test" in [agent["id"] for agent in server.client.get("/api/v1/agents")["agents"]]
    until(lambda: server.client.get("/api/v1/topology", kind="host")["entities"], "its host is discovered")


def test_empty_lists_say_what_to_do(program: Program, tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("empty"), WELLKEPT_OPS__ENABLED="false") as empty:
        program.address(empty.address, empty.token)

        assert "`wellkept models train FOLDER` trains it" in program("models", "list").out
        assert "Plans come here when" in program("approve").out
        assert "`wellkept incidents --all` shows the closed ones" in program("incidents").out
        assert "`wellkept findings --all` shows what was" in program("findings").out
        assert "Nothing was decided yet." in program("audit", "show").out


def test_runbooks_are_paused_and_resumed(program: Program) -> None:
    said = program("runbooks", "pause", "--why", "they delete too much", "--for", "2h", "--by", "ada")
    assert said.code == 0
    assert re.match(r"runbooks are paused until \S+ \S+ UTC by ada: they delete too much\n", said.out)
    assert "by ada: they delete too much" in program("approve").out
    assert program("runbooks", "resume", "--by", "ada").code == 0
    again = program("runbooks", "resume")
    assert (again.code, again.err) == (5, "error: runbooks: are not paused\n")
    assert "--for: must be like 90s" in program("runbooks", "pause", "--why", "x", "--for", "soon").err
