"""Tokens for one run of an external CI: they open that run's addresses and nothing else, and end by themselves.

A token is the run, the moment of its end, and an HMAC over both under a key that is derived from the platform's token.
So nothing is stored, a new token of the platform ends them all, and a token that leaks is worth one run's rows.
"""

from __future__ import annotations

import hmac
import re
from datetime import datetime
from hashlib import sha256

from wellkept.kernel.clock import Clock

PREFIX = "wkr"
PURPOSE = b"wellkept run token v1"
ADDRESS = re.compile(r"/api/v1/external/([A-Za-z0-9_-]{1,80})(?:/(?:rows|files|report))?")
"""What a token opens, of its own run."""


class RunTokens:
    """Makes and checks tokens."""

    def __init__(self, platform_token: str, clock: Clock) -> None:
        self._key = hmac.new(platform_token.encode(), PURPOSE, sha256).digest()
        self._clock = clock

    def token(self, run: str, expires_at: datetime) -> str:
        """The token of a run."""
        until = int(expires_at.timestamp())
        return f"{PREFIX}.{run}.{until}.{self._proof(run, until)}"

    def opens(self, path: str, token: str) -> bool:
        """Whether a token opens an address now."""
        address, parts = ADDRESS.fullmatch(path), token.split(".")
        if address is None or len(parts) != 4 or parts[0] != PREFIX:
            return False
        _, run, until, proof = parts
        if run != address[1] or not (until.isascii() and until.isdigit() and len(until) <= 12):
            return False
        fits = hmac.compare_digest(proof.encode("utf-8", "replace"), self._proof(run, int(until)).encode())
        return fits and self._clock.now().timestamp() < int(until)

    def _proof(self, run: str, until: int) -> str:
        return hmac.new(self._key, f"{run}.{until}".encode(), sha256).hexdigest()
