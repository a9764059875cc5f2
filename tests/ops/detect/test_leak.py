"""A floor that rises for days is a leak, also under restarts; warm-ups, rhythms and habits are none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from wellkept.checks import detectors as suite
from wellkept.checks.scenes import CHECKOUT, EPOCH, Story
from wellkept.kernel.finding import Finding, Severity
from wellkept.ops.detect.base import View
from wellkept.ops.detect.blind import Blind, Cause
from wellkept.ops.detect.detectors.leak import Leak

DAY = 144
LIMIT = 8e9


def view_of(used: NDArray[np.float64], limit: float | None = LIMIT, name: str = "process.memory.usage") -> View:
    story = Story(steps=len(used), step_s=600.0)
    story.metric(CHECKOUT, name, used, "By")
    if limit is not None:
        story.metric(CHECKOUT, "process.memory.limit", np.full(len(used), limit), "By")
    scene = story.scene()
    bare = scene.between(0, 1)
    return View(bare.metrics, bare.red, bare.exclusive, bare.logs, 600.0, scene.graph, long=scene.metrics)


def said(used: NDArray[np.float64], limit: float | None = LIMIT, name: str = "process.memory.usage") -> list[Finding]:
    view = view_of(used, limit, name)
    assert view.long is not None
    return Leak().detect(view, datetime.fromtimestamp(float(view.long.times[-1]), UTC))


def memory(days: float, leak_per_day: float = 0.0, restarts: tuple[float, ...] = ()) -> NDArray[np.float64]:
    """Garbage collection every three hours, the rhythm of a day, and what leaks."""
    step = np.arange(round(days * DAY)).astype(np.float64)
    noise = np.random.default_rng(3).normal(0, 2e7, len(step))
    leaked = leak_per_day * step / DAY
    for at in restarts:
        leaked[round(at * DAY) :] -= leaked[round(at * DAY)]
    used: NDArray[np.float64] = 2e9 + 1e9 * ((step % 18) / 18) + 1e8 * np.sin(2 * np.pi * step / DAY) + noise + leaked
    return used


def test_a_leak_is_said_with_the_time_that_is_left() -> None:
    (finding,) = said(memory(4, 0.5e9))
    truth = (LIMIT - 5e9) / 0.5e9 * 86_400
    values = finding.evidence[0].values
    assert values["low"] <= truth <= values["high"]
    assert values["seconds_to_limit"] == pytest.approx(truth, rel=0.2)
    assert finding.severity is Severity.WARNING
    assert finding.attributes["resource"] == "memory"
    assert finding.sentence == (
        "The least memory in use of shop/checkout rose by 1.84 GB in 4 days (since 02 Nov 08:00 UTC) and is not given "
        "back; 4.95 GB of 8 GB are in use, and at this pace the limit is reached in 6 days (between 5 days and 8 days)."
    )


def test_a_leak_survives_restarts() -> None:
    (finding,) = said(memory(9, 0.5e9, restarts=(2.6, 5.1)))
    assert "through 2 restarts" in finding.sentence
    assert finding.severity is Severity.WARNING


def test_without_a_limit_it_is_information() -> None:
    (finding,) = said(memory(5, 0.5e9), limit=None)
    assert finding.severity is Severity.INFO
    assert "limit" not in finding.sentence


def test_files_that_are_never_closed_leak_too() -> None:
    step = np.arange(4 * DAY).astype(np.float64)
    (finding,) = said(100 + step + 20 * (step % 7), None, "process.unix.file_descriptor.count")
    assert finding.attributes["title"] == "File descriptors of shop/checkout leaks"


def warm_up() -> NDArray[np.float64]:
    used = memory(6)
    return np.asarray(used + 2e9 * (1 - np.exp(-np.arange(len(used)) / DAY)))


def nightly_reset() -> NDArray[np.float64]:
    """Grows by day and is restarted every night."""
    step = np.arange(7 * DAY).astype(np.float64)
    return np.asarray(2e9 + 3e9 * (step % DAY) / DAY)


def habit() -> NDArray[np.float64]:
    """Grows for two days, and is emptied at one height, again and again."""
    step = np.arange(14 * DAY).astype(np.float64)
    return np.asarray(2e9 + 3e9 * (step % (2.5 * DAY)) / (2.5 * DAY))


def three_days(height: float) -> NDArray[np.float64]:
    """Grows for three days from 1 GB to a height and is given back, with some noise."""
    step = np.arange(14 * DAY).astype(np.float64)
    noise = np.abs(np.random.default_rng(5).normal(0, 1e7, len(step)))
    return np.asarray(1e9 + (height - 1e9) * (step % (3 * DAY)) / (3 * DAY) + noise)


def new_version() -> NDArray[np.float64]:
    used = memory(6)
    used[4 * DAY :] += 1.5e9
    return used


@pytest.mark.parametrize(
    ("used", "from_day"),
    [
        (memory(9), 0),
        (memory(0.5, 4e9), 0),
        (warm_up(), 0),
        (nightly_reset(), 0),
        (habit(), 8),
        (three_days(6.2e9), 6),
        (new_version(), 0),
    ],
    ids=["sawtooth", "too short", "warm-up", "nightly reset", "habit", "three days", "new version"],
)
def test_what_only_looks_like_a_leak_is_none(used: NDArray[np.float64], from_day: int) -> None:
    for end in range(from_day * DAY + DAY // 2, len(used) + 1, DAY // 4):
        assert [f.sentence for f in said(used[:end]) if f.severity > Severity.INFO] == []


def test_what_is_restarted_when_it_is_full_leaks_again() -> None:
    used = three_days(7.8e9)
    told = [end for end in range(6 * DAY, len(used) + 1, DAY // 4) if said(used[:end])]
    assert len({end // (3 * DAY) for end in told}) >= 2, "on its third and fourth way up"


def test_span_and_since_and_start_agree() -> None:
    flat = np.zeros(3 * DAY)
    used = 1e9 + np.concatenate([flat, 0.5e9 * np.arange(11 * DAY) / DAY]) + 1e8 * (np.arange(14 * DAY) % 6)
    (finding,) = said(used)
    began = EPOCH + timedelta(days=3)
    assert abs(finding.starts_at - began) <= timedelta(days=1)
    assert f"(since {finding.starts_at:%d %b %H:%M} UTC)" in finding.sentence
    assert "in 11 days" in finding.sentence
    known = replace(finding, starts_at=EPOCH + timedelta(days=6))
    view = replace(view_of(used), open={finding.fingerprint: known})
    (later,) = Leak().detect(view, finding.starts_at + timedelta(days=11))
    assert later.starts_at == known.starts_at
    assert "rose by 3.5 GB" in later.sentence
    assert f"in 8 days (since {known.starts_at:%d %b %H:%M} UTC)" in later.sentence


def test_growth_after_a_restart_is_told_since_the_restart() -> None:
    used = memory(9, 1e9, restarts=(5.1,))
    restart = EPOCH + timedelta(minutes=10 * round(5.1 * DAY))
    told = [finding for end in range(7 * DAY, 9 * DAY, 7) for finding in said(used[:end])]
    assert min(finding.starts_at for finding in told) == restart
    late = np.concatenate([np.full(100, np.nan), memory(4, 0.5e9)])
    (first,) = said(late)
    assert first.starts_at >= EPOCH + timedelta(minutes=10 * 99), "not before it was seen"


def test_growth_younger_than_a_day_is_judged_by_the_day_before() -> None:
    step = np.arange(5 * DAY).astype(np.float64)
    rhythm = 2e9 + 1e9 * np.maximum(0.0, np.sin(2 * np.pi * step / DAY))
    leaking = rhythm + 5e9 * np.maximum(0.0, step - 4.5 * DAY) / DAY
    assert said(rhythm) == []
    (finding,) = said(leaking)
    assert finding.starts_at >= EPOCH + timedelta(days=4)
    assert finding.severity is Severity.WARNING


def test_it_says_nothing_of_a_blind_entity() -> None:
    view = replace(view_of(memory(4, 0.5e9)), blind=Blind(entities={CHECKOUT: Cause.FROZEN}))
    assert Leak().detect(view, EPOCH) == []


def test_it_holds_the_contract() -> None:
    assert len(suite.check_detector(Leak(), View)) == len(suite.CHECKS)
