"""Sessions of browsers, derived from the platform's token and kept nowhere.

The cookie never holds the token, so a cookie that leaks is of no use at the API, and a new token ends every session.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

COOKIE = "wellkept_token"

_SESSION = b"wellkept web session v1"
_FORM = b"wellkept web form v1"


def session_value(token: str) -> str:
    """What the cookie of a browser holds that has shown the token."""
    return hmac.new(token.encode(), _SESSION, sha256).hexdigest()


def is_valid(session: str, token: str) -> bool:
    """Whether a session was made from the token. Takes the same time for every wrong value."""
    return hmac.compare_digest(session.encode(), session_value(token).encode())


def is_token(given: str, token: str) -> bool:
    """Whether what a person typed is the token."""
    return hmac.compare_digest(given.strip().encode(), token.encode())


def form_token(session: str) -> str:
    """What a form carries to prove that it came from a page of this session."""
    return hmac.new(session.encode(), _FORM, sha256).hexdigest()


def is_own_form(given: str, session: str) -> bool:
    """Whether a form carries the proof of this session."""
    return hmac.compare_digest(given.encode(), form_token(session).encode())
