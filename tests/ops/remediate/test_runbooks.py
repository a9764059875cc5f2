"""Runbooks: each mistake is named with line, field, rule and value; a right one gives an exact plan."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tests.ops.remediate.cases import CAUSE, DISK, NOON, finding, incident, runbook

from wellkept.app.runbooks import SHIPPED, check_runbook, runbooks
from wellkept.kernel.errors import DocumentError, InputError
from wellkept.kernel.finding import FindingKind
from wellkept.kernel.plan import Action, Risk, Verification
from wellkept.ops.remediate.base import PLACEHOLDERS, load_runbooks, placeholders

FIXTURES = sorted((Path(__file__).parent / "runbooks").glob("*.yaml"))


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.stem)
def test_a_mistake_is_named(fixture: Path) -> None:
    expected = re.findall(r"^# expect: (.*)$", fixture.read_text(encoding="utf-8"), re.MULTILINE)

    with pytest.raises(DocumentError) as raised:
        check_runbook(fixture)

    assert expected, "a fixture begins with what it expects"
    assert [str(problem) for problem in raised.value.problems] == expected
    assert raised.value.source == str(fixture)


def test_a_plan_is_exact() -> None:
    suspicion = finding()
    book = runbook(
        actions=[
            {
                "action": "delete_old_logs",
                "arguments": {"directory": "{mountpoint}", "keep_newest": 2, "notes": ["{host}", {"k": "{entity}"}]},
                "undo": "none",
            },
            {"action": "run_command", "arguments": {"command": "flush-{name}", "host": "{host}"}},
        ],
        verification={"within_s": 60},
        effect="Space",
        expires_s=600,
    )

    plan = book.plan(incident(suspicion), CAUSE, [suspicion], NOON)

    assert plan.actions == (
        Action(
            "delete_old_logs",
            DISK,
            {"directory": "/data", "keep_newest": 2, "notes": ["h1", {"k": DISK}]},
            "none",
        ),
        Action("run_command", DISK, {"command": "flush-/data", "host": "h1"}),
    )
    assert plan.verification == Verification((suspicion.id,), 60, "recovered: forecast on /data ended")
    assert (plan.subject, plan.runbook, plan.risk, plan.world) == (
        "inc-1",
        "clear",
        Risk.LOW,
        {"incident:inc-1": "live"},
    )
    assert (plan.title, plan.effect, plan.expires_s) == ("Clear (/data)", "Space", 600)
    assert plan.reason == "Likely cause (90%): it runs full"


def test_the_same_case_gives_the_same_plan_and_another_attempt_another() -> None:
    suspicion, book = finding(), runbook()
    made = [book.plan(incident(suspicion), CAUSE, [suspicion], NOON, attempt) for attempt in (0, 0, 1)]

    assert made[0] == made[1]
    assert made[0].hash == made[1].hash
    assert made[0].id != made[2].id


def test_a_placeholder_without_a_value_is_no_plan() -> None:
    book = runbook(actions=[{"action": "delete_old_logs", "arguments": {"directory": "{mountpoint}"}}])
    cause = replace(CAUSE, entity="service:shop/checkout")

    with pytest.raises(InputError, match=r"^runbook clear: \{mountpoint\}: has no value for this cause, got 'service:"):
        book.plan(incident(), cause, [finding()], NOON)


@pytest.mark.parametrize(
    ("entity", "expected"),
    [
        ("disk:h1:/data", {"kind": "disk", "name": "/data", "host": "h1", "mountpoint": "/data", "service": ""}),
        ("host:h1", {"kind": "host", "name": "h1", "host": "h1", "mountpoint": "", "service": ""}),
        ("process:h1:42", {"kind": "process", "name": "42", "host": "h1", "mountpoint": "", "service": ""}),
        (
            "service:shop/checkout",
            {"kind": "service", "name": "checkout", "host": "", "mountpoint": "", "service": "shop/checkout"},
        ),
        ("service:web", {"kind": "service", "name": "web", "host": "", "mountpoint": "", "service": "web"}),
        ("model:fraud", {"kind": "model", "name": "fraud", "host": "", "mountpoint": "", "service": ""}),
    ],
)
def test_placeholders_are_read_from_the_cause(entity: str, expected: dict[str, str]) -> None:
    assert placeholders(entity) == {"entity": entity, **expected}
    assert placeholders(entity).keys() == PLACEHOLDERS


def test_a_runbook_fits_its_kind_of_cause_with_its_kind_of_finding() -> None:
    book = runbook(match={"entity": "disk", "findings": ["forecast"], "signals": ["system.filesystem.*"]})
    good = finding()

    assert book.fits(CAUSE, [good]) == [good]
    assert book.fits(replace(CAUSE, confidence=0.49), [good]) == []
    assert book.fits(replace(CAUSE, entity="host:h1"), [good]) == []
    assert book.fits(CAUSE, [finding(kind=FindingKind.ANOMALY)]) == []
    assert book.fits(CAUSE, [finding(signal="system.disk.io")]) == []
    assert book.fits(CAUSE, [finding(entity="disk:h1:/other")]) == []
    assert book.fits(CAUSE, [replace(good, ends_at=NOON)]) == []


def test_a_finding_without_a_signal_fits_who_takes_every_signal() -> None:
    silent = replace(finding(), evidence=())

    assert runbook(match={"entity": "disk", "findings": ["forecast"]}).fits(CAUSE, [silent]) == [silent]
    assert runbook(match={"entity": "disk", "findings": ["forecast"], "signals": ["a*"]}).fits(CAUSE, [silent]) == []


def test_the_shipped_runbooks_load() -> None:
    found = {book.name: book for book in runbooks()}

    assert set(found) == {path.stem for path in SHIPPED.glob("*.yaml")} >= {"clear-old-logs"}
    assert found["clear-old-logs"].risk is Risk.LOW
    assert all(book.risk is not Risk.LOW for name, book in found.items() if name.startswith("restart"))
    assert all(book.description and book.effect for book in found.values())


def test_a_teams_runbook_replaces_a_shipped_one_of_the_same_name(tmp_path: Path) -> None:
    shipped = yaml.safe_load((SHIPPED / "clear-old-logs.yaml").read_text(encoding="utf-8"))
    (tmp_path / "ours.yaml").write_text(yaml.safe_dump({**shipped, "risk": "high"}), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not a runbook", encoding="utf-8")

    found = {book.name: book.risk for book in runbooks([tmp_path])}

    assert found["clear-old-logs"] is Risk.HIGH
    assert len(found) == len(runbooks())


def test_one_wrong_runbook_of_a_folder_is_named_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"name: \xff")

    with pytest.raises(DocumentError, match=rf"^{tmp_path}/a\.yaml has 1 mistake:\n  document: is not YAML"):
        load_runbooks([tmp_path])


def test_a_folder_without_runbooks_has_none(tmp_path: Path) -> None:
    assert load_runbooks([tmp_path, tmp_path / "none"]) == []
