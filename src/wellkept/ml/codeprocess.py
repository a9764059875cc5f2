"""The code that a version brings along, in a process of its own: none of it runs in the server.

That code is a project's ``features``, and objects of the project's own classes. The process has no token and no
descriptor of ours. It is asked over its pipes: a header of two integers (rows, inputs), then the rows as float64; it
answers the same way, and once unasked, without rows, when it has started. A text in place of rows (columns 0) says what
went wrong.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from wellkept.kernel.errors import InputError, WellkeptError
from wellkept.ml.features import Features, WithFeatures
from wellkept.ml.owncode import ObjectScorer, code_file
from wellkept.ml.runtime import FILES, OWN, Matrix, Scorer, Scores, named_of, scorer_of

HEADER = struct.Struct("<qq")
SHOWN = 500
START_S = 60.0
"""What a process may take to start: where the machine is busy, loading its libraries alone takes many seconds."""


def scorer_with_code(
    folder: Path, manifest: Mapping[str, Any], read: Callable[[str], bytes], patience_s: float | None = None
) -> Scorer:
    """The scorer of a version whose files lie in a folder, the code that it brings along in a process of its own.

    Args:
        folder: where the version's files lie, all of them if it brings code along.
        manifest: what the version says of itself.
        read: gives the bytes of a file.
        patience_s: for how long the code may take over one request (to start, a minute at least); None is for ever.
    """
    if manifest["format"] == OWN:
        return _ObjectProcess(CodeProcess(folder, patience_s))
    scorer = scorer_of(manifest, read)
    return WithFeatures(CodeProcess(folder, patience_s), scorer) if manifest.get("columns") else scorer


def load_scorer(folder: Path) -> tuple[Scorer, dict[str, Any]]:
    """The scorer of the version in a folder as a model server has it, and its manifest.

    Raises:
        InputError: the manifest names a format that is not known.
    """
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return scorer_with_code(folder, manifest, lambda name: (folder / name).read_bytes()), manifest


def brings_code(manifest: Mapping[str, Any]) -> bool:
    """Whether a version cannot be scored by without running its team's code."""
    return manifest["format"] == OWN or bool(manifest.get("columns"))


class CodeProcess:
    """Asks the process of one version; a process that has ended or hangs is replaced by a new one, once a request."""

    def __init__(self, folder: Path, patience_s: float | None) -> None:
        self._command, self._patience_s = [sys.executable, "-m", __name__, str(folder)], patience_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def matrix(self, rows: Matrix) -> Matrix:
        """float64[n, inputs] to what the code makes of them, float64[n, columns]; of an object, to float64[n, 1].

        Raises:
            WellkeptError: the project's code failed; nothing is answered in its place.
        """
        with self._lock:
            return self._answer(self._running(), self._patience_s, rows)

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
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.close()
        plain = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
        self._process = started = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**plain, "OMP_NUM_THREADS": "1"}
        )
        try:
            self._answer(started, self._patience_s and max(self._patience_s, START_S))
        except WellkeptError:
            self.close()
            raise
        return started

    def _answer(self, process: subprocess.Popen[bytes], patience_s: float | None, rows: Matrix | None = None) -> Matrix:
        """What a process says to rows, or (without any) when it has started."""
        was_late = threading.Event()

        def give_up() -> None:
            was_late.set()
            process.kill()

        timer = threading.Timer(patience_s, give_up) if patience_s else None
        if timer is not None:
            timer.start()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            if rows is not None:
                _send(process.stdin, rows)
            found: Matrix = _receive(process.stdout)
            return found
        except (OSError, EOFError) as error:
            self.close()
            over = "to start" if rows is None else "over one request"
            why = f"took over {patience_s:g} s {over}" if was_late.is_set() else "ended"
            raise WellkeptError(f"the version's own code: its process {why}") from error
        finally:
            if timer is not None:
                timer.cancel()

    def __del__(self) -> None:
        """A version that is not served any more needs no process."""
        self.close()


class _ObjectProcess:
    """The scores of an object in a process."""

    def __init__(self, process: CodeProcess) -> None:
        self._process = process

    def score(self, rows: Matrix) -> Scores:
        return self._process.matrix(rows)[:, 0]


def serve(folder: Path, asked: IO[bytes], answer: IO[bytes]) -> None:
    """The process's side: until there is nothing more to read. What the code prints goes elsewhere."""
    try:
        made = _code_of(folder)
    except Exception as error:  # noqa: BLE001 - the edge of a team's code: what it raised is the answer
        return _fail(answer, error)
    _send(answer, np.empty((0, 1)))
    while True:
        try:
            rows = _receive(asked)
        except EOFError:
            return None
        try:
            _send(answer, made(rows))
        except Exception as error:  # noqa: BLE001 - the same edge
            _fail(answer, error)


def _code_of(folder: Path) -> Callable[[Matrix], Matrix]:
    """What the code in a version's folder makes of rows: the model's columns, or an object's scores as one column."""
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    columns = manifest.get("columns")
    known = manifest.get("categories", {})
    features = Features(code_file(folder), manifest["inputs"], columns, known) if columns else None
    if manifest["format"] != OWN:
        assert features is not None
        return features.matrix
    scorer: Scorer = ObjectScorer((folder / FILES[OWN]).read_bytes(), folder, named_of(manifest))
    if features is not None:
        scorer = WithFeatures(features, scorer)
    return lambda rows: scorer.score(rows)[:, None]


def _send(pipe: IO[bytes], rows: Matrix) -> None:
    pipe.write(HEADER.pack(*rows.shape) + np.ascontiguousarray(rows, dtype="<f8").tobytes())
    pipe.flush()


def _fail(pipe: IO[bytes], error: Exception) -> None:
    words = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
    said = words[:SHOWN].encode()
    pipe.write(HEADER.pack(len(said), 0) + said)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    count, width = HEADER.unpack(_exactly(pipe, HEADER.size))
    if width == 0:
        raise WellkeptError(f"the version's own code failed: {_exactly(pipe, count).decode(errors='replace')}")
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
    sys.dont_write_bytecode = True  # the folder is an artifact, whose files are what they are
    serve(Path(sys.argv[1]), sys.stdin.buffer, own)
