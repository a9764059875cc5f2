"""The server multiplies matrices on one thread: a process that is started meanwhile stops no product."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

PATIENCE_S = 120.0
SERVER = """
    from click.testing import CliRunner
    from wellkept.cli.up import command

    CliRunner().invoke(command, ["--config", "there-is-none.yaml"])
"""
"""All that `wellkept up` does before it reads its configuration."""


LOOK = """
    import json, os, sys
    import threadpoolctl

    print(json.dumps(sorted({"pandas", "scipy"} & set(sys.modules))))
    import scipy.linalg

    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["internal_api"] == "openblas"]
    left = os.environ.get("OPENBLAS_NUM_THREADS")
    print(json.dumps({"threads": [pool["num_threads"] for pool in pools], "left": left}), flush=True)
"""
MULTIPLY = """
    import os, subprocess, threading, time
    import numpy

    left, done = numpy.ones((200, 1000)), 0

    def multiply():
        global done
        while True:
            left @ left.T
            done += 1

    threading.Thread(target=multiply, daemon=True).start()
    for _ in range(50):
        subprocess.Popen(["/bin/true"], preexec_fn=lambda: None).wait()
    before, end = done, time.monotonic() + 30
    while done == before and time.monotonic() < end:
        time.sleep(0.01)
    print("goes on" if done > before else "hangs", flush=True)
    os._exit(0)
"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a fresh Python prints: libraries read how many threads they may have once, when they are loaded."""
    found = subprocess.run(
        [sys.executable, "-c", "".join(textwrap.dedent(code) for code in (SERVER, LOOK, MULTIPLY))],
        cwd=tmp_path_factory.mktemp("algebra"), capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    return found.stdout.splitlines()


def test_every_library_of_the_server_has_one_thread_and_its_children_as_many_as_they_like(printed: list[str]) -> None:
    found = json.loads(printed[1])
    assert found["left"] is None
    assert found["threads"]
    assert set(found["threads"]) == {1}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the fault is one of forks on Linux")
def test_products_go_on_while_processes_are_started(printed: list[str]) -> None:
    assert printed[2:] == ["goes on"]


def test_what_no_server_needs_is_not_loaded_at_its_start(printed: list[str]) -> None:
    assert json.loads(printed[0]) == []
