"""Processes that belong to the server: its own agent and the model server. They end when it ends, however it ends."""

from __future__ import annotations

import ctypes
import functools
import logging
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from wellkept.kernel.redact import redact

log = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
KEEPER = "child-"
"""How the names of the threads that start children begin."""
READ, LONGEST_LINE = 65_536, 400
"""Bytes of what a process wrote that are read, and how much of its last line is shown: a secret is known by what stands
before it, so lines are masked while they are whole."""
STEADY_S = 30.0
"""A process that lived this long is taken for sound: the next pause is a short one again."""


class Child:
    """One process, started again when it ends by itself, with growing pauses."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        output: Path,
        program: str = "",
    ) -> None:
        """``program``: what is started; this interpreter where nothing is said."""
        self._program = program
        self.name, self._arguments, self._environment, self._output = name, arguments, environment, output
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped, self._lock = threading.Event(), threading.Lock()
        self._began_at = self._failing_since = math.inf
        self._how = ""
        # The kernel sends the death signal when the *thread* that forked ends, so one thread lives as long as we do.
        self._keeper = threading.Thread(target=self._keep, name=f"{KEEPER}{name}", daemon=True)

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def failing(self) -> tuple[float, str]:
        """For how many seconds it has ended again and again, and how it did so last; zero where it is sound."""
        now = time.monotonic()
        if now - self._began_at > STEADY_S and self.pid is not None:
            return 0.0, ""
        return max(0.0, now - self._failing_since), f"{self._how}; see {self._output}"

    def start(self) -> None:
        self._keeper.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Ask the process to end; after the time-out, end it."""
        with self._lock:
            self._stopped.set()
            process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
        if self._keeper.is_alive():
            self._keeper.join(timeout_s)

    def _keep(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stopped.is_set():
            began = self._began_at = time.monotonic()
            try:
                how = self._live()
            except OSError as error:
                how = f"cannot be started: {error.strerror}"
            if self._stopped.is_set():
                return
            was_sound, self._how = time.monotonic() - began > STEADY_S, how
            pause_s = FIRST_PAUSE_S if was_sound else min(pause_s * 2, LONGEST_PAUSE_S)
            self._failing_since = time.monotonic() if was_sound else min(self._failing_since, began)
            log.warning("%s %s; it starts again in %.0f s (%s)", self.name, how, pause_s, self._output)
            self._stopped.wait(pause_s)

    def _live(self) -> str:
        """Start the process unless this child was stopped meanwhile, and wait; says how it ended."""
        with self._lock:
            if self._stopped.is_set():
                return "was stopped"
            with self._output.open("ab") as output:
                self._process = subprocess.Popen(
                    [self._program or sys.executable, *self._arguments],
                    env=dict(self._environment),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    preexec_fn=functools.partial(_die_with, os.getpid()),  # noqa: PLW1509 - two system calls alone
                )
        code, said = self._process.wait(), _last_line(self._output)
        return f"ended with code {code}" + (f" ({said})" if code and said else "")


def _last_line(output: Path) -> str:
    """The last line that a process has written, for people; its secrets masked."""
    with output.open("rb") as file:
        file.seek(max(0, output.stat().st_size - READ))
        lines = file.read().decode(errors="replace").splitlines()
    return redact(lines[-1].strip())[-LONGEST_LINE:] if lines else ""


def _die_with(parent: int) -> None:
    """Have the kernel end this process when its parent ends (Linux; elsewhere the parent's own clean-up must do)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # It ended before the kernel knew that we want to be told.
            os._exit(1)
