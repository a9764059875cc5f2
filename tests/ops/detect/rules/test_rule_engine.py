"""Rules on a real store: findings open and end, series are written back, and a restart loses no waiting."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.ops.detect.rules.worlds import START_S, World, moment

from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import FindingKind, Severity
from wellkept.ops.detect.rules.answers import MOST_ASKED
from wellkept.ops.detect.rules.evaluation import MOST_FINDINGS
from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.remote.encoded import request_of
from wellkept.store.telemetry.remote.writer import Version

OWN = """
rules:
  - name: DiskFull
    metric: disk_used_share
    above: 0.9
    every: 15s
    for: 30s
    severity: error
"""
GROUP = """
groups:
  - name: shop
    interval: 15s
    rules:
      - {record: "job:up:sum", expr: sum by (job) (up)}
      - alert: Down
        expr: job:up:sum < 1
        for: 2m
        labels: {severity: page}
        annotations: {summary: "{{ $labels.job }} is down"}
"""


def write(world: World, name: str, text: str) -> None:
    (world.folder / name).write_text(text, "utf-8")


def test_a_threshold_of_ours_becomes_a_finding_and_ends(world: World) -> None:
    write(world, "own.yaml", OWN)
    world.store_line("disk_used_share", [0.5, 0.95, 0.95, 0.95, 0.95, 0.5, 0.5], job="payments", instance="p:80")
    world.ticks(0, 30)
    assert world.open() == [], "pending"
    world.ticks(45, 60)
    (finding,) = world.stream.open_findings()
    assert (finding.kind, finding.severity, finding.entity) == (
        FindingKind.THRESHOLD, Severity.ERROR, "service:payments",
    )  # fmt: skip
    assert finding.detector == "rules"
    assert finding.starts_at == moment(30), "a step holds what is before its end"
    assert finding.sentence == (
        f"disk_used_share of payments is 0.95, above the limit of 0.9, since {moment(30):%H:%M:%S} UTC, "
        "held for 30 s before it fired (rule DiskFull)"
    )
    world.ticks(75, 105)
    assert world.open() == []


def test_recording_rules_are_written_back_and_their_users_see_them(world: World) -> None:
    write(world, "shop.yaml", GROUP)
    world.store_line("up", [0.0] * 20, job="shop", instance="a:1")
    world.ticks(0, 135)
    assert world.value("job:up:sum", 60) == {(("__name__", "job:up:sum"), ("job", "shop")): 0.0}
    assert world.value('ALERTS{alertstate="pending"}', 105)
    assert not world.value('ALERTS{alertstate="pending"}', 135), "marked stale when it fired"
    assert list(world.value("ALERTS_FOR_STATE", 135).values()) == [moment(0).timestamp()]
    (finding,) = world.stream.open_findings()
    assert finding.severity is Severity.CRITICAL
    assert finding.sentence.startswith("shop is down; value 0 since")


def test_a_pending_alert_waits_on_over_a_restart(world: World) -> None:
    write(world, "shop.yaml", GROUP)
    world.store_line("up", [0.0] * 40, job="shop", instance="a:1")
    world.ticks(0, 90)
    world.restart()
    world.ticks(105, 120)
    assert world.open() == [], "the time away counts for nothing"
    world.tick(135)
    assert len(world.open()) == 1


def test_a_firing_alert_fires_on_over_a_restart(world: World) -> None:
    write(world, "shop.yaml", GROUP)
    world.store_line("up", [0.0] * 60, job="shop", instance="a:1")
    world.ticks(0, 135)
    (before,) = world.stream.open_findings()
    world.restart()
    world.tick(165)
    (after,) = world.stream.open_findings()
    assert after.id == before.id
    (run,) = [run for group in world.rules.groups for run in group.rules if run.rule.is_alert]
    assert [alert.active_ms for alert in run.firing] == [round(moment(0).timestamp() * 1000)]


def test_what_is_over_meanwhile_ends_after_a_restart(world: World) -> None:
    write(world, "shop.yaml", GROUP)
    world.store_line("up", [0.0] * 10 + [1.0] * 30, job="shop", instance="a:1")
    world.ticks(0, 135)
    assert len(world.open()) == 1
    world.restart()
    world.tick(300)
    assert world.open() == []


def test_what_is_kept_over_a_restart_is_said_with_the_last_value_that_is_known(world: World) -> None:
    write(world, "own.yaml", OWN + "    keep_firing_for: 10m\n")
    world.store_line("disk_used_share", [0.95] * 5 + [0.5] * 15, job="payments", instance="p:80")
    world.ticks(0, 75)
    (before,) = world.stream.open_findings()
    world.restart()
    world.ticks(90, 180)
    (after,) = world.stream.open_findings()
    assert "is 0.95, above the limit" in before.sentence
    assert (after.id, after.sentence, after.evidence) == (before.id, before.sentence, before.evidence)
    (alert,) = world.rules.groups[0].rules[0].firing
    assert not alert.is_seen
    world.stream.close([after.fingerprint], moment(180))
    world.tick(255)
    (anew,) = world.stream.open_findings()
    assert anew.sentence.startswith("disk_used_share of payments was above the limit of 0.9, since")
    assert "value" not in anew.evidence[0].values


def test_a_summary_goes_before_a_description(world: World) -> None:
    said = '{summary: "{{ $labels.job }} is down", description: "VALUE = {{ $value }} LABELS = {{ $labels }}"}'
    for name, own in (("A", said), ("B", '{description: "nobody answers."}'), ("C", "{}")):
        write(
            world,
            f"{name}.yaml",
            f"groups: [{{name: a, rules: [{{alert: {name}, expr: up < 1, annotations: {own}}}]}}]",
        )
    world.store_line("up", [0.0] * 8, job="shop", instance="a:1")
    world.ticks(0, 60)
    found = {finding.attributes["rule"]: finding for finding in world.stream.open_findings()}
    assert found["A"].sentence.startswith("shop is down; value 0 since")
    assert found["A"].attributes["annotation.description"].startswith("VALUE = 0 LABELS = map[")
    assert found["B"].sentence.startswith("nobody answers; value 0 since")
    assert found["C"].sentence.startswith("C on shop: up < 1 holds; value 0 since")


ASKING = """
groups:
  - name: a
    interval: 15s
    rules:
      - alert: Down
        expr: up < 1
        annotations:
          summary: >-
            {{ $labels.instance }} of
            {{ with printf "count(up{job=%q})" $labels.job | query }}{{ . | first | value }}{{ end }} is down
          ups: '{{ range query "up > 0" }}{{ .Labels.instance }}{{ end }}'
          broken: '{{ query "up ==" | first | value }}'
          unsupported: '{{ define "x" }}{{ end }}'
"""


def test_annotations_ask_for_other_data_when_the_alert_is_told(world: World) -> None:
    write(world, "a.yaml", ASKING)
    for instance, value in (("a", 0.0), ("b", 1.0), ("c", 0.0)):
        world.store_line("up", [value] * 4, job="shop", instance=instance)
    world.ticks(0, 30)
    findings = world.stream.open_findings()
    assert sorted(finding.attributes["annotation.summary"] for finding in findings) == [
        "a of 3 is down",
        "c of 3 is down",
    ]
    said = findings[0].attributes
    assert (said["annotation.ups"], said["annotation.unsupported"]) == ("b", '{{ define "x" }}{{ end }}')
    assert said["annotation.broken"] == '{{ query "up ==" | first | value }}', "nobody can answer that"
    (run,) = world.rules.groups[0].rules
    assert (run.health.error, [str(warning) for warning in run.rule.warnings]) == (
        "",
        ["line 6: Down: annotations.unsupported: stays as it is written: it uses define, which is not supported here"],
    )


def test_questions_of_annotations_are_bounded(world: World) -> None:
    world.store_line("up", [0.0] * 4, job="shop", instance="a")
    steps = Steps(round(moment(15).timestamp() * 1000), 15_000, 1)
    ask = world.rules.answers.asking(steps)
    for number in range(MOST_ASKED):
        assert [facts.value for facts in ask(f"up + {number}")] == [number]
    with pytest.raises(InputError, match="at most"):
        ask("up")
    assert ask("up + 1"), "which is known"


def test_a_rule_that_is_taken_away_ends_its_findings(world: World) -> None:
    write(world, "own.yaml", OWN)
    world.store_line("disk_used_share", [0.95] * 20, job="payments", instance="p:80")
    world.ticks(0, 75)
    assert len(world.open()) == 1
    (world.folder / "own.yaml").unlink()
    world.tick(90)
    assert world.open() == []


def test_series_of_rules_that_are_taken_away_end(world: World) -> None:
    write(world, "shop.yaml", GROUP)
    world.store_line("up", [0.0] * 40, job="shop", instance="a:1")
    world.ticks(0, 60)
    assert world.value("job:up:sum", 60)
    assert world.value("ALERTS", 60)
    write(world, "shop.yaml", GROUP.replace("Down", "Away"))
    world.ticks(75, 90)
    assert {dict(labels)["alertname"] for labels in world.value("ALERTS", 90)} == {"Away"}
    assert world.value("job:up:sum", 90), "what is unchanged goes on"
    (world.folder / "shop.yaml").unlink()
    world.ticks(105, 120)
    for query in ("ALERTS", "ALERTS_FOR_STATE", "job:up:sum"):
        assert world.value(query, 90)
        assert not world.value(query, 120)


def test_a_series_that_a_changed_rule_still_gives_does_not_end(world: World) -> None:
    write(world, "shop.yaml", GROUP)
    world.store_line("up", [0.0] * 40, job="shop", instance="a:1")
    world.ticks(0, 60)
    write(world, "shop.yaml", GROUP.replace("sum by (job) (up)", "sum by (job) (up) + 1"))
    world.ticks(75, 90)
    assert list(world.value("job:up:sum", 90).values()) == [1.0]
    write(world, "other.yaml", GROUP.replace("name: shop", "name: other"))
    (world.folder / "shop.yaml").unlink()
    world.ticks(105, 120)
    assert list(world.value("job:up:sum", 120).values()) == [0.0]


def test_a_changed_file_keeps_the_waiting_of_rules_that_it_leaves(world: World) -> None:
    write(world, "shop.yaml", GROUP)
    world.store_line("up", [0.0] * 20, job="shop", instance="a:1")
    world.ticks(0, 90)
    write(world, "shop.yaml", GROUP + "      - {alert: Other, expr: up > 5}\n")
    world.ticks(105, 120)
    assert len(world.open()) == 1


def test_a_mistake_in_a_file_leaves_the_last_good_rules_on(world: World) -> None:
    write(world, "own.yaml", OWN)
    world.store_line("disk_used_share", [0.95] * 20, job="payments", instance="p:80")
    world.ticks(0, 30)
    write(world, "own.yaml", OWN.replace("above", "abov"))
    world.ticks(45, 75)
    assert len(world.open()) == 1
    assert "abov: is not a known field" in next(iter(world.rules.mistakes.values()))


def test_a_rule_that_fails_keeps_its_alerts_and_says_so(world: World) -> None:
    rules = "{alert: A, expr: up == 0}, {alert: B, expr: up + on () group_left () up}"
    write(world, "clash.yaml", f"groups: [{{name: a, interval: 15s, rules: [{rules}]}}]")
    world.store_line("up", [0.0] * 10, job="shop", instance="a:1")
    world.store_line("up", [0.0] * 10, job="shop", instance="b:1")
    world.ticks(0, 30)
    (group,) = world.rules.groups
    good, bad = group.rules
    assert (good.health.error, len(good.firing)) == ("", 2)
    assert "many" in bad.health.error or "match" in bad.health.error
    assert bad.health.failures == 3


def test_a_limit_drops_everything_of_a_rule(world: World) -> None:
    write(world, "a.yaml", "groups: [{name: a, interval: 15s, limit: 1, rules: [{alert: A, expr: up == 0}]}]")
    world.store_line("up", [0.0] * 10, job="shop", instance="a:1")
    world.store_line("up", [1.0, 1.0, 0.0, 0.0, 0.0], job="shop", instance="b:1")
    world.ticks(0, 15)
    assert len(world.open()) == 1
    world.tick(30)
    assert world.open() == []
    assert "exceeded limit of 1 with 2 alerts" in world.rules.groups[0].rules[0].health.error


def test_groups_are_evaluated_at_multiples_of_their_rhythm_and_missed_ones_are_counted(world: World) -> None:
    write(world, "own.yaml", OWN)
    world.tick(7)
    (group,) = world.rules.groups
    assert group.at_ms == round(moment(0).timestamp() * 1000)
    world.tick(14)
    assert group.at_ms == round(moment(0).timestamp() * 1000)
    world.tick(67)
    assert (group.at_ms, group.missed) == (round(moment(60).timestamp() * 1000), 3)
    told = "3 moments were missed since the start, the last before 22:01:00 UTC: the group is due every 15 s, "
    assert group.told(group.rules[0]).startswith(told)
    for seconds in range(75, 661, 15):
        world.tick(seconds)
    assert group.told(group.rules[0]).startswith(told)
    world.tick(675)
    assert group.told(group.rules[0]) == ""


def test_what_a_node_exporter_tells_is_about_its_host(world: World) -> None:
    write(world, "a.yaml", "groups: [{name: a, interval: 15s, rules: [{alert: Load, expr: node_load1 > 1}]}]")
    world.store_line("node_load1", [5.0] * 4, job="my-nodes", instance="db1:9100")
    world.ticks(0, 15)
    (finding,) = world.stream.open_findings()
    assert finding.entity == "host:db1"


def test_information_is_a_finding_of_severity_info(world: World) -> None:
    rule = "{alert: Watchdog, expr: vector(1), labels: {severity: none}}"
    write(world, "a.yaml", f"groups: [{{name: a, interval: 15s, rules: [{rule}]}}]")
    world.tick(15)
    (finding,) = world.stream.open_findings()
    assert (finding.severity, finding.entity) == (Severity.INFO, "")


def test_what_a_group_stores_meanwhile_is_seen_as_a_whole_by_the_next_one(world: World) -> None:
    first = "{record: one, expr: time()}, {record: two, expr: time()}, {record: three, expr: one}"
    group, other = f"{{name: a, interval: 15s, rules: [{first}]}}", "{record: apart, expr: one - two}"
    write(world, "a.yaml", f"groups: [{group}, {{name: b, interval: 15s, rules: [{other}]}}]")
    world.ticks(0, 30)
    assert list(world.value("apart", 30).values()) == [0.0]


def test_a_rule_whose_incident_would_never_end_is_warned_of(world: World) -> None:
    rules = "{alert: DeadMan, expr: vector(1), labels: {severity: critical}}, {alert: Late, expr: hour() > 22}"
    quiet = "{alert: Watchdog, expr: vector(1), labels: {severity: none}}, {record: one, expr: vector(1)}"
    write(world, "a.yaml", f"groups: [{{name: a, interval: 15s, rules: [{rules}, {quiet}]}}]")
    world.tick(0)
    (warning,) = (warning for run in world.rules.groups[0].rules for warning in run.rule.warnings)
    assert str(warning).startswith("line 1: DeadMan: expr: reads nothing, so its incident never ends; notify.watchdog")


def test_a_finding_is_told_anew_but_not_at_every_step(world: World) -> None:
    write(world, "own.yaml", OWN)
    world.store_line("disk_used_share", [0.95] * 40, job="payments", instance="p:80")
    world.ticks(0, 60)
    (finding,) = world.stream.open_findings()
    first = world.stream.last_seen(finding.id)
    world.tick(75)
    assert world.stream.last_seen(finding.id) == first
    world.ticks(90, 120)
    assert world.stream.last_seen(finding.id) - first >= timedelta(seconds=60)


def test_the_state_of_an_alert_is_no_word_of_whom_it_is_about(world: World) -> None:
    write(world, "own.yaml", OWN)
    world.store_line("disk_used_share", [0.95] * 4, job="payments", instance="p:80")
    world.ticks(0, 60)
    names = ["disk_used_share", "ALERTS", "ALERTS_FOR_STATE"]
    window = world.telemetry.metrics.window(moment(0), moment(61), 15.0, names=names)
    entities = {info.name: info.entity for info in window.series}
    assert entities["disk_used_share"] == "service:payments"
    assert entities["ALERTS"] == entities["ALERTS_FOR_STATE"] == ""


def test_who_is_absent_is_not_there_because_a_rule_says_so(world: World) -> None:
    rule = "{alert: Gone, expr: 'absent(up{job=\"scheduler\"})', for: 15m}"
    write(world, "a.yaml", f"groups: [{{name: a, interval: 15s, rules: [{rule}]}}]")
    world.store_line("up", [1.0] * 2, job="shop", instance="a:1")
    world.ticks(0, 15)
    assert world.value('ALERTS{job="scheduler",alertstate="pending"}', 15)
    services = {one["service.name"] for one in world.telemetry.resources.since(moment(-60)) if "service.name" in one}
    assert services == {"shop"}


def test_the_bookkeeping_of_rules_is_no_telemetry_that_detectors_learn(world: World) -> None:
    write(world, "own.yaml", OWN)
    world.store_line("disk_used_share", [0.95] * 4, job="payments", instance="p:80")
    world.ticks(0, 60)
    window = world.telemetry.metrics.window(moment(0), moment(61), 15.0)
    followed = world.telemetry.metrics.follow().read(moment(0), moment(61), 15.0)
    for found in (window, followed):
        assert {info.name for info in found.series} == {"disk_used_share"}
        assert found.warnings == ()
    assert world.value("count(ALERTS)", 60), "who asks for it by name sees it"


def test_of_very_many_alerts_some_become_findings_and_the_others_are_told(world: World) -> None:
    write(world, "own.yaml", OWN.replace("    for: 30s\n", ""))
    body = b"".join(
        request_of([((("__name__", "disk_used_share"), ("instance", f"i{row}")), 1.0)], START_S * 1000)
        for row in range(MOST_FINDINGS + 5)
    )
    world.telemetry.remote.insert(Version.V1, [body], START_S * 1_000_000_000)
    world.telemetry.points.settle()
    world.tick(15)
    (run,) = world.rules.groups[0].rules
    assert len(run.firing) == MOST_FINDINGS + 5
    assert len(world.open()) == MOST_FINDINGS
    assert run.health.told(15) == f"fires for {MOST_FINDINGS + 5} series; {MOST_FINDINGS} of them are findings"


def test_a_clock_that_is_set_back_does_not_silence_rules(world: World) -> None:
    write(world, "own.yaml", OWN)
    world.store_line("disk_used_share", [0.95] * 8, job="payments", instance="p:80")
    world.tick(36_000)
    world.ticks(15, 60)
    assert len(world.open()) == 1
