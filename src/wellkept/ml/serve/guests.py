"""Who may ask: programs. A browser's page may not, for whatever a person on this machine looks at could else be asked.

The model server knows no users, and listens on this machine alone. A page of another origin needs no leave to send a
simple request, and one whose name was bound anew to this machine (DNS rebinding) could even read the answer. Programs
send no ``Origin``, and ask for the host that they were told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wellkept.kernel.errors import InputError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
KNOWN_AT_MOST = 64
"""Host headers that are remembered as right; there are few."""


class StrangerError(InputError):
    """A request of a page that has no business here."""


class Guests:
    """Checks requests by their headers. ``hosts``: names that clients may call the server by, beside loopback's.

    ``anywhere``: the server listens beyond this machine, and any name may be its own.
    """

    def __init__(self, hosts: Iterable[str] = (), *, anywhere: bool = False) -> None:
        self._hosts, self._anywhere = LOOPBACK | {host.lower() for host in hosts}, anywhere
        self._known: set[bytes] = set()

    def check(self, headers: Mapping[bytes, bytes]) -> None:
        """Check a request. ``headers``: by their names in lower case.

        Raises:
            StrangerError: it is for a host that this is not, or comes from a page of another one.
        """
        host = headers.get(b"host", b"")
        if host not in self._known:
            self._check_host(host)
        origin = headers.get(b"origin")
        if origin is not None and _name(origin.rpartition(b"://")[2]) not in self._hosts:
            raise StrangerError("Origin", "must not be there: pages of browsers may not ask", origin.decode("latin-1"))

    def _check_host(self, host: bytes) -> None:
        if host and not self._anywhere and _name(host) not in self._hosts:
            rule = "must be this machine's own name, or one of ml.serve_hosts (--allowed-host)"
            raise StrangerError("Host", rule, host.decode("latin-1"))
        if len(self._known) < KNOWN_AT_MOST:
            self._known.add(host)


def _name(host: bytes) -> str:
    """A host's name, without its port and the brackets of IPv6."""
    text = host.decode("latin-1").lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.rpartition(":")[0] if text.count(":") == 1 else text
