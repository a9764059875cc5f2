"""The stages' declarations make one graph: nothing is consumed that nobody emits, and both loops close."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from tools.stages import stages

from wellkept.kernel.stage import Message, Stage

ROOT = Path(__file__).parent.parent / "src" / "wellkept"
STAGES = stages()
LAST = frozenset({Message.AUDIT})
"""What ends here: it is for people."""


SHARED = frozenset({"ml.drift", "ml.estimate"})
"""Pure mathematics that several stages share; it knows none of them (import-linter sees to that)."""


def folders() -> set[str]:
    """The stages that the layout promises: each folder of a loop is one, but for what they share."""
    found = {
        f"{loop}.{folder.name}"
        for loop in ("ops", "ml")
        for folder in (ROOT / loop).iterdir()
        if (folder / "__init__.py").exists()
    }
    return found - SHARED


def test_every_folder_of_a_loop_declares_itself_and_nothing_else_does() -> None:
    assert {stage.name for stage in STAGES} == folders() | {"spine.gate"}


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_what_a_stage_consumes_is_emitted_by_another(stage: Stage) -> None:
    emitted = {message for other in STAGES if other is not stage for message in other.emits}
    assert stage.consumes - emitted - {Message.OUTSIDE} == set()


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_what_a_stage_emits_is_consumed_by_another(stage: Stage) -> None:
    consumed = {message for other in STAGES if other is not stage for message in other.consumes}
    assert stage.emits - consumed - LAST == set()


def test_every_message_travels() -> None:
    assert {message for stage in STAGES for message in (*stage.consumes, *stage.emits)} == set(Message)


def test_both_loops_are_joined_from_the_outside_to_the_gate_and_back() -> None:
    after: dict[str, set[str]] = defaultdict(set)
    for source in STAGES:
        after[source.name] = {target.name for target in STAGES if source.emits & target.consumes}
    assert _reach(after, "ops.ingest") >= folders() - {"ops.ingest"}
    assert "spine.gate" in _reach(after, "ops.detect") & _reach(after, "ml.watch")
    assert _reach(after, "spine.gate") & {"ml.data", "ops.correlate"}


def _reach(after: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    frontier = [start]
    while frontier:
        found = after[frontier.pop()] - seen
        seen |= found
        frontier += sorted(found)
    return seen
