"""A worker that behaves as a test asks it to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

from wellkept.kernel.errors import InputError
from wellkept.ml.process import THREAD_VARIABLES, serve_request
from wellkept.ml.progress import progress


def work(request: dict[str, Any]) -> dict[str, Any]:
    match request["do"]:
        case "add":
            return {"sum": request["a"] + request["b"], "nice": os.nice(0), "group": os.getpgid(0)}
        case "raise":
            raise ValueError("no such column: amount")
        case "refuse":
            print("x" * 5000)
            raise InputError("load(window)", "must return a frame", "list")
        case "talk":
            for number in range(200_000):
                print(f"line {number}")
            raise ValueError("after much talk")
        case "hang":
            print("step 1 of 2", flush=True)
            time.sleep(600)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "leave" | "leave alone":
            code = [sys.executable, "-c", "import time; time.sleep(600)"]
            child = subprocess.Popen(code, start_new_session=request["do"] == "leave alone")
            return {"child": child.pid}
        case "swell":
            swell()
        case "have swollen":
            subprocess.run([sys.executable, "-c", "from tests.ml.probes.worker import swell; swell()"], check=True)
        case "threads":
            return {name: os.environ[name] for name in THREAD_VARIABLES}
        case "say":
            print("hello")
            for step in (1, 2, 3):
                progress(step, 3, "round", loss=0.5)
            return {"hash": hash("a")}
        case "quit":
            os._exit(0)
    return {}


def swell() -> None:
    """Take memory, and hold it."""
    held = bytearray(400 << 20)
    held[::4096] = b"x" * len(held[::4096])
    time.sleep(600)


if __name__ == "__main__":
    serve_request(work)
