"""The token, and the key of masks: made once, kept in files that only their owner can read."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path


def private(data: Path) -> Path:
    """The data folder, made where it is not there, and closed to everybody else on this machine.

    Models and training data lie below it, and who could write there could swap a model between check and use. A folder
    of somebody else's, which the administrator chose, stays as it is.
    """
    with contextlib.suppress(OSError):
        data.mkdir(parents=True, exist_ok=True)
        data.chmod(stat.S_IRWXU)
    return data


def token_of(data: Path) -> str:
    """The token of a data folder; made on first use, readable for the owner alone (0600).

    A file without a token (a crash left it so) counts as none: an empty token would let everybody in. It has 32
    characters, as PagerDuty's keys do, and none of them is a dash: at the head of an argument that would be an option.
    """
    return _made_once(data / "token", lambda: secrets.token_hex(16))


def mask_key_of(data: Path) -> Path:
    """The file with the key by which this installation hashes personal data; made on first use, as the token is."""
    _made_once(data / "mask.key", lambda: secrets.token_hex(32))
    return data / "mask.key"


def _made_once(path: Path, make: Callable[[], str]) -> str:
    known = path.read_text(encoding="ascii").strip() if path.is_file() else ""
    if known:
        return known
    path.parent.mkdir(parents=True, exist_ok=True)
    made = make()
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(made + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    return made
