"""What grouping has learned survives a restart, and nothing is learned twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.ops.correlate.test_correlate_goes_on import FINDINGS, SETTINGS, Chain, NoChanges, at
from tests.store.fixtures import state_in

from wellkept.ops.correlate.remembered import Remembered
from wellkept.ops.correlate.stage import TIDY_S, CorrelateRunner
from wellkept.spine.stream import Stream
from wellkept.store.state.learned import LearnedRows

LATER_S = 300 + SETTINGS.onset_s + TIDY_S


def test_what_was_learned_is_known_after_a_restart_and_learned_once(tmp_path: Path) -> None:
    state = state_in(tmp_path / "state")
    stream, kept = Stream(state, NoChanges()), LearnedRows(state, "correlate")
    first = CorrelateRunner(stream, Chain(), SETTINGS, learned=kept)
    first.tick(at(0))
    stream.publish(FINDINGS, at(300))
    first.tick(at(300))
    assert kept.load() is None, "what may still be grouped otherwise teaches nothing yet"
    first.tick(at(LATER_S))
    first.close(at(LATER_S))
    learned = kept.load()
    assert learned is not None
    assert sum(learned["tables"][0].values()) > 0

    second = CorrelateRunner(stream, Chain(), SETTINGS, learned=kept)
    for seconds in (LATER_S + 1, LATER_S + 2 * TIDY_S):
        second.tick(at(seconds))
    second.close(at(LATER_S + 2 * TIDY_S))
    assert kept.load() == learned
    state.close()


@pytest.mark.parametrize("body", [{}, {"tables": 1, "rows": [], "sums": []}, {"tables": [], "rows": [], "sums": []}])
def test_what_cannot_be_read_is_learned_anew(body: dict[str, Any]) -> None:
    class Broken:
        def load(self) -> dict[str, Any]:
            return body

        def save(self, body: object, at: object) -> None: ...

    assert Remembered(Broken()).load().is_empty
