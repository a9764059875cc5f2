"""Log patterns that are new, that rise, that stop, and whose parameters change; and silence where nothing is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from tests.ops.detect.lines import SHOP, Log, with_patterns

from wellkept.checks import detectors as suite
from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.codec import decode, encode
from wellkept.kernel.finding import Finding, Severity
from wellkept.ops.detect.base import View
from wellkept.ops.detect.blind import Blind, Cause
from wellkept.ops.detect.detectors.pattern_new import NewPattern
from wellkept.ops.detect.detectors.pattern_parameter import PatternParameter
from wellkept.ops.detect.detectors.pattern_rate import PatternRate
from wellkept.ops.detect.detectors.pattern_vanished import VanishedPattern
from wellkept.ops.detect.loglines import Lines
from wellkept.store.telemetry.window import Window

KINDS = (NewPattern, PatternRate, VanishedPattern, PatternParameter)
NOW = datetime(2026, 11, 2, 8, 30, tzinfo=UTC)
YESTERDAY = datetime(2026, 11, 1, 23, 59, 50, tzinfo=UTC)


def healthy(seed: int = 1) -> Log:
    """Steady lines, bursts, rare errors, a heartbeat, and values with shares that stay."""
    log = Log(seed=seed)
    log.pattern(1, log.poisson(20.0))
    bursts = log.poisson(1.0) * np.where(log.random.random(log.steps) < 0.1, 30.0, 1.0)
    log.pattern(2, bursts)
    log.pattern(3, log.poisson(0.05), severity=17)
    log.pattern(4, np.where(np.arange(log.steps) % 3 == 0, 1.0, 0.0))
    for value, mean in (("200", 9.0), ("404", 1.0)):
        log.value(1, "status", value, log.poisson(mean))
    return log


def troubled() -> Log:
    """Everything goes wrong from step 150 on."""
    log = Log(seed=7)
    late = np.arange(log.steps) >= 150
    log.pattern(1, log.poisson(20.0))
    log.pattern(2, np.where(late, 40.0, 0.0), severity=17, first_seen=log.at(150))
    log.pattern(3, np.where(np.arange(log.steps) >= 177, 60.0, 1.0) + log.poisson(0.2), severity=13)
    log.pattern(4, np.where(late, 0.0, np.where(np.arange(log.steps) % 2 == 0, 1.0, 0.0)))
    newest = np.arange(log.steps) >= 174
    log.value(1, "status", "200", np.where(newest, 4.0, 10.0))
    log.value(1, "status", "500", np.where(newest, 8.0, 0.0))
    return log


def asked(kind: type, log: Log, last: int, *open_ones: Finding) -> list[Finding]:
    """What is said of the half hour that ends with a step, with these findings open, which were stored meanwhile."""
    window = log.window()
    part = slice(last - 180, last)
    kept = {finding.fingerprint: decode(Finding, encode(finding)) for finding in open_ones}
    view = log.view(patterns=Window(window.times[part], window.values[part], window.series), open=kept)
    found: list[Finding] = kind().detect(view, datetime.fromtimestamp(float(window.times[last - 1]), UTC))
    return found


def ask(kind: type, view: View) -> list[Finding]:
    found: list[Finding] = kind().detect(view, NOW)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_each_says_its_one_thing_of_the_troubled_log(kind: type) -> None:
    (finding,) = ask(kind, troubled().view())
    assert finding.entity == SHOP
    assert "Event" in finding.sentence
    assert "ann" in finding.sentence or kind is PatternParameter
    assert "never seen before of any entity: Event 2 of <user>" in finding.sentence or kind is not NewPattern


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_said_of_a_healthy_log(kind: type, seed: int) -> None:
    assert ask(kind, healthy(seed).view()) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "check",
    [
        suite.check_names_itself, suite.check_says_what_it_is, suite.check_leaves_input_alone,
        suite.check_same_input_same_result, suite.check_keeps_no_state, suite.check_findings_are_whole,
    ],
)  # fmt: skip
def test_the_contract_holds_with_patterns_in_view(kind: type, check: object) -> None:
    assert callable(check)
    check(kind(), with_patterns(troubled().window()))


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_series_is_irrelevant(kind: type) -> None:
    view = troubled().view()
    window = view.patterns
    assert window is not None
    mixed = Window(window.times, window.values[:, ::-1], window.series[::-1])
    assert ask(kind, view) == ask(kind, replace(view, patterns=mixed))


@pytest.mark.parametrize("kind", KINDS)
def test_without_patterns_nothing_is_said(kind: type) -> None:
    view = troubled().view()
    window = view.patterns
    assert window is not None
    bare = Window(window.times, window.values[:, :0], ())
    hollow = Window(window.times, np.full_like(window.values, np.nan), window.series)
    for empty in (None, bare, hollow, Window(window.times[:0], window.values[:0], window.series)):
        assert ask(kind, replace(view, patterns=empty)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_blind_entities_are_left_alone(kind: type) -> None:
    assert ask(kind, troubled().view(blind=Blind(entities={SHOP: Cause.GAPS}))) == []


def test_right_after_a_start_nothing_is_new() -> None:
    log = Log()
    late = np.arange(log.steps) >= 160
    log.pattern(1, np.where(late, 5.0, 0.0))
    log.pattern(2, np.where(np.arange(log.steps) >= 170, 5.0, 0.0), severity=17, first_seen=log.at(170))
    assert ask(NewPattern, log.view()) == []


def test_a_pattern_that_was_known_before_the_window_is_not_new() -> None:
    log = Log()
    log.pattern(1, log.poisson(5.0))
    log.pattern(2, np.where(np.arange(log.steps) >= 170, 5.0, 0.0), severity=17, first_seen=log.at(0) - 86_400)
    assert ask(NewPattern, log.view()) == []


def test_a_new_pattern_that_stopped_is_told_of_no_more() -> None:
    log = Log()
    log.pattern(1, log.poisson(20.0))
    counts = np.zeros(log.steps)
    counts[150] = 5.0
    log.pattern(2, counts, severity=17, first_seen=log.at(150))
    assert ask(NewPattern, log.view()) == []


def test_one_new_error_line_is_information_and_many_are_more() -> None:
    for lines, severity in ((1, Severity.INFO), (3, Severity.WARNING), (400, Severity.ERROR)):
        log = Log()
        log.pattern(1, log.poisson(20.0))
        counts = np.zeros(log.steps)
        counts[176] = lines
        log.pattern(2, counts, severity=17, first_seen=log.at(176))
        (finding,) = ask(NewPattern, log.view())
        assert finding.severity is severity


def test_what_is_new_of_an_entity_that_is_new_itself_is_information() -> None:
    log = Log()
    log.pattern(1, log.poisson(20.0), first_seen=log.at(0))
    log.pattern(2, np.where(np.arange(log.steps) >= 170, 40.0, 0.0), severity=17, first_seen=log.at(170))
    (finding,) = ask(NewPattern, log.view())
    assert finding.severity is Severity.INFO


def test_new_errors_after_a_deploy_are_information() -> None:
    deploy = Change(SHOP, ChangeKind.DEPLOY, NOW, "ann", "v2")
    (finding,) = ask(NewPattern, troubled().view(deploys={SHOP: deploy}))
    assert finding.severity is Severity.INFO


def test_traffic_that_lifts_all_lines_is_no_matter_of_one_pattern() -> None:
    log = Log()
    more = np.where(np.arange(log.steps) >= 177, 8.0, 1.0)
    for number in range(1, 6):
        log.pattern(number, log.poisson(10.0) * more, severity=13)
    assert ask(PatternRate, log.view()) == []


def test_bursts_as_large_as_before_are_usual() -> None:
    log = Log()
    counts = log.poisson(1.0)
    for step in (40, 41, 42, 90, 91, 92, 177, 178, 179):
        counts[step] = 50.0
    log.pattern(1, log.poisson(20.0))
    log.pattern(2, counts, severity=17)
    assert ask(PatternRate, log.view()) == []


def test_a_service_that_falls_silent_has_lost_no_heartbeat() -> None:
    log = Log()
    early = np.arange(log.steps) < 150
    log.pattern(1, np.where(early, 20.0, 0.0))
    log.pattern(2, np.where(early & (np.arange(log.steps) % 2 == 0), 1.0, 0.0))
    assert ask(VanishedPattern, log.view()) == []


@pytest.mark.parametrize("severity", [13, 17, 21])
def test_errors_that_end_are_not_missed(severity: int) -> None:
    log = Log()
    log.pattern(1, log.poisson(20.0))
    log.pattern(2, np.where(np.arange(log.steps) < 150, 1.0, 0.0), severity=severity)
    assert ask(VanishedPattern, log.view()) == []


def test_lines_that_came_at_random_are_not_missed() -> None:
    log = Log(seed=3)
    early = np.arange(log.steps) < 150
    log.pattern(1, log.poisson(20.0))
    log.pattern(2, np.where(early & (log.random.random(log.steps) < 0.2), 1.0, 0.0))
    assert ask(VanishedPattern, log.view()) == []


def test_more_errors_among_the_codes_are_a_warning_and_more_successes_are_not() -> None:
    (worse,) = ask(PatternParameter, troubled().view())
    log = Log()
    newest = np.arange(log.steps) >= 174
    log.value(1, "status", "200", np.where(newest, 10.0, 2.0))
    log.value(1, "status", "500", np.where(newest, 0.0, 8.0))
    (better,) = ask(PatternParameter, log.view())
    assert (worse.severity, better.severity) == (Severity.WARNING, Severity.INFO)


def test_a_change_is_told_since_the_step_in_which_it_began() -> None:
    """What came in that time, and not in all of what is looked at."""
    log = Log()
    newest = np.arange(log.steps) >= 177
    log.value(1, "status", "200", np.where(newest, 0.0, 10.0))
    log.value(1, "status", "500", np.where(newest, 10.0, 0.0))
    (found,) = ask(PatternParameter, log.view())
    assert found.starts_at.timestamp() == log.at(177)
    assert "500 is 100% of 30 sampled lines" in found.sentence


def test_values_that_always_wander_are_left_alone() -> None:
    log = Log()
    phase = (np.arange(log.steps) // 6) % 2 == 0
    log.value(1, "state", "busy", np.where(phase, 10.0, 1.0))
    log.value(1, "state", "idle", np.where(phase, 1.0, 10.0))
    assert ask(PatternParameter, log.view()) == []


def test_a_rise_that_lasts_stays_open_and_ends_with_it() -> None:
    log = Log(steps=600)
    late = (np.arange(log.steps) >= 200) & (np.arange(log.steps) < 500)
    log.pattern(1, np.where(late, 60.0, 2.0))
    log.pattern(2, np.full(log.steps, 20.0))
    (first,) = asked(PatternRate, log, 203)
    known = first
    for last in (210, 240, 400, 500):
        assert last < 240 or asked(PatternRate, log, last) == [], "by the window alone it is usual by then"
        (known,) = asked(PatternRate, log, last, known)
        assert (known.id, known.starts_at) == (first.id, first.starts_at)
        assert "logs 180 lines in 30 s, since 08:33:20 UTC, where 6.0 were usual before (30 times" in known.sentence
    assert asked(PatternRate, log, 503, known) == []
    assert asked(PatternRate, log, 600, known) == []


def test_a_rise_that_all_lines_have_followed_is_over() -> None:
    log = Log(steps=400)
    late = np.arange(log.steps) >= 200
    log.pattern(1, np.where(late, 60.0, 2.0))
    log.pattern(2, np.where(np.arange(log.steps) >= 300, 600.0, 20.0))
    (known,) = asked(PatternRate, log, 203)
    assert len(asked(PatternRate, log, 300, known)) == 1
    assert known.fingerprint not in {finding.fingerprint for finding in asked(PatternRate, log, 303, known)}


def test_other_values_that_last_stay_told_with_one_of_the_new_as_example() -> None:
    log = Log(steps=600)
    late = (np.arange(log.steps) >= 200) & (np.arange(log.steps) < 500)
    log.pattern(1, np.full(log.steps, 10.0))
    log.value(1, "duration_ms", "32..64", np.where(late, 0.0, 9.0))
    log.value(1, "duration_ms", "64..128", np.where(late, 0.0, 1.0))
    log.value(1, "duration_ms", "256..512", np.where(late, 10.0, 0.0))
    (first,) = asked(PatternParameter, log, 206)
    assert first.sentence.endswith("(for example: Event with 256..512)")
    known = first
    for last in (220, 260, 400, 500):
        assert last < 260 or asked(PatternParameter, log, last) == [], "by the window alone it is usual by then"
        (known,) = asked(PatternParameter, log, last, known)
        assert (known.id, known.starts_at) == (first.id, first.starts_at)
        assert "changed since 08:33:20 UTC: 256..512 is 100% of 60 sampled lines and was 0% of 1740" in known.sentence
    assert asked(PatternParameter, log, 506, known) == []
    assert asked(PatternParameter, log, 600, known) == []


@pytest.mark.parametrize("kind", [PatternRate, PatternParameter])
def test_what_is_open_ends_where_its_lines_are_gone(kind: type) -> None:
    log = Log(steps=600)
    late = (np.arange(log.steps) >= 200) & (np.arange(log.steps) < 300)
    gone = np.arange(log.steps) >= 300
    log.pattern(1, np.where(late, 60.0, np.where(gone, 0.0, 2.0)))
    log.pattern(2, log.poisson(20.0))
    log.value(1, "state", "on", np.where(late | gone, 0.0, 10.0))
    log.value(1, "state", "off", np.where(late, 10.0, 0.0))
    (known,) = asked(kind, log, 203 if kind is PatternRate else 206)
    assert asked(kind, log, 300, known) != []
    assert asked(kind, log, 310, known) == []
    assert asked(kind, log, 500, known) == []


def test_a_finding_of_yesterday_says_the_day() -> None:
    log = Log()
    log.pattern(1, np.full(log.steps, 60.0))
    log.pattern(2, log.poisson(20.0))
    (known,) = ask(PatternRate, troubled().view())
    known = replace(known, fingerprint=PatternRate()._fingerprint(Lines(log.view()).all[0]), starts_at=YESTERDAY)
    (told,) = asked(PatternRate, log, 180, known)
    assert "since 01 Nov 23:59:50 UTC" in told.sentence
