"""What the processes beside the server load: each of them pays for it at its start, and in memory."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["train.worker", "train.external", "serve.server"])
def test_no_process_of_a_model_loads_the_engine_of_telemetry(module: str) -> None:
    """It also keeps a process from being ended by a crash: its handlers of signals come with it."""
    code = f"import sys, wellkept.ml.{module}; print('chdb' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
