"""What is told of a cause: since when, by which way, in plain words; and calls whose both ends are reported."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ops.diagnose.tracing import START, Call, many
from tests.ops.diagnose.tracing import case as traced_case

from wellkept.kernel.diagnosis import Cause, Diagnosis, Exhibit, Fault, Look, Reason, chance
from wellkept.kernel.entity import Entity, EntityKind
from wellkept.ops.diagnose.base import Case, DiagnoseSettings
from wellkept.ops.diagnose.clues.gap import GapClue
from wellkept.ops.diagnose.clues.headroom import HeadroomClue
from wellkept.ops.diagnose.contrast import closed, seconds
from wellkept.ops.diagnose.rank import concluded, diagnose
from wellkept.ops.diagnose.told import by_names
from wellkept.spine.graph import Graph
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


def test_a_diagnosis_says_hosts_by_their_names() -> None:
    machine = "3d1219c7c4c5404aaa1f6d2a48adfda4"
    reason = Reason("headroom", 0.9, f"CPU of {machine} is used up.")
    exhibit = Exhibit("lines", f"{machine} logs more.", sample=f"as {machine} wrote it")
    cause = Cause(f"host:{machine}", 0.9, (reason,), exhibits=(exhibit,))
    found = Diagnosis("inc-1", START, "1", (cause,), f"Most likely cause: {machine}.", story=f"{machine} is busy.")

    said = by_names(found, Graph([Entity(EntityKind.HOST, f"host:{machine}", "web-1")], []))

    assert (said.sentence, said.story) == ("Most likely cause: web-1.", "web-1 is busy.")
    assert said.best is not None
    assert (said.best.entity, said.best.reasons[0].sentence) == (cause.entity, "CPU of web-1 is used up.")
    assert said.best.exhibits == (replace(exhibit, sentence="web-1 logs more."),)
    assert by_names(found, Graph([], [])) == found


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


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0 ms"),
        (0.0004, "0.4 ms"),
        (0.012, "12 ms"),
        (0.5, "500 ms"),
        (1.25, "1.2 s"),
        (15.4, "15 s"),
        (300.0, "300 s"),
    ],
)
def test_durations_are_told_as_people_write_them(value: float, words: str) -> None:
    assert seconds(value) == words


@given(st.floats(0.0, 1.0))
def test_nothing_is_told_as_certain(value: float) -> None:
    assert chance(value) not in ("0%", "100%")


def test_what_others_wrote_ends_with_one_full_stop() -> None:
    assert [closed(text) for text in ("mia: release 7", "mia: release 7.", "mia: why?")] == [
        "mia: release 7.",
        "mia: release 7.",
        "mia: why?",
    ]


@given(st.floats(0.3, 1.0, exclude_max=True))
def test_a_sentence_names_the_cause_with_less_than_certainty(strength: float) -> None:
    case = traced_case(many(SHOP), many(SHOP))
    cause = Cause(CART, strength, (Reason("headroom", strength, "CPU of cart went up."),))
    said = concluded(case, [cause], DiagnoseSettings(), case.onset)
    assert "(100%)" not in said.sentence


def test_who_is_too_weak_is_told_as_weaker_than_what_is_asked_for() -> None:
    case = traced_case(many(SHOP), many(SHOP))
    said = concluded(case, [Cause(CART, 0.298, (Reason("errors", 0.298, ""),))], DiagnoseSettings(), case.onset)
    assert "reaches only 29% where 30% is asked for" in said.sentence
