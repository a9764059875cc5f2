"""Runs of several servers on one PostgreSQL: the one that leads next goes on with what the one before has left."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.spine.test_runs import World, two_steps
from tests.store.postgres import database

from wellkept.kernel.plan import PlanState
from wellkept.spine.audit import Audit
from wellkept.store.state.state import State


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with database() as url:
        made = World(tmp_path, State.open(url), (url, "left-1"))
        yield made
        if made.process is not None:
            made.end(signal.SIGKILL)
        made.state.close()


def test_the_next_one_goes_on_with_what_the_one_before_has_left(world: World) -> None:
    made = two_steps()
    (world.folder / "hold").touch()
    world.start()
    world.gate.propose(made)
    world.approve(made)
    world.until(lambda: world.asked == ["pln-1:0", "pln-1:1"])
    world.end(signal.SIGKILL)

    (world.folder / "hold").unlink()
    world.arguments = (world.arguments[0], "right-2")
    world.start()
    world.until_state(made, PlanState.SUCCEEDED)

    assert world.asked == ["pln-1:0", "pln-1:1", "pln-1:1"], "only what was cut off is asked again, under the same key"
    assert world.done == ["pln-1:0", "pln-1:1"]
    assert world.verbs(made).count("plan.started") == 1
    assert Audit(world.state).verify() == len(world.verbs(made))
    assert world.end(signal.SIGTERM) == 0
