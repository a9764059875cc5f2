"""Durable runs: what was decided is done once, also when the process dies half way.

Each approved plan is one workflow of DBOS whose id is the plan's id, so starting it twice is starting it once. Each
action is a step, and the verification is the last one; a step that finished is never run again. A step that was cut
off is run again under the same key, and handlers answer a known key from their journal.

Where several servers share a store, the one that leads runs the plans. It is another executor for every term, and takes
over what executors of former terms have left; what one of those still does finds that the run is not its own any more.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from dbos import DBOS, DBOSConfig, SetWorkflowID

from wellkept.spine.action import Interrupted

T = TypeVar("T")
Step = Callable[[str, int], dict[str, Any]]
Settle = Callable[[str], bool]

log = logging.getLogger(__name__)

LOG_LEVEL = "ERROR"
"""DBOS warns when a run that it recovers is started again, which is what we do on purpose."""
LOOK_EVERY_S = 1.0
LONGEST_PAUSE_S = 30.0
ONLY = "local"
"""The executor of a run store that nobody else uses."""
CONNECTIONS = 10
THREADS = 64
"""Runs at a time: each holds a thread for as long as its actions and its verification take, mostly waiting."""


class Runs:
    """Runs plans durably. One at a time in a process, as DBOS is."""

    def __init__(
        self,
        where: Path | str,
        *,
        step: Step,
        settle: Settle,
        look_every_s: float = LOOK_EVERY_S,
        executor: str = ONLY,
    ) -> None:
        """Prepare the executor; :meth:`launch` starts it.

        Args:
            where: the folder in which the run store (SQLite) lies, or the URL of a PostgreSQL.
            step: runs action ``index`` of a plan and returns a plain result with ``ok``.
            settle: one look at the verification of a plan; True when it is settled either way (also when an action
                failed).
            look_every_s: seconds between two looks.
            executor: another name for every executor that may share the run store.
        """
        self._stopping = threading.Event()
        self._look_every_s, self._executor = look_every_s, executor
        config: DBOSConfig = {
            "name": "wellkept",
            "system_database_url": where if isinstance(where, str) else _file(where),
            "sys_db_pool_size": CONNECTIONS,
            "executor_id": executor,
            "application_version": "1",
            "log_level": LOG_LEVEL,
            "max_executor_threads": THREADS,
        }
        logging.getLogger("dbos").setLevel(LOG_LEVEL)
        DBOS(config=config)

        @DBOS.step(name="act")
        def act(plan: str, index: int) -> dict[str, Any]:
            return self._until_it_works(lambda: step(plan, index), f"action {index} of plan {plan}")

        @DBOS.step(name="verify")
        def verify(plan: str) -> bool:
            while not self._until_it_works(lambda: settle(plan), f"verification of plan {plan}"):
                self._pause(self._look_every_s)
            return True

        @DBOS.workflow(name="run_plan", max_recovery_attempts=None)
        def run_plan(plan: str, actions: int) -> None:
            for index in range(actions):
                if not act(plan, index)["ok"]:
                    break
            verify(plan)

        self._run_plan = run_plan

    def launch(self) -> None:
        """Start the executor; unfinished runs go on where they were."""
        DBOS.launch()
        self.adopt()

    def adopt(self) -> int:
        """Go on with what other executors have left; only for the one that leads. Gives how many runs those are."""
        if self._executor == ONLY:
            return 0
        pending = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        others = {run.executor_id for run in pending if run.executor_id} - {self._executor}
        return len(DBOS._recover_pending_workflows(sorted(others))) if others else 0  # noqa: SLF001 - DBOS has no other

    def start(self, plan: str, actions: int) -> None:
        """Start the run of a plan; when there is one already, nothing happens."""
        with SetWorkflowID(plan):
            DBOS.start_workflow(self._run_plan, plan, actions)

    def close(self) -> None:
        """Stop here; what is under way goes on at the next start."""
        self._stopping.set()
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=0)

    def _until_it_works(self, call: Callable[[], T], what: str) -> T:
        """What a call returns, tried again while it raises: a run must outlive a store that is away for a while.

        This is the edge of the runs: an error recorded for a step would end its run for good, with its plan half way.
        """
        pause_s = self._look_every_s
        while True:
            try:
                return call()
            except Exception:
                log.exception("%s could not go on; trying again in %g s", what, pause_s)
            self._pause(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _pause(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise Interrupted


def _file(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder.resolve() / 'runs.sqlite'}"
