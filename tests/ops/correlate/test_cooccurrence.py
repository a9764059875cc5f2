"""What is learned from findings that are over: what follows on what, what begins by itself, what comes together."""

from __future__ import annotations

import json
from datetime import timedelta

from tests.ops.correlate.test_groups import CHECKOUT, FEATURES, NOON, OTHER, PAYMENTS, SETTINGS, finding, shop

from wellkept.kernel.incident import Tie
from wellkept.ops.correlate.cooccurrence import CoOccurrence, Signs
from wellkept.ops.correlate.grouper import Grouper

A, B, C = (Signs(name, f"{name}!") for name in "abc")


def learned(times: int = 30) -> CoOccurrence:
    """``a`` begins by itself every hour, and ``b`` follows 5 s later; ``c`` begins by itself too."""
    memory = CoOccurrence()
    for number in range(times):
        at = number * 3600.0
        memory.learn(A, at, [], 1.0)
        memory.learn(B, at + 5, [(A, 0.9, 5.0)], 0.1)
        memory.learn(C, at + 1800, [], 1.0)
    return memory


def test_what_follows_often_is_likely_and_what_never_did_is_not() -> None:
    memory = learned()
    assert memory.follows(A, B, 0.1) > 0.8
    assert memory.follows(A, C, 0.1) < 0.1
    assert memory.alone(C) > 5 * memory.alone(B)
    assert memory.trust(B) > 0.5 > memory.trust(Signs("x", "y"))


def test_soon_is_likelier_than_late_and_what_goes_on_does_not_wane() -> None:
    memory = learned()
    assert memory.density(5, 300, False) > memory.density(200, 300, False)
    assert memory.density(200, 300, True) > memory.density(200, 300, False)


def test_old_counts_fade_and_the_memory_stays_small() -> None:
    memory = CoOccurrence()
    for number in range(55_000):
        memory.learn(Signs(f"w{number % 10}", f"x{number}"), float(number), [(A, 0.5, 1.0)], 0.5)
    kept = memory.dump()
    assert kept["sums"][0] < 50_000
    assert len(kept["tables"][0]) < 11_000


def test_what_was_learned_outlives_a_restart() -> None:
    memory = learned()
    again = CoOccurrence.load(json.loads(json.dumps(memory.dump())))
    assert again.dump() == memory.dump()
    assert again.follows(A, B, 0.1) == memory.follows(A, B, 0.1)


def test_what_came_together_before_is_one_problem_though_nothing_else_ties_it() -> None:
    """Two services that the topology does not connect fail together three times; the fourth time they are one."""
    grouper = Grouper(SETTINGS, shop())
    for hour in range(0, 15, 5):
        grouper.put([finding(OTHER, hour * 3600, lasts_s=60), finding(CHECKOUT, hour * 3600 + 10, lasts_s=60)])
        grouper.put([finding(FEATURES, hour * 3600 + 7200, lasts_s=60)])
        assert all(len(part.findings) == 1 for part in grouper.groups())
        grouper.learn(NOON + timedelta(hours=hour + 4))
    grouper.put([finding(OTHER, 90_000), finding(CHECKOUT, 90_020), finding(PAYMENTS, 80_000, lasts_s=5)])
    (part,) = [part for part in grouper.groups() if len(part.findings) > 1]
    assert [f.entity for f in part.findings] == [OTHER, CHECKOUT]
    assert part.why[part.findings[1].id].tie is Tie.CO_OCCURRENCE


def test_what_flaps_beside_something_else_has_come_together_with_it_once() -> None:
    """Also when all is placed anew by what was learned meanwhile, as after a restart."""
    memory, flapping = CoOccurrence(), [finding(CHECKOUT, 10 + 20 * n, lasts_s=5) for n in range(8)]
    grouper = Grouper(SETTINGS, shop(), memory=memory)
    found = [finding(OTHER), *flapping, finding(FEATURES, 7200)]
    grouper.put(found)
    before = {frozenset(f.id for f in part.findings) for part in grouper.groups()}
    grouper.learn(NOON + timedelta(hours=3))
    again = Grouper(SETTINGS, shop(), memory=memory)
    again.put(found)
    assert frozenset([found[0].id]) in before
    assert frozenset([found[0].id]) in {frozenset(f.id for f in part.findings) for part in again.groups()}
    assert memory.partners(Signs.of(flapping[0])) == ()


def test_each_finding_is_learned_once() -> None:
    grouper = Grouper(SETTINGS, shop())
    grouper.put([finding(CHECKOUT), finding(PAYMENTS, 10)])
    grouper.groups()
    assert grouper.learn(NOON + timedelta(seconds=5)) == 1
    assert grouper.learn(NOON + timedelta(hours=1)) == 1
    assert grouper.learn(NOON + timedelta(hours=2)) == 0
