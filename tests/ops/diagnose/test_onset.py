"""When it began: found in what users feel, wherever the alert says that it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.ops.diagnose.test_diagnosis import said

from wellkept.checks.scenes import CHECKOUT
from wellkept.kernel.conventions import CPU_TIMES
from wellkept.kernel.finding import Evidence, Finding
from wellkept.ops.diagnose.onset import busy, step_of_change
from wellkept.store.telemetry.window import SeriesInfo, Window

STEPS, MARGIN = 80, 3
SIGNAL = "span.duration.p95"
SYMPTOM: Finding = replace(said(CHECKOUT), evidence=(Evidence(SIGNAL),))


def window(values: NDArray[np.float64]) -> Window:
    times = 1e9 + 10.0 * np.arange(1, len(values) + 1)
    return Window(
        np.asarray(times, dtype=np.float64), values[:, None], (SeriesInfo(1, SIGNAL, "s", "gauge", CHECKOUT),)
    )


def test_a_change_is_found_wherever_it_was_told() -> None:
    """To the step, but for one in a hundred, whose noise before it looks like a beginning."""
    wrong = tried = 0
    for seed in range(10):
        for began in range(30, 66, 5):
            values = 0.1 + 0.02 * np.random.default_rng(seed).random(STEPS)
            values[began:] += 0.2
            for told in range(20, 80, 6):
                tried += 1
                wrong += step_of_change([SYMPTOM], window(values), told, MARGIN) != began
    assert wrong <= tried / 100


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 1000), told=st.integers(20, 79))
def test_what_hardly_changed_leaves_the_moment_as_told(seed: int, told: int) -> None:
    flat = window(np.full(STEPS, 0.1))
    assert step_of_change([SYMPTOM], flat, told, MARGIN) == told
    better = 0.3 + 0.02 * np.random.default_rng(seed).random(STEPS)
    better[40:] = 0.1
    assert abs(step_of_change([SYMPTOM], window(better), told, MARGIN) - told) <= MARGIN


def test_an_earlier_and_smaller_change_is_not_the_beginning_of_the_trouble() -> None:
    """Answers took 1 ms, then 2 ms, and half a second when the trouble began: ranks are surest of the first."""
    values = 0.001 + 0.0001 * np.random.default_rng(1).random(STEPS)
    values[45:] += 0.0012
    values[72:] = 0.6
    assert step_of_change([SYMPTOM], window(values), 72, MARGIN) == 72


def test_steps_without_a_value_and_single_strays_do_not_move_it() -> None:
    values = 0.1 + 0.01 * np.random.default_rng(3).random(STEPS)
    values[50:] += 0.1
    values[[10, 20]] = 9.0
    values[::7] = np.nan
    assert step_of_change([SYMPTOM], window(values), 70, MARGIN) == 50


def test_without_a_symptom_that_was_measured_it_is_as_told() -> None:
    assert step_of_change([], window(np.ones(STEPS)), 60, MARGIN) == 60
    elsewhere = replace(SYMPTOM, entity="service:other")
    assert step_of_change([elsewhere], window(np.ones(STEPS)), 60, MARGIN) == 60


def faint(seed: int) -> NDArray[np.float64]:
    """What users feel becomes a little worse at step 40, by less than it wobbles."""
    values = 0.1 + 0.05 * np.random.default_rng(seed).random(STEPS)
    values[40:] += 0.03
    return np.asarray(values, dtype=np.float64)


def used(seed: int, began: int, name: str = CPU_TIMES[0]) -> list[NDArray[np.float64]]:
    idle = 0.8 - 0.1 * np.random.default_rng(seed).random(STEPS)
    idle[began:] -= 0.6
    info = SeriesInfo(1, name, "1", "gauge", "host:h1", {"cpu.mode": "idle"})
    return busy(replace(window(idle), series=(info,)))


@pytest.mark.parametrize("name", CPU_TIMES)
def test_a_host_that_became_busy_says_when_what_is_felt_faintly_began(name: str) -> None:
    for seed in range(5):
        assert step_of_change([SYMPTOM], window(faint(seed)), 76, MARGIN) == 76, "too little to say by itself"
        assert step_of_change([SYMPTOM], window(faint(seed)), 76, MARGIN, used(seed, 40, name)) == 40


def test_a_host_that_became_busy_when_nobody_felt_it_says_nothing() -> None:
    flat = 0.1 + 0.05 * np.random.default_rng(4).random(STEPS)
    assert step_of_change([SYMPTOM], window(flat), 76, MARGIN, used(1, 40)) == 76
