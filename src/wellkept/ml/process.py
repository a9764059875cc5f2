"""Work in a process of its own: a team's code never runs in the server.

A worker module is started with a request file and a result file. It has its own process group, limits of time, memory
and threads, a lower priority, and it ends when the process that started it ends.

Memory is watched, not reserved: a limit on the address space (``RLIMIT_AS``) or on private mappings (``RLIMIT_DATA``)
counts what a library maps and never touches, and a cgroup needs rights that a platform on somebody's machine does not
have. So the resident memory of the group is looked at several times a second.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import io
import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from wellkept.kernel.errors import InputError, TrainingError
from wellkept.ml import progress
from wellkept.ml.oversight import Limits, Oversight, present

SHOWN = 2000
SAYS = "wellkept: "
REFUSED = 64
"""The exit code (``EX_USAGE``) of a worker whose project broke a rule that it could name."""
NICENESS = 5
PR_SET_PDEATHSIG = 1
LOOK_EVERY_S = 0.2
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "POLARS_MAX_THREADS",
)
"""Read by the numerical libraries when they are loaded; OpenMP's is Arrow's and LightGBM's, too."""
LIBRARIES = ("stdlib", "platstdlib", "purelib", "platlib")
"""Where code is that is not a project's, as the interpreter calls these places."""
MIB = 1 << 20
MOST_PRINTED = 256 * MIB
"""What a worker may print: logs are kept on the disk that the platform writes to."""
MARK = "TRAINING_RUN_FOLDER"
"""The variable by which whatever a worker starts can be told from other processes."""


OF_DATA = ("load(window)", "source ", "key ", "data.")
"""What broken rules begin with that are about the data."""


def run_worker(
    module: str, request: Mapping[str, Any], folder: Path, limits: float | Limits, niceness: int = NICENESS
) -> dict[str, Any]:
    """Run a worker to its end and return its result.

    Args:
        module: the module to run; it must end in :func:`serve_request`.
        request: what it is asked, as JSON values.
        folder: where the request, the result and the log are written.
        limits: what it may take; a number is seconds. A run that this thread works for has limits of its own, and a
            log that takes in the output.
        niceness: by how much it stands behind others for the processor.

    Raises:
        TrainingError: it failed, took too much or was called off; carries the end of what it printed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run, name = present(), module.rsplit(".", 2)[-2]
    bounds = _bounds(run, limits)
    asked, answer = folder / f"{name}.request.json", folder / f"{name}.result.json"
    log = run.log if run else folder / f"{name}.log"
    asked.write_text(json.dumps(request), encoding="utf-8")
    answer.unlink(missing_ok=True)
    if run is None:
        log.unlink(missing_ok=True)
    began = log.stat().st_size if log.exists() else 0
    if run is not None and run.cancelled_by is not None:
        raise TrainingError(f"{name}: was cancelled by {run.cancelled_by}", cause="cancelled")
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(asked), str(answer)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=_environment(bounds, run, folder),
            preexec_fn=functools.partial(_lowly, os.getpid(), niceness),  # noqa: PLW1509 - system calls and nothing else
        )
        try:
            stopped = _watched(process, name, bounds, run, output)
        finally:
            _end(process)
            end_leftovers(run.folder if run else folder)
    if stopped is not None:
        raise TrainingError(stopped[1], _end_of(log, began), cause=stopped[0])
    _check_code(process.returncode, name, _end_of(log, began))
    if not answer.is_file():
        raise TrainingError(f"{name}: ended without a result", _end_of(log, began))
    result: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return result


def _bounds(run: Oversight | None, limits: float | Limits) -> Limits:
    if isinstance(limits, Limits):
        return limits
    return run.limits.within(limits) if run else Limits(limits)


def _watched(
    process: subprocess.Popen[bytes], name: str, limits: Limits, run: Oversight | None, output: IO[bytes]
) -> tuple[str, str] | None:
    """Wait for the worker's end; why it has to be ended before, as a cause and a sentence, or None."""
    deadline, most = time.monotonic() + limits.time_s, os.fstat(output.fileno()).st_size + MOST_PRINTED
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, min(LOOK_EVERY_S, deadline - time.monotonic())))
            return None
        if run is not None and run.cancelled_by is not None:
            return "cancelled", f"{name}: was cancelled by {run.cancelled_by}"
        if time.monotonic() >= deadline:
            return "time", f"{name}: was not done within {limits.time_s:g} s; {_more('time_s', 'train_timeout_s')}"
        if os.fstat(output.fileno()).st_size > most:
            return (
                "code",
                f"{name}: printed more than {MOST_PRINTED // MIB} MiB; print less, or into a file of your own",
            )
        if limits.memory_mb is not None:
            used = resident_mb(process.pid)
            if used > limits.memory_mb:
                what = f"{name}: took {used:,.0f} MiB of memory, more than the {limits.memory_mb:,.0f} MiB allowed"
                return "memory", f"{what}; load fewer rows or columns, or {_more('memory_mb', 'train_memory_mb')}"


def _more(part: str, setting: str) -> str:
    return f"raise train.{part} in model.yaml (at most ml.{setting} of the configuration)"


def end_leftovers(folder: Path) -> int:
    """End what workers of a run's folder left behind; how many processes that were.

    A worker's group ends with it. What a project's code started in a session of its own does not, nor does anything
    but the worker itself when the server is killed: it would work beside the next step, or beside the run that goes on.
    """
    import psutil

    ended = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get(MARK) == str(folder):
                process.kill()
                ended += 1
    return ended


def resident_mb(leader: int) -> float:
    """The resident memory of a process and all its descendants, in MiB; shared pages of files count for each."""
    import psutil  # whoever watches needs it, a worker does not

    total = 0
    with contextlib.suppress(psutil.Error):
        first = psutil.Process(leader)
        for process in (first, *first.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
    return total / MIB


def _check_code(code: int, name: str, output: str) -> None:
    """Tell a worker's end.

    Raises:
        TrainingError: it was not the end of its work.
    """
    if code == REFUSED:
        words = output.rstrip().rpartition(SAYS)[2]
        raise TrainingError(f"{name}: {words}", cause="data" if words.startswith(OF_DATA) else "code")
    if code < 0:
        killer = signal.Signals(-code)
        hint = " (the kernel does so when the machine's memory runs out)" if killer is signal.SIGKILL else ""
        cause = "memory" if killer is signal.SIGKILL else "code"
        raise TrainingError(f"{name}: was ended by signal {killer.name}{hint}", output, cause=cause)
    if code != 0:
        is_memory = "MemoryError" in (output.rstrip().splitlines() or [""])[-1]
        raise TrainingError(f"{name}: ended with code {code}", output, cause="memory" if is_memory else "code")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process, and whatever it has started and left behind in its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def serve_request(work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """The worker's side: read the request that the command line names, work, write the result.

    A rule of ours that is broken needs no trace: what it says is the last thing that is printed. The trace of a fault
    in a project's code begins with that code: how it came to be called tells its author nothing.
    """
    asked, answer = Path(sys.argv[1]), Path(sys.argv[2])
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # somebody may be reading along
    progress.write_to(asked.with_name(progress.FILE), asked.name.partition(".")[0])
    try:
        result = work(json.loads(asked.read_text(encoding="utf-8")))
    except InputError as error:
        sys.stdout.write(f"{SAYS}{error}\n")
        sys.stdout.flush()
        os._exit(REFUSED)
    except Exception as error:  # noqa: BLE001 - the edge of the process: it is printed, and the process fails
        traceback.print_exception(type(error), error, _from_the_project_on(error))
        sys.exit(1)
    partial = answer.with_suffix(".partial")
    partial.write_text(json.dumps(result), encoding="utf-8")
    partial.replace(answer)


def _from_the_project_on(error: Exception) -> TracebackType | None:
    """The trace of an error, from the first line that is neither ours nor a library's; all of it without one."""
    libraries = {Path(sysconfig.get_path(name)) for name in LIBRARIES} | {Path(__file__).parents[1]}
    step = error.__traceback__
    while step is not None:
        file = Path(step.tb_frame.f_code.co_filename)
        if file.is_absolute() and not any(file.is_relative_to(folder) for folder in libraries):
            return step
        step = step.tb_next
    return error.__traceback__


def _environment(limits: Limits, run: Oversight | None, folder: Path) -> dict[str, str]:
    """Ours, with the limit on threads, and with the seed of hashes: the order of a set is chance otherwise.

    Whatever the worker starts has it, too, and can be told by it.
    """
    threads = {} if limits.threads is None else dict.fromkeys(THREAD_VARIABLES, str(limits.threads))
    of_run = {MARK: str(folder)} if run is None else {"PYTHONHASHSEED": str(run.seed), MARK: str(run.folder)}
    return {**os.environ, **threads, **of_run}


def die_with_parent() -> None:
    """Have the kernel end this process when the one that started it ends (on Linux; a fork forgets it)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _lowly(parent: int, niceness: int) -> None:
    os.nice(niceness)
    if sys.platform == "linux":
        die_with_parent()
        if os.getppid() != parent:  # It ended before the kernel knew that we want to be told.
            os._exit(1)


def _end_of(log: Path, began: int) -> str:
    """The last characters of what was written to a log since it had ``began`` bytes, however long it is."""
    with log.open("rb") as file:
        file.seek(max(began, log.stat().st_size - 4 * SHOWN))
        return file.read().decode("utf-8", errors="replace")[-SHOWN:]
