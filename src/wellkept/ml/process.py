"""Work in a process of its own: a team's code never runs in the server.

A worker module is started with a request file and a result file. It has its own process group, a time limit, a lower
priority, and it ends when the process that started it ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wellkept.kernel.errors import InputError, TrainingError

SHOWN = 2000
SAYS = "wellkept: "
REFUSED = 64
"""The exit code (``EX_USAGE``) of a worker whose project broke a rule that it could name."""
NICENESS = 5
PR_SET_PDEATHSIG = 1


def run_worker(module: str, request: Mapping[str, Any], folder: Path, timeout_s: float) -> dict[str, Any]:
    """Run a worker to its end and return its result.

    Args:
        module: the module to run; it must end in :func:`serve_request`.
        request: what it is asked, as JSON values.
        folder: where the request, the result and the log are written.
        timeout_s: after this it is ended.

    Raises:
        TrainingError: it failed or took too long; carries the end of what it printed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = module.rsplit(".", 2)[-2]
    asked, answer, log = folder / f"{name}.request.json", folder / f"{name}.result.json", folder / f"{name}.log"
    asked.write_text(json.dumps(request), encoding="utf-8")
    answer.unlink(missing_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(asked), str(answer)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=functools.partial(_lowly, os.getpid()),  # noqa: PLW1509 - system calls and nothing else
        )
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise TrainingError(f"{name}: was not done within {timeout_s:g} s", _end_of(log)) from error
        finally:
            _end(process)
    if code == REFUSED:
        raise TrainingError(f"{name}: {_end_of(log).rstrip().rpartition(SAYS)[2]}")
    if code < 0:
        raise TrainingError(f"{name}: was ended by signal {signal.Signals(-code).name}", _end_of(log))
    if code != 0:
        raise TrainingError(f"{name}: ended with code {code}", _end_of(log))
    if not answer.is_file():
        raise TrainingError(f"{name}: ended without a result", _end_of(log))
    result: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return result


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process, and whatever it has started and left behind in its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def serve_request(work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """The worker's side: read the request that the command line names, work, write the result.

    A rule of ours that is broken needs no trace: what it says is the last thing that is printed.
    """
    asked, answer = Path(sys.argv[1]), Path(sys.argv[2])
    try:
        result = work(json.loads(asked.read_text(encoding="utf-8")))
    except InputError as error:
        sys.stdout.write(f"{SAYS}{error}\n")
        sys.stdout.flush()
        os._exit(REFUSED)
    partial = answer.with_suffix(".partial")
    partial.write_text(json.dumps(result), encoding="utf-8")
    partial.replace(answer)


def _lowly(parent: int) -> None:
    os.nice(NICENESS)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # It ended before the kernel knew that we want to be told.
            os._exit(1)


def _end_of(log: Path) -> str:
    """The last characters of a log, however long it is."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4 * SHOWN))
        return file.read().decode("utf-8", errors="replace")[-SHOWN:]
