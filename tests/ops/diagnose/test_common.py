"""Hosts and disks under several services: they explain what those suffer, unless one of those is the reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ops.diagnose.test_diagnosis import CLUES, NOW, ONSET, SERVICES, STEPS, Trouble, case, judged, said

from wellkept.checks.scenes import CHECKOUT, DISK, HOST, LEDGER, shop
from wellkept.kernel.diagnosis import Fault, Reason
from wellkept.kernel.finding import FindingKind
from wellkept.ops.diagnose.base import Case, DiagnoseSettings
from wellkept.ops.diagnose.clues.errors import ErrorsClue
from wellkept.ops.diagnose.clues.forecast import ForecastClue
from wellkept.ops.diagnose.clues.headroom import HeadroomClue
from wellkept.ops.diagnose.common import _sick, less, users_of
from wellkept.ops.diagnose.learn import _ranked
from wellkept.ops.diagnose.rank import rank
from wellkept.ops.diagnose.stage import DiagnoseRunner, _suspects
from wellkept.store.telemetry.window import SeriesInfo, Window

FELT = (said(CHECKOUT),)


def with_disk(trouble: Trouble, used: float) -> Case:
    """A case in which a disk of the host goes from a tenth of its bytes used to another share."""
    known = case(trouble)
    share = np.where(np.arange(STEPS) >= ONSET, used, 0.1)
    columns, series = [known.metrics.values], list(known.metrics.series)
    for number, (state, values) in enumerate((("used", share), ("free", 1.0 - share))):
        columns.append(1e9 * values[:, None])
        attributes = {"system.filesystem.state": state}
        series.append(SeriesInfo(9000 + number, "system.filesystem.usage", "By", "gauge", DISK, attributes))
    metrics = Window(known.metrics.times, np.concatenate(columns, axis=1), tuple(series))
    return replace(known, metrics=metrics, suspects=tuple(sorted({*known.suspects, DISK})))


def ranked(known: Case) -> dict[str, tuple[Fault, float]]:
    clues = (HeadroomClue(), ErrorsClue(), ForecastClue())
    return {cause.entity: (cause.fault, cause.confidence) for cause in rank(known, clues, DiagnoseSettings())}


def test_a_host_that_is_used_up_explains_that_all_on_it_work_slower() -> None:
    found = judged(Trouble(cpu={HOST: 0.995}, own=dict.fromkeys(SERVICES, 0.08), findings=FELT))
    assert found.best is not None
    assert (found.best.entity, found.best.fault) == (HOST, Fault.CPU)


def test_a_busy_host_whose_services_work_as_fast_as_ever_is_innocent() -> None:
    found = judged(Trouble(cpu={HOST: 0.995}, findings=FELT))
    assert HOST not in {cause.entity for cause in found.causes}


def test_a_service_that_used_up_its_host_is_the_cause() -> None:
    greedy = Trouble(cpu={HOST: 0.995, LEDGER: 0.97}, own=dict.fromkeys(SERVICES, 0.08), findings=FELT)
    found = judged(greedy)
    assert found.best is not None
    assert (found.best.entity, found.best.fault) == (LEDGER, Fault.CPU)


def test_a_full_disk_explains_that_a_service_of_its_host_fails() -> None:
    failing = Trouble(errors={LEDGER: 10.0}, findings=(said(LEDGER, "span.errors"),))
    full, roomy = ranked(with_disk(failing, 1.0)), ranked(with_disk(failing, 0.12))
    assert next(iter(full)) == DISK
    assert full[DISK][0] is Fault.DISK
    assert full[LEDGER][1] < 0.5 * roomy[LEDGER][1], "what the disk explains is not held against the service"
    assert next(iter(roomy)) == LEDGER


def test_a_full_disk_that_hurts_nobody_is_no_cause_unless_it_is_a_finding_itself() -> None:
    quiet = Trouble(findings=FELT)
    assert ranked(with_disk(quiet, 1.0)).get(DISK, (Fault.DISK, 0.0))[1] < DiagnoseSettings().floor
    ahead = replace(quiet, findings=(*FELT, said(DISK, "system.filesystem.usage", kind=FindingKind.FORECAST)))
    assert ranked(with_disk(ahead, 1.0))[DISK][1] > 0.8


def test_the_disks_of_the_hosts_of_suspects_are_suspects() -> None:
    graph = shop()
    assert DISK in _suspects(FELT, graph, 6)
    assert users_of(case(Trouble(findings=FELT)), HOST) == set(SERVICES) == users_of(case(Trouble()), DISK)


@pytest.mark.parametrize("slower", [{}, dict.fromkeys(SERVICES, 0.08)])
def test_learning_sees_what_the_ranking_sees(monkeypatch: pytest.MonkeyPatch, slower: dict[str, float]) -> None:
    known = case(Trouble(cpu={HOST: 0.995}, own=slower, findings=FELT))
    none: Any = None
    runner = DiagnoseRunner(none, none, none, CLUES)
    monkeypatch.setattr(runner, "case", lambda *_: known)
    evidence = runner.evidence(known.incident, NOW)
    names, sure = _ranked(evidence, DiagnoseSettings().weights)
    told = {cause.entity: cause.confidence for cause in rank(known, CLUES, DiagnoseSettings())}
    assert dict(zip(names, sure, strict=True)) == pytest.approx(told, abs=1e-4)
    assert all(0.0 <= value <= 1.0 for kinds in evidence.values() for value in kinds.values())


reasons = st.lists(
    st.builds(
        Reason,
        st.sampled_from(["errors", "mass", "exclusive", "headroom", "change"]),
        st.floats(0.0, 0.95),
        st.just(""),
    ),
    max_size=5,
)


@given(reasons, st.floats(0.0, 0.9))
def test_as_much_is_taken_off_as_is_explained_and_a_services_own_use_is_its_own(
    said: list[Reason], explained: float
) -> None:
    left = less(said, explained)
    assert _sick(left) == pytest.approx((1.0 - explained) * _sick(said), abs=1e-4)
    assert all(after.strength <= before.strength + 1e-6 for before, after in zip(said, left, strict=True))
    for before, after in zip(said, left, strict=True):
        if before.kind in ("headroom", "change"):
            assert after == before
