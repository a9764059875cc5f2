"""What users of comparable systems complain of in how alerts become incidents, each as a test from door to door."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.complaints.shop import NOON, Shop, opened

RULE = {"name": "one-cluster", "match": ["cluster=~.+"], "by": ["cluster"], "window_s": 600}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with opened(tmp_path) as made:
        yield made


def test_01_a_resolved_incident_swallows_nothing(shop: Shop) -> None:
    shop.alert("CheckoutSlow", labels={"service": "checkout"})
    shop.alert("CheckoutSlow", "resolved", since=NOON.isoformat(), labels={"service": "checkout"})
    shop.quiet()
    (first,) = shop.incidents()
    assert first["state"] in ("resolved", "closed")

    shop.alert("CheckoutSlow", labels={"service": "checkout"})
    shop.alert("CheckoutErrors", labels={"service": "checkout"})

    old, new = shop.incidents()
    assert (old["id"], old["count"], old["state"]) == (first["id"], 1, first["state"])
    assert old["timeline"] == first["timeline"]
    assert (new["state"], new["count"], new["reopens"]) == ("open", 2, first["id"])


def test_02_a_resolved_alert_creates_no_incident(shop: Shop) -> None:
    shop.alert("DiskFull", "resolved", since=NOON.isoformat(), labels={"instance": "db-1"})
    shop.alert("DiskFull", "resolved", since=NOON.isoformat(), labels={"instance": "db-2"})
    shop.quiet()

    assert shop.incidents() == []


def test_03_an_incident_only_after_so_many_alerts_or_kinds_of_alerts(shop: Shop) -> None:
    rule = {**RULE, "require": {"findings": 3, "kinds": 2}}
    shop.post("/api/v1/grouping/rules", {"rule": rule, "by": "ada"})
    shop.step(10)
    for number in range(3):
        shop.alert("NodeDown", labels={"cluster": "blue", "instance": f"n{number}"})
    shop.quiet()
    assert shop.incidents() == [], "three, but of one kind; and no incident of one alert each either"

    shop.alert("NodeSlow", labels={"cluster": "blue", "instance": "n7"})
    shop.step(10)

    (found,) = shop.incidents()
    assert found["count"] == 4


def test_04_an_incident_begins_when_its_trouble_did(shop: Shop) -> None:
    labels = {"service": "checkout"}
    spring = (NOON - timedelta(days=200)).isoformat()
    shop.alert("CheckoutSlow", since=spring, labels=labels)
    shop.alert("CheckoutSlow", "resolved", since=spring, labels=labels)
    shop.quiet()
    shop.step(90 * 86_400)
    began = shop.clock.now()
    shop.alert("CheckoutSlow", labels=labels)
    shop.alert("SearchSlow", since="0001-01-01T00:00:00Z", labels={"service": "search"})

    found = shop.incidents()
    (again,) = [one for one in found if one["id"] in shop.whose("CheckoutSlow") and one["state"] == "open"]
    assert datetime.fromisoformat(again["opened_at"]) == began
    for one in found:
        opened_at, noticed_at = (datetime.fromisoformat(one[name]) for name in ("opened_at", "noticed_at"))
        assert opened_at.year > 2000
        assert opened_at <= noticed_at <= shop.clock.now()
        if one["resolved_at"]:
            assert datetime.fromisoformat(one["resolved_at"]) >= opened_at


def test_04_a_reopened_incident_begins_with_its_return_and_both_keep_their_findings(shop: Shop) -> None:
    labels = {"service": "checkout"}
    shop.alert("CheckoutSlow", labels=labels)
    (old,) = shop.incidents()
    shop.step(600)
    shop.post(f"/api/v1/incidents/{old['id']}/resolve", {"by": "ada", "why": "rolled back"})
    shop.step(600)
    again = shop.post(f"/api/v1/incidents/{old['id']}/reopen", {"by": "ada", "why": "it goes on"})["incident"]
    returned = shop.clock.now()
    shop.step(60)
    shop.alert("CheckoutErrors", labels=labels)
    shop.step(60)
    shop.post(f"/api/v1/incidents/{again['id']}/acknowledge", {"by": "ada"})
    slow, errors = (f["id"] for f in reversed(shop.get("/api/v1/findings")["findings"]))

    first, second = shop.incidents()

    assert [(one["count"], one["opened_at"]) for one in (first, second)] == [
        (1, old["opened_at"]),
        (2, returned.isoformat()),
    ]
    assert [member["finding"] for member in second["members"]] == [slow, errors]
    assert (second["times"]["detect_s"], second["times"]["acknowledge_s"]) == (0.0, 121.0)
    assert first["times"]["resolve_s"] == 600.0
    assert "CheckoutSlow is wrong" in shop.page(f"/incidents/{old['id']}")
    assert "CheckoutSlow is wrong" in shop.page(f"/incidents/{again['id']}")


def test_04_what_somebody_reopened_stays_open_also_where_it_came_back_by_itself_meanwhile(shop: Shop) -> None:
    labels = {"service": "checkout"}
    shop.alert("CheckoutSlow", labels=labels)
    shop.alert("CheckoutSlow", "resolved", labels=labels)
    shop.quiet()
    (old,) = shop.incidents()
    shop.alert("CheckoutSlow", labels=labels)
    shop.post(f"/api/v1/incidents/{old['id']}/reopen", {"by": "ada", "why": "customers still wait"})
    shop.step()
    (back,) = shop.incidents(live=True)
    assert (back["count"], back["reopens"]) == (2, old["id"])

    shop.alert("CheckoutSlow", "resolved", labels=labels)
    shop.quiet()

    assert [one["id"] for one in shop.incidents(live=True)] == [back["id"]]
    shop.post(f"/api/v1/incidents/{back['id']}/resolve", {"by": "ada", "why": "all are served"})
    assert shop.incidents(live=True) == []


def test_04_what_was_mitigated_and_comes_back_is_open_again(shop: Shop) -> None:
    labels = {"service": "checkout"}
    shop.alert("CheckoutSlow", labels=labels)
    (found,) = shop.incidents()
    shop.post(f"/api/v1/incidents/{found['id']}/mitigate", {"by": "ada", "why": "restarted"})
    shop.step(5)
    shop.alert("CheckoutErrors", labels=labels)
    assert shop.incident(found["id"])["state"] == "mitigated", "another sign says nothing of the remedy"

    shop.alert("CheckoutSlow", "resolved", labels=labels)
    shop.step(5)
    shop.alert("CheckoutSlow", labels=labels)

    (after,) = shop.incidents()
    assert (after["id"], after["state"], after["mitigated_at"], after["count"]) == (found["id"], "open", None, 3)
    assert "open: it was mitigated, and came back: CheckoutSlow is wrong" in [
        line["what"] for line in after["timeline"]
    ]


def test_04_what_its_source_told_of_late_says_so_and_is_in_no_median(shop: Shop) -> None:
    """An Alertmanager was cut off for three hours; the platform was up, and was not told."""
    shop.alert("SearchSlow", labels={"service": "search"})
    began = shop.clock.now()
    shop.step(3 * 3600)
    shop.alert("CheckoutSlow", since=began.isoformat(), labels={"service": "checkout"})
    (late,) = shop.whose("CheckoutSlow")
    shop.alert("CheckoutErrors", labels={"service": "checkout"})
    found = shop.incident(late)

    said = "alertmanager told of it 180 min after it began"
    assert (found["opened_at"], found["times"]["detect_s"]) == (began.isoformat(), 3 * 3600 + 1)
    assert [line["what"] for line in found["timeline"] if said in line["what"]] == [
        f"{said}: the time to detect counts from then, and is left out of the medians of the summary"
    ]
    assert shop.get(f"/api/v1/incidents/{late}/explain")["explanation"]["heard_late"] == said
    assert said in shop.page(f"/incidents/{late}")
    assert said in shop.text(f"/api/v1/incidents/{late}/postmortem")
    rows = {row["name"]: row for row in shop.get("/api/v1/incidents/summary")["summary"]["rows"]}
    assert (rows["all"]["heard_late"], rows["all"]["times"]["detect"]["count"]) == (1, 1)
    assert rows["search"]["times"]["detect"]["median_s"] == 1.0
    assert "1 told of late" in shop.page("/incidents/summary")


def test_04_what_could_not_be_told_before_counts(shop: Shop) -> None:
    """Its source tells of it as soon as the platform is up: that nobody was told before is the platform's own."""
    began = shop.clock.now() - timedelta(hours=3)
    shop.alert("CheckoutSlow", since=began.isoformat(), labels={"service": "checkout"})
    (found,) = shop.incidents()
    assert (found["heard_late"], found["times"]["detect_s"]) == ("", 3 * 3600 + 1)


def test_05_a_rule_is_saved_before_anything_matches(shop: Shop) -> None:
    saved = shop.post("/api/v1/grouping/rules", {"rule": RULE, "by": "ada"})["rule"]

    assert (saved["name"], saved["version"], saved["saved_by"]) == ("one-cluster", 1, "ada")
    assert [one["name"] for one in shop.get("/api/v1/grouping/rules")["rules"]] == ["one-cluster"]
    tried = shop.post("/api/v1/grouping/replay", {"rule": {**RULE, "name": "another"}})
    assert tried["days"] == 30


def test_06_what_a_rule_made_is_in_every_list_and_times_are_the_readers(shop: Shop) -> None:
    shop.post("/api/v1/grouping/rules", {"rule": RULE, "by": "ada"})
    shop.step(10)
    shop.alert("NodeDown", labels={"cluster": "blue", "instance": "n1"})
    shop.alert("QueueLong", labels={"cluster": "blue", "service": "mail"})
    shop.step(10)

    (found,) = shop.incidents()
    whole = shop.incident(found["id"])
    assert [member["tie"] for member in whole["members"]][1:] == ["rule"]
    assert "one-cluster" in whole["members"][1]["why"]
    assert [one["id"] for one in shop.incidents(live=True)] == [found["id"]]
    for page in ("/incidents", f"/incidents/{found['id']}", "/"):
        assert found["id"] in shop.page(page) or found["title"] in shop.page(page)
    times = re.findall(r'<time[^>]*datetime="([^"]+)"', shop.page(f"/incidents/{found['id']}"))
    assert times, "moments are marked, so that the page can show them in the reader's zone"
    assert all(datetime.fromisoformat(one).tzinfo for one in [*times, found["opened_at"], whole["updated_at"]])


def test_07_a_rule_is_suggested_from_what_was_grouped_by_hand(shop: Shop) -> None:
    for number in range(2):
        rack = {"rack": f"r{number}"}
        shop.alert("FanSlow", labels={**rack, "instance": f"fan-{number}"})
        shop.step(400)
        shop.alert("DiskErrors", labels={**rack, "instance": f"disk-{number}"})
        (fans,), (disks,) = shop.whose(f"fan-{number}"), shop.whose(f"disk-{number}")
        assert fans != disks
        assert shop.get("/api/v1/grouping/suggestions")["suggestions"] == []
        shop.post(f"/api/v1/incidents/{fans}/merge", {"other": disks, "by": "ada", "why": "a rack lost its cooling"})
        shop.step(7200)

    (suggested,) = shop.get("/api/v1/grouping/suggestions")["suggestions"]
    assert suggested["rule"]["by"] == ["rack"]
    assert len(suggested["decisions"]) == 2

    shop.post("/api/v1/grouping/rules", {"rule": suggested["rule"], "by": "ada"})
    shop.step(10)
    shop.alert("FanSlow", labels={"rack": "r9", "instance": "fan-9"})
    shop.step(400)
    shop.alert("DiskErrors", labels={"rack": "r9", "instance": "disk-9"})
    assert shop.whose("fan-9") == shop.whose("disk-9") != []


def test_08_alerts_that_say_nothing_of_where_are_not_one_problem(shop: Shop) -> None:
    shop.post("/api/v1/grouping/rules", {"rule": {**RULE, "match": ["severity=critical"]}, "by": "ada"})
    shop.step(10)
    for name in ("CertificateExpires", "QueueLong", "BackupMissing", "LoginsFail"):
        shop.alert(name, labels={"cluster": "", "service": "", "instance": ""})
        shop.alert(f"{name}Elsewhere")
    shop.quiet()

    found = shop.incidents()
    assert len(found) == 8
    assert {one["count"] for one in found} == {1}
