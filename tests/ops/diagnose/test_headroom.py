"""Resources that are used up, with a limit and without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from tests.ops.diagnose.test_reported import LATENCY, NOTHING, ONSET, RATES, SEARCH, SITE, TABLE, steady, told

from wellkept.kernel.entity import Entity, EntityKind
from wellkept.ops.diagnose.base import WEIGHTS, Case, DiagnoseSettings
from wellkept.ops.diagnose.clues.headroom import HeadroomClue
from wellkept.ops.diagnose.clues.unusual import UnusualClue
from wellkept.ops.diagnose.stage import _suspects
from wellkept.spine.graph import Graph
from wellkept.store.telemetry.window import SeriesInfo, Window


def using(name: str, usual: Mapping[str, float], during: Mapping[str, float]) -> Case:
    """A case whose services use that much of a resource."""
    columns, series = [], []
    for number, entity in enumerate(RATES):
        level = steady(usual.get(entity, 0.1), number)
        level[ONSET:] *= during.get(entity, usual.get(entity, 0.1)) / usual.get(entity, 0.1)
        columns.append(level)
        series.append(SeriesInfo(number + 1, name, "1", "gauge", entity))
    metrics = Window(NOTHING.times, np.stack(columns, axis=1), tuple(series))
    return replace(told({}, {}, LATENCY), metrics=metrics)


def strengths(case: Case) -> dict[str, float]:
    return {entity: round(hint.strength, 2) for entity, hint in HeadroomClue().weigh(case).items()}


def test_what_goes_to_its_limit_is_accused() -> None:
    found = strengths(using("process.cpu.utilization", {}, {SEARCH: 0.95, TABLE: 0.2}))

    assert found[SEARCH] > 0.8
    assert found[TABLE] < 0.1


def test_what_is_always_at_its_limit_is_not_accused_of_wobbling() -> None:
    assert strengths(using("process.cpu.utilization", {SITE: 1.0}, {})).get(SITE, 0.0) < 0.1


def test_memory_without_a_known_limit_counts_by_its_growth() -> None:
    mb = 1e6
    usual = {SITE: 300 * mb, SEARCH: 200 * mb, TABLE: 8 * mb}
    rest = dict.fromkeys((entity for entity in RATES if entity not in usual), 200 * mb)

    found = strengths(using("process.memory.usage", {**usual, **rest}, {SEARCH: 2000 * mb, TABLE: 16 * mb}))

    assert found[SEARCH] > 0.7
    assert found.get(TABLE, 0.0) < 0.2, "doubling eight megabytes is nothing"
    assert found.get(SITE, 0.0) < 0.1


def test_where_nothing_is_known_of_who_calls_whom_every_service_is_a_suspect() -> None:
    case = told({}, {}, LATENCY)
    alone = Graph([Entity(EntityKind.SERVICE, name, name) for name in RATES], [])

    assert _suspects(case.findings, alone, 6) == tuple(sorted(RATES))
    assert _suspects(case.findings, case.graph, 1) != tuple(sorted(RATES))


def test_use_that_is_otherwise_puts_suspects_into_an_order_up_or_down_and_names_nobody() -> None:
    usual = dict.fromkeys(RATES, 0.2)
    case = using("process.cpu.utilization", usual, {**dict.fromkeys(RATES, 0.25), SEARCH: 0.1})
    found = UnusualClue().weigh(case)
    assert max(found, key=lambda entity: found[entity].strength) == SEARCH, "all others moved alike"
    assert all(hint.strength < 0.1 for entity, hint in found.items() if entity != SEARCH)
    assert WEIGHTS["unusual"] < DiagnoseSettings().floor
