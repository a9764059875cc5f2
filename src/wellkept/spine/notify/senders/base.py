"""The contract of a channel."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from wellkept.kernel.errors import InputError
from wellkept.spine.notify.words import Message
from wellkept.spine.webhooks.secret import Secrets
from wellkept.spine.webhooks.send import Reply
from wellkept.spine.webhooks.settings import Secret

T = TypeVar("T")
AGENT = "wellkept-notify/1"
TOO_MANY, TIMED_OUT = 429, 408


@dataclass(frozen=True, slots=True)
class Sent:
    """How sending went: taken, or not; then whether another try helps, and after how many seconds at the earliest.

    ``reference`` is what the channel needs to update this message later. ``said`` never holds a secret.
    """

    is_taken: bool
    said: str
    retry_helps: bool = True
    retry_after_s: float = 0.0
    reference: Mapping[str, Any] = field(default_factory=dict)


class Sender(Protocol):
    """Brings messages to one receiver. It keeps nothing: what it must remember is the reference."""

    def send(self, message: Message, reference: Mapping[str, Any]) -> Sent:
        """Send a message, or update the one that the reference names. Whatever goes wrong is an answer, too."""
        ...

    def problem(self) -> str:
        """Why nothing could be sent (a secret that cannot be read); empty where it could."""
        ...


class Request(Protocol):
    """What sends a request (see :class:`wellkept.spine.webhooks.send.Transport`)."""

    def request(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout_s: float,
        ca_file: Any = None,
    ) -> Reply: ...


def unreadable(secrets: Secrets, *places: Secret) -> str:
    """Why the secrets of some places cannot be read; empty where they can."""
    try:
        for place in places:
            secrets.texts(place)
    except InputError as error:
        return str(error)
    return ""


def within(timeout_s: float, work: Callable[[], T]) -> T:
    """The outcome of work that has so much time, in a thread of its own: no library can be trusted to end in time.

    Raises:
        TimeoutError: it has not ended by then. Its thread is left to end by itself.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        """Do it. Whatever it raises is raised where it is waited for."""
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it goes on in the thread that waits
            outcome.set_exception(error)

    threading.Thread(target=run, name="notify-work", daemon=True).start()
    try:
        return outcome.result(timeout_s)
    except FutureTimeout as error:
        if outcome.done():
            raise
        raise TimeoutError(f"no end within {timeout_s:g} s") from error


def of_reply(reply: Reply, reference: Mapping[str, Any]) -> Sent:
    """How a request went by its status: no answer, 408, 429 and 5xx are tried again, other refusals are not."""
    if 200 <= reply.status < 300:
        return Sent(is_taken=True, said=reply.said, reference=reference)
    helps = reply.status in (0, TIMED_OUT, TOO_MANY) or reply.status >= 500
    return Sent(is_taken=False, said=reply.said, retry_helps=helps, retry_after_s=reply.retry_after_s)
