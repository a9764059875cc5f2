"""Silences, maintenance windows and grouping rules from the command line, against a real server."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Program

from wellkept.cli.render import when

RULES = """\
groupings:
  - name: checkout
    match: ['service="checkout"']
    by: [namespace]
    require: {findings: 2}
"""


def test_silences(program: Program) -> None:
    assert "`wellkept silences add" in program("silences").out
    tried = program("silences", "add", "service=checkout", "--comment", "x", "--dry-run", "--json").document
    assert [finding["entity"] for finding in tried["findings"]] == ["service:shop/checkout"]
    made = program("silences", "add", "service=checkout", "--for", "90m", "--comment", "known", "--json").document
    assert made["count"] == 1
    assert made["silence"]["state"] == "active"
    identity = made["silence"]["id"]
    assert identity[:8] in program("silences").out
    assert program("silences", "--json").document["silences"][0]["matchers"] == ['service="checkout"']
    assert program("silences", "list", "--json").document == program("silences", "--json").document
    assert program("silences", "list", "--all").out == program("silences", "--all").out
    assert "is over" in program("silences", "end", identity).out
    assert program("silences", "--json").document["silences"] == []
    assert [one["id"] for one in program("silences", "--all", "--json").document["silences"]] == [identity]
    again = program("silences", "end", identity)
    assert (again.code, "is over already" in again.err) == (5, True)


def test_what_is_no_silence_is_told(program: Program) -> None:
    said = program("silences", "add", "a=b", "--comment", "x", "--for", "soon")
    assert (said.code, "must be like 90s" in said.err) == (2, True)
    said = program("silences", "add", "nothing", "--comment", "x")
    assert (said.code, "matcher: must be like" in said.err) == (2, True)


def test_what_is_held(program: Program) -> None:
    found = program("silences", "held", "--lately", "--json").document
    assert set(found) == {"counts", "held"}
    assert program("silences", "held", "--reason", "flapping").out.startswith("Nothing is held")
    assert found["counts"] == {"inhibited": 1, "quiet_hours": 1}


def test_of_what_is_held_the_end_is_told_where_it_is_known(program: Program) -> None:
    (night,) = program("silences", "held", "--reason", "quiet_hours", "--json").document["held"]
    assert (night["incident"], night["finding"]) == ("inc-9", "")
    rows = [line for line in program("silences", "held").out.splitlines() if "shop/cart" in line]
    (whole,) = (row for row in rows if "inc-9" in row)
    (other,) = (row for row in rows if "fnd-9" in row)
    assert when(night["held"]["until"]) in whole
    assert "its reason ends" in other


def test_maintenance(program: Program) -> None:
    assert "wellkept maintenance add NAME" in program("maintenance").out
    window = ("maintenance", "add", "patching", "--entity", "service:shop/checkout")
    tried = program(*window, "--for", "2h", "--dry-run").out
    assert "covers service:shop/checkout" in tried
    assert "nothing is known" not in tried
    wrong = ("maintenance", "add", "patching", "--entity", "service:shop/chekout", "--for", "2h")
    for more in ((), ("--dry-run",)):
        assert "nothing is known of service:shop/chekout so far" in program(*wrong, *more).out
    weekly = ("--from", "02:00", "--to", "03:30", "--zone", "Europe/Berlin", "--weekday", "sun")
    made = program(*window, *weekly, "--json").document["maintenance"]
    assert made["when"] == "02:00 to 03:30 Europe/Berlin, sun"
    assert "patching" in program("maintenance").out
    assert program("maintenance", "list").out == program("maintenance").out
    said = program("maintenance", "end", made["id"], "--this-time")
    assert (said.code, "is not open now" in said.err) == (5, True)
    assert "is over" in program("maintenance", "end", made["id"]).out
    always = program(*window, "--from", "00:00", "--to", "00:00", "--json").document["maintenance"]
    assert "is over until" in program("maintenance", "end", always["id"], "--this-time").out
    assert "is over\n" in program("maintenance", "end", always["id"]).out
    said = program(*window)
    assert (said.code, "--for: must be given" in said.err) == (2, True)
    said = program(*window, "--from", "02:00")
    assert (said.code, "--to: must be given" in said.err) == (2, True)


def test_grouping(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    assert "1 grouping rule" in program("grouping", "check", str(file)).out
    assert program("grouping", "check", str(file), "--json").document == {"ok": True, "problems": []}
    (tried,) = program("grouping", "replay", str(file), "--json").document["replays"]
    assert (tried["rule"], tried["matched"], tried["not_opened"]) == ("checkout", 1, ["inc-1"])
    assert "would not be opened: inc-1" in program("grouping", "replay", str(file)).out
    assert program("grouping", "save", str(file)).out == "checkout: version 1\n"
    assert "2 findings" in program("grouping").out
    assert program("grouping", "list", "--json").document == program("grouping", "--json").document
    assert [one["version"] for one in program("grouping", "versions", "checkout", "--json").document["versions"]] == [1]
    assert "no longer in force" in program("grouping", "remove", "checkout").out
    assert program("grouping", "--json").document["rules"] == []
    assert "covered by rules in force, or was dismissed" in program("grouping", "suggest").out
    said = program("grouping", "suggest", "--save", "x")
    assert (said.code, "must be the name of a suggestion" in said.err) == (2, True)


def test_mistakes_of_a_file_of_rules(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("groupings:\n  - {name: a}\n")
    said = program("grouping", "check", str(file), "--json")
    assert said.code == 2
    assert [problem["field"] for problem in json.loads(said.out)["problems"]] == ["groupings.0.match"]
