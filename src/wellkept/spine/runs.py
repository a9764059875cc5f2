"""Durable runs: what was decided is done once, also when the process dies half way.

Each approved plan is one workflow of DBOS whose id is the plan's id, so starting it twice is starting it once. Each
action is a step; a step that finished is never run again. A step that was cut off is run again under the same key,
and handlers answer a known key from their journal.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSConfig, SetWorkflowID

Step = Callable[[str, int], dict[str, Any]]
Settle = Callable[[str], bool]

LOOK_EVERY_S = 1.0


class Runs:
    """Runs plans durably. One per process, as DBOS is."""

    def __init__(self, folder: Path, *, step: Step, settle: Settle) -> None:
        """Prepare the executor; :meth:`launch` starts it.

        Args:
            folder: where the run store (SQLite) lies.
            step: runs action ``index`` of a plan and returns a plain result with ``ok``.
            settle: one look at the verification of a plan; True when it is settled either way (also when an action failed).
        """
        folder.mkdir(parents=True, exist_ok=True)
        config: DBOSConfig = {
            "name": "wellkept",
            "system_database_url": f"sqlite:///{folder.resolve() / 'runs.sqlite'}",
            "application_version": "1",
            "log_level": "WARNING",
        }
        logging.getLogger("dbos").setLevel(logging.WARNING)
        DBOS(config=config)

        @DBOS.step(name="act")
        def act(plan: str, index: int) -> dict[str, Any]:
            return step(plan, index)

        @DBOS.step(name="look")
        def look(plan: str) -> bool:
            return settle(plan)

        @DBOS.workflow(name="run_plan")
        def run_plan(plan: str, actions: int) -> None:
            for index in range(actions):
                if not act(plan, index)["ok"]:
                    break
            while not look(plan):
                DBOS.sleep(LOOK_EVERY_S)

        self._run_plan = run_plan

    def launch(self) -> None:
        """Start the executor; unfinished runs go on where they were."""
        DBOS.launch()

    def start(self, plan: str, actions: int) -> None:
        """Start the run of a plan; when there is one already, nothing happens."""
        with SetWorkflowID(plan):
            DBOS.start_workflow(self._run_plan, plan, actions)

    def close(self) -> None:
        DBOS.destroy(workflow_completion_timeout_sec=0)
