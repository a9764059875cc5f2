"""A process that has locked itself in: what it cannot do any more, and what it still must be able to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a process is locked in by the kernel of Linux")

SCRIPT = """
import ctypes, json, os, resource, socket, subprocess, sys, threading
from pathlib import Path
from wellkept.ml.importing.confinement import confine

folder, outside, other = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
confine(folder)

def tried(call):
    try:
        return str(call())
    except BaseException as error:
        return type(error).__name__

libc = ctypes.CDLL(None, use_errno=True)
print(json.dumps({
    "internet": tried(lambda: socket.socket()),
    "unix": tried(lambda: socket.socket(socket.AF_UNIX)),
    "read": tried(lambda: (outside / "token").read_text()),
    "list": tried(lambda: os.listdir(outside)),
    "write": tried(lambda: (outside / "new").write_text("x")),
    "passwords": tried(lambda: Path("/etc/passwd").read_text()),
    "memory": tried(lambda: Path(f"/proc/{other}/environ").read_text()),
    "signal": tried(lambda: os.kill(other, 0)),
    "group": tried(lambda: os.setpgid(0, 0)),
    "session": tried(lambda: os.setsid()),
    "limits": tried(lambda: resource.prlimit(other, resource.RLIMIT_NOFILE, (1, 1))),
    "ring": str(libc.syscall(425, 1, None)),
    "child": tried(lambda: subprocess.run(
        ["sh", "-c", f"cat {outside}/token; echo x > {outside}/new"], capture_output=True).returncode),
    "token": tried(lambda: os.environ["WELLKEPT_TOKEN"]),
    "own": tried(lambda: (folder / "own").write_text("mine")),
    "library": tried(lambda: __import__("numpy").arange(3).sum()),
    "thread": tried(lambda: threading.Thread(target=lambda: None).start()),
    "mine": tried(lambda: resource.getrlimit(resource.RLIMIT_CORE)[0]),
}))
"""
ALLOWED = {"own": "4", "library": "3", "thread": "None", "mine": "0"}


def test_nothing_of_the_machine_is_reached_and_libraries_still_work(tmp_path: Path) -> None:
    own, outside = tmp_path / "own", tmp_path / "outside"
    own.mkdir()
    outside.mkdir()
    (outside / "token").write_text("secret", "utf-8")

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(own), str(outside), str(os.getpid())],
        env={**os.environ, "WELLKEPT_TOKEN": "secret"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert {name: found[name] for name in ALLOWED} == ALLOWED
    refused = {name: found[name] for name in found if name not in ALLOWED}
    assert refused.pop("token") == "KeyError"
    assert refused.pop("ring") == "-1"
    assert refused.pop("child") != "0"
    assert set(refused.values()) == {"PermissionError"}, refused
    assert [path.name for path in outside.iterdir()] == ["token"]


def test_a_process_with_threads_is_not_locked_in() -> None:
    """The kernel's locks are of a thread: others would go on without."""
    script = """
import threading
from pathlib import Path
from wellkept.ml.importing.confinement import NotConfinedError, confine
event = threading.Event()
threading.Thread(target=event.wait).start()
try:
    confine(Path("/tmp"))
except NotConfinedError as error:
    print(error)
event.set()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)

    assert "more than one thread" in done.stdout
