"""The token: made once, kept in a file that only its owner can read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def token_of(data: Path) -> str:
    """The token of a data folder; made on first use, readable for the owner alone (0600).

    A file without a token (a crash left it so) counts as none: an empty token would let everybody in.
    """
    path = data / "token"
    known = path.read_text(encoding="ascii").strip() if path.is_file() else ""
    if known:
        return known
    data.mkdir(parents=True, exist_ok=True)
    token = secrets.token_urlsafe(24)
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(token + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    return token
