"""Objectives on a real store: what is counted, what burns, what is found."""

from __future__ import annotations

import pytest
from tests.ops.detect.rules.worlds import World, moment

from wellkept.kernel.finding import FindingKind, Severity
from wellkept.ops.detect.rules.loading import load_text
from wellkept.ops.detect.rules.slo.run import SloRun

EVENTS = """
slos:
  - name: checkout-availability
    title: checkout availability
    service: checkout
    objective: 99.9%
    sli: {bad: 'http_total{code="500"}', total: http_total}
"""


def furnish(world: World, bad_from: int = 40, steps: int = 80, restart_at: int = 20) -> None:
    """A minute is a step: 100 requests each, from some step on 5 % of them bad; counters that start anew once."""
    good, bad, goods, bads = 0.0, 0.0, [], []
    for step in range(steps):
        if step == restart_at:
            good = bad = 0.0
        good, bad = good + (95 if step >= bad_from else 100), bad + (5 if step >= bad_from else 0)
        goods.append(good)
        bads.append(bad)
    world.store_line("http_total", goods, 60.0, job="checkout", code="200")
    world.store_line("http_total", bads, 60.0, job="checkout", code="500")


def test_an_objective_that_burns_is_one_finding(world: World) -> None:
    (world.folder / "slo.yaml").write_text(EVENTS, "utf-8")
    furnish(world)
    world.tick(39 * 60)
    assert world.open() == []
    world.ticks(45 * 60, 79 * 60, 60.0)
    (finding,) = world.stream.open_findings()
    assert (finding.kind, finding.severity, finding.entity, finding.detector) == (
        FindingKind.SLO_BURN, Severity.CRITICAL, "service:checkout", "slo",
    )  # fmt: skip
    assert finding.sentence.startswith("checkout availability burns its 30-day error budget ")
    assert "times too fast" in finding.sentence
    (run,) = world.rules.objectives
    assert run.state == "burning"
    assert run.status is not None
    assert run.status.events == pytest.approx(79 * 100 - 100 + 100, abs=101)


def test_what_was_counted_step_by_step_is_what_a_new_start_counts(world: World) -> None:
    (world.folder / "slo.yaml").write_text(EVENTS, "utf-8")
    furnish(world)
    for step in range(30, 80, 7):
        world.tick(step * 60)
    world.tick(79 * 60)
    (before,) = world.rules.objectives
    world.restart()
    world.tick(79 * 60 + 1)
    (after,) = world.rules.objectives
    assert after.status == before.status
    firing = [[alert.active_ms for _, alert in run.firing] for run in (before, after)]
    assert len(firing[1]) == len(firing[0]) > 0
    assert max(firing[1]) <= max(firing[0]), "it began when it would have, had somebody looked all the time"


def test_it_ends_when_it_burns_no_more(world: World) -> None:
    (world.folder / "slo.yaml").write_text(EVENTS.replace("99.9%", "99%\n    window: 1h"), "utf-8")
    furnish(world, bad_from=40, steps=50)
    world.tick(49 * 60)
    assert len(world.open()) == 1
    world.tick(49 * 60 + 3 * 3600)
    assert world.open() == []
    assert world.rules.objectives[0].state == "no data"


def test_no_data_is_no_data(world: World) -> None:
    (world.folder / "slo.yaml").write_text(EVENTS, "utf-8")
    world.tick(600)
    (run,) = world.rules.objectives
    assert (run.state, world.open()) == ("no data", [])
    assert run.status is not None
    assert (run.status.good_share, run.status.remaining, run.status.burn_rate) == (None, None, None)


def test_an_indicator_that_cannot_be_asked_is_told_and_takes_none_with_it(world: World) -> None:
    clash = EVENTS + "  - {name: bad, objective: 0.9, sli: {share: 'http_total + on () group_left () http_total'}}\n"
    (world.folder / "slo.yaml").write_text(clash, "utf-8")
    furnish(world)
    world.ticks(77 * 60, 79 * 60, 60.0)
    states = {run.slo.name: run.state for run in world.rules.objectives}
    assert states == {"checkout-availability": "burning", "bad": "error"}
    assert len(world.open()) == 1


@pytest.mark.parametrize(
    ("sli", "bad", "total"),
    [
        ("{bad: 'http_total{code=\"500\"}', total: http_total}", 5.0, 100.0),
        ("{good: 'sum(http_total{code=\"200\"})', total: sum(http_total)}", 5.0, 100.0),
        ("{bad: 'rate(http_total{code=\"500\"}[5m])', total: 'sum(rate(http_total[5m]))', counter: false}", 5.0, 100.0),
        ('{share: \'scalar(http_total{code="200"}) / scalar(http_total{code="200"}) * 0.75\'}', 0.25, 1.0),
    ],
)
def test_events_are_counted_in_every_way(world: World, sli: str, bad: float, total: float) -> None:
    furnish(world, bad_from=30)
    (slo,) = load_text(f"slos: [{{name: a, objective: 0.9, window: 1h, sli: {sli}}}]", "x").slos
    counts = world.trial().counting
    run = SloRun(slo)
    run.advance(counts, round(moment(79 * 60).timestamp() * 1000))
    found = run._counts
    assert found is not None
    assert found.bad[-5:] == pytest.approx([bad] * 5)
    assert found.total[-5:] == pytest.approx([total] * 5)
