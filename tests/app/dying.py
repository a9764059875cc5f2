"""A platform that is killed over a training: just before, or just after, it notes what a step came to."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.ml.workshop import Workshop

from wellkept.app import training
from wellkept.spine.journal import Journal


def main(folder: Path, phase: str, when: str) -> None:
    """Go on with the run ``pln-1:0`` until the kill."""
    write = Journal._write

    def dying(self: Any, name: str, *rest: Any) -> None:
        if (name, when) == (phase, "before"):
            os.kill(os.getpid(), signal.SIGKILL)
        write(self, name, *rest)
        if (name, when) == (phase, "after"):
            os.kill(os.getpid(), signal.SIGKILL)

    training.MOST_ATTEMPTS = 99
    Journal._write = dying  # type: ignore[method-assign, assignment]
    Workshop(folder).train()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
