"""The peers' own programs, run on the same data in the same run: each prints a line of JSON for what it measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wellkept.kernel.errors import InputError, StoreError


def measured(
    program: Path,
    data: Path,
    called: str,
    arguments: Sequence[str],
    within_s: float | None = None,
    *,
    when_quiet: bool = True,
) -> dict[str, dict[str, Any]]:
    """What a program measured of each peer, by its name.

    Args:
        program: the file; ``FOLDER/rca/run.py``.
        data: the folder that it is to measure on.
        called: what it calls such a folder.
        arguments: more of its command line.
        within_s: after so many seconds it is ended; None: it limits its methods itself.
        when_quiet: it waits for a quiet machine, where its times matter.

    Raises:
        InputError: there is no such program.
        StoreError: it failed, hangs, or printed nothing.
    """
    if not program.is_file():
        raise InputError(f"folder {program.parent.parent}", f"must hold {program.parent.name}/{program.name}")
    with tempfile.TemporaryDirectory(prefix="wellkept-peers-") as home:
        (Path(home) / called).symlink_to(data.resolve())
        environment = {**os.environ, **({} if when_quiet else {"PEERS_QUIET_WAIT": "0"})}
        command = [sys.executable, str(program), "--data", home, *arguments]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=within_s, env=environment
            )
        except subprocess.TimeoutExpired as gone:
            raise StoreError(f"the peers' program took longer than {within_s:g} s") from gone
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not said:
        raise StoreError(f"the peers' program gave no figures: {done.stderr[-300:]}")
    return {one["name"]: one["metrics"] for one in said}


def of_methods(methods: Sequence[str], limit_s: int) -> list[str]:
    """The arguments that choose methods, and how long each may take, in seconds."""
    return ["--limit", str(limit_s), *(word for method in methods for word in ("--method", method))]
