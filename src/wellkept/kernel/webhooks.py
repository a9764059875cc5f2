"""Signatures of webhooks: Standard Webhooks 1.0, and what GitHub and GitLab send.

Specification: https://github.com/standard-webhooks/standard-webhooks (symmetric signatures, ``v1``). Several keys make
a change of secret without a gap: every one signs, and any one is enough to be known by.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from wellkept.kernel.errors import ForbiddenError, InputError

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
GITHUB_SIGNATURE, GITLAB_TOKEN = "x-hub-signature-256", "x-gitlab-token"
PREFIX, VERSION = "whsec_", "v1"
SHORTEST, LONGEST = 24, 64
"""Bytes of a key."""
LONGEST_ID, MOST_SIGNATURES = 256, 16
TOLERANCE_S = 300


def key_of(secret: str) -> bytes:
    """The key in a secret as the specification writes it: base64, with ``whsec_`` before it or not.

    Raises:
        InputError: it is none; the secret itself is never told.
    """
    try:
        key = base64.b64decode(secret.strip().removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise InputError("secret", f"must be {PREFIX} and base64; `wellkept webhooks secret` makes one") from None
    if not SHORTEST <= len(key) <= LONGEST:
        raise InputError("secret", f"must hold {SHORTEST} to {LONGEST} bytes", len(key))
    return key


def secret_of(key: bytes) -> str:
    """A key as it is handed to the other side."""
    return PREFIX + base64.b64encode(key).decode("ascii")


def signature(key: bytes, message: str, timestamp: int, body: bytes) -> str:
    """One signature: ``v1,`` and base64 of the HMAC-SHA256 over id, timestamp and body, with dots between."""
    digest = hmac.new(key, f"{message}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"{VERSION},{base64.b64encode(digest).decode('ascii')}"


def signed(keys: Sequence[bytes], message: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a signed message.

    Raises:
        InputError: there is no key, or the id has a dot, which would let a signature fit another message.
    """
    if not keys:
        raise InputError("secret", "there is none to sign with")
    if "." in message:
        raise InputError(ID, "must not hold a dot", message)
    signatures = " ".join(signature(key, message, timestamp, body) for key in keys)
    return {ID: message, TIMESTAMP: str(timestamp), SIGNATURE: signatures}


def verified(
    keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now_s: float, tolerance_s: float = TOLERANCE_S
) -> str:
    """The id of a message whose signature fits one of the keys, and whose time is near to now.

    Args:
        keys: any of them is enough.
        headers: by lower-case name.
        body: the bytes as they came.
        now_s: seconds since the epoch.
        tolerance_s: how far the message's time may lie from now, either way.

    Raises:
        ForbiddenError: it does not. Every comparison takes the same time.
    """
    message, moment = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not message or len(message) > LONGEST_ID or not message.isascii() or not message.isprintable():
        raise ForbiddenError(f"{ID} must be there, and at most {LONGEST_ID} plain characters")
    if not (moment.isascii() and moment.isdigit() and len(moment) <= 12):
        raise ForbiddenError(f"{TIMESTAMP} must be whole seconds since the epoch")
    if abs(now_s - int(moment)) > tolerance_s:
        raise ForbiddenError(f"{TIMESTAMP} is more than {tolerance_s:g} s from now; the message may be a replay")
    given = headers.get(SIGNATURE, "").split(" ")[:MOST_SIGNATURES]
    expected = [signature(key, message, int(moment), body).encode() for key in keys]
    found = [hmac.compare_digest(one.encode("utf-8", "replace"), mine) for one in given for mine in expected]
    if not any(found):
        raise ForbiddenError(f"{SIGNATURE} fits no secret of this door")
    return message


def check_github(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> None:
    """What GitHub sends: ``sha256=`` and the hexadecimal HMAC of the body, under the secret's own characters.

    Raises:
        ForbiddenError: it fits no secret.
    """
    given = headers.get(GITHUB_SIGNATURE, "").encode("utf-8", "replace")
    expected = [f"sha256={hmac.new(s.encode(), body, hashlib.sha256).hexdigest()}".encode() for s in secrets]
    found = [hmac.compare_digest(given, mine) for mine in expected]
    if not any(found):
        raise ForbiddenError(f"{GITHUB_SIGNATURE} fits no secret of this door")


def check_gitlab(secrets: Sequence[str], headers: Mapping[str, str]) -> None:
    """What GitLab sends: the secret itself. It proves who sends and nothing about the body, so use TLS.

    Raises:
        ForbiddenError: it is none of the secrets.
    """
    given = headers.get(GITLAB_TOKEN, "").encode("utf-8", "replace")
    found = [hmac.compare_digest(given, secret.encode()) for secret in secrets]
    if not any(found):
        raise ForbiddenError(f"{GITLAB_TOKEN} is no secret of this door")
