"""Keeps one ``mlflow server`` for as long as the process that started this one lives.

It is run as a file by the interpreter of MLflow's own environment, so it needs the standard library alone. What MLflow
starts are processes of its own, which would outlive a server that was killed; so they are one group, and end with it.

Arguments: the Unix socket to listen on, the folder of its data.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

QUIET = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "PYTHONWARNINGS": "ignore",
}
GRACE_S = 4.0
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def command(socket: str, data: Path) -> list[str]:
    """The server's command line: SQLite and files below ``data``, and no port."""
    return [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "localhost", "--port", "1"),
        *("--uvicorn-opts", f"--uds {socket} --log-level warning"),
        *("--backend-store-uri", f"sqlite:///{data / 'mlflow.sqlite'}"),
        *("--artifacts-destination", str(data / "artifacts")),
    ]


def main(socket: str, folder: str) -> int:
    """Run the server to its end, or until this process is told to stop; its exit code."""
    data = Path(folder)
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    process = subprocess.Popen(
        command(socket, data), env={**os.environ, **QUIET}, stdin=subprocess.DEVNULL, start_new_session=True
    )

    def end(_signal: int, _frame: FrameType | None) -> None:
        for one in ENDING:  # the kernel tells of a parent's death once for each of its threads
            signal.signal(one, signal.SIG_IGN)
        raise SystemExit(0)

    for one in ENDING:
        signal.signal(one, end)
    try:
        code = process.wait()
    except SystemExit:
        _end(process)
        shutil.rmtree(Path(socket).parent, ignore_errors=True)  # who made it may have been killed
        raise
    _end(process)
    return code


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ask the whole group to end; after the grace, end it."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
