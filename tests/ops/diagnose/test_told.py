"""What is told of a cause: since when, by which way, in plain words; and calls whose both ends are reported."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from tests.ops.diagnose.tracing import START, Call, many
from tests.ops.diagnose.tracing import case as traced_case

from wellkept.kernel.diagnosis import Fault, Look
from wellkept.ops.diagnose.base import Case, DiagnoseSettings
from wellkept.ops.diagnose.clues.gap import GapClue
from wellkept.ops.diagnose.clues.headroom import HeadroomClue
from wellkept.ops.diagnose.rank import diagnose
from wellkept.store.telemetry.window import SeriesInfo, Window

WEB, CART = "service:web", "service:cart"
SHOP = Call(WEB, "GET /", calls=[Call(CART, "list")])


def measured(*series: tuple[str, str, dict[str, str], float, float, int]) -> Case:
    """A case with series of (name, entity, attributes, before, during, first step of during)."""
    case = traced_case(many(SHOP), many(SHOP))
    columns = [np.where(np.arange(60) < first, old, new) for *_, old, new, first in series]
    infos = [
        SeriesInfo(number, name, "1", "gauge", entity, attributes)
        for number, (name, entity, attributes, *_) in enumerate(series, start=1)
    ]
    return replace(case, metrics=Window(case.metrics.times, np.stack(columns, axis=1), tuple(infos)))


def test_a_cause_says_what_is_wrong_since_when_by_which_way_and_where_to_look() -> None:
    case = measured(("process.cpu.utilization", CART, {}, 0.2, 0.95, 38))
    case = replace(case, findings=())
    said = diagnose(case, [HeadroomClue()], DiagnoseSettings(), case.onset)
    assert said.best is not None
    assert (said.best.entity, said.best.fault) == (CART, Fault.CPU)
    assert said.best.since == datetime.fromtimestamp(START.timestamp() + 380, UTC)
    (pointer,) = said.best.reasons[0].pointers
    assert (pointer.look, pointer.name, pointer.entity) == (Look.SERIES, "process.cpu.utilization", CART)
    assert "cart (cpu) is the most likely cause" in said.story
    assert abs(sum(cause.probability for cause in said.causes) + said.none - 1.0) < 0.01


def test_memory_that_swells_is_why_the_cpu_is_busy() -> None:
    case = measured(
        ("process.cpu.utilization", CART, {}, 0.2, 0.99, 40), ("process.memory.usage", CART, {}, 100e6, 300e6, 40)
    )
    said = diagnose(case, [HeadroomClue()], DiagnoseSettings(), case.onset)
    assert said.best is not None
    assert said.best.fault is Fault.MEMORY


def ends(source: float) -> Case:
    name = "service.call.duration"
    return measured(
        (name, CART, {"caller": "web", "side": "source"}, 0.01, source, 40),
        (name, CART, {"caller": "web", "side": "destination"}, 0.008, 0.008, 40),
    )


def test_the_callers_end_far_behind_the_callees_is_the_network() -> None:
    hints = GapClue().weigh(ends(0.5))
    assert hints[CART].strength > 0.8
    assert hints[CART].fault is Fault.NETWORK


def test_both_ends_as_they_were_say_nothing() -> None:
    assert GapClue().weigh(ends(0.01)).get(CART) is None
