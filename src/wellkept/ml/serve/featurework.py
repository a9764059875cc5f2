"""A project's ``features`` at serving: a process for each version, so that no team's code runs in the server.

The process has no token and no descriptor of ours. It is asked over its pipes: a header of two integers (rows, inputs),
then the rows as float64; it answers the same way. A text in place of rows (columns 0) says what went wrong.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

import numpy as np

from wellkept.kernel.errors import InputError, WellkeptError
from wellkept.ml.features import FILE, Features
from wellkept.ml.runtime import Matrix

HEADER = struct.Struct("<qq")
PATIENCE_S = 10.0
SHOWN = 500


class FeatureProcess:
    """Asks the process of one version; a process that has ended or hangs is replaced by a new one, once a request."""

    def __init__(self, folder: Path, inputs: list[str], columns: list[str]) -> None:
        self._command = [sys.executable, "-m", __name__, str(folder), json.dumps([inputs, columns])]
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def matrix(self, rows: Matrix) -> Matrix:
        """float64[n, inputs] to float64[n, columns].

        Raises:
            WellkeptError: the project's code failed; nothing is answered in its place.
        """
        with self._lock:
            process = self._running()
            timer = threading.Timer(PATIENCE_S, process.kill)
            timer.start()
            try:
                assert process.stdin is not None
                assert process.stdout is not None
                _send(process.stdin, rows)
                found: Matrix = _receive(process.stdout)
                return found
            except (OSError, EOFError) as error:
                self.close()
                raise WellkeptError(f"features(frame): its process ended or took over {PATIENCE_S:g} s") from error
            finally:
                timer.cancel()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):
                    if pipe is not None:
                        pipe.close()
            self._process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            plain = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**plain, "OMP_NUM_THREADS": "1"}
            )
        return self._process

    def __del__(self) -> None:
        """A version that is not served any more needs no process."""
        self.close()


def serve(folder: Path, inputs: list[str], columns: list[str], asked: IO[bytes], answer: IO[bytes]) -> None:
    """The process's side: until there is nothing more to read. What the code prints goes elsewhere."""
    features: Features | None = None
    while True:
        try:
            rows = _receive(asked)
        except EOFError:
            return
        try:
            features = features or Features(folder / FILE, inputs, columns)
            _send(answer, features.matrix(rows))
        except Exception as error:  # noqa: BLE001 - the edge of a team's code: what it raised is the answer
            _fail(answer, str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}")


def _send(pipe: IO[bytes], rows: Matrix) -> None:
    pipe.write(HEADER.pack(*rows.shape) + np.ascontiguousarray(rows, dtype="<f8").tobytes())
    pipe.flush()


def _fail(pipe: IO[bytes], words: str) -> None:
    said = words[:SHOWN].encode()
    pipe.write(HEADER.pack(len(said), 0) + said)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    count, width = HEADER.unpack(_exactly(pipe, HEADER.size))
    if width == 0:
        raise WellkeptError(f"the features failed: {_exactly(pipe, count).decode(errors='replace')}")
    data = _exactly(pipe, count * width * 8)
    return np.frombuffer(data, dtype="<f8").reshape(count, width).astype(np.float64)


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) != size:
        raise EOFError
    return data


if __name__ == "__main__":
    own = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    of_inputs, of_columns = json.loads(sys.argv[2])
    serve(Path(sys.argv[1]), of_inputs, of_columns, sys.stdin.buffer, own)
