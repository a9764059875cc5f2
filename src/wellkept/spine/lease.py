"""Which of the servers on one store leads: the one that holds the lease does what only one may do.

The lease is renewed by a thread of its own. Whoever could not renew it in time does not lead any more, by a clock of
this machine that was started before the renewal was asked for, so never later than the store gives it to another. And
what a former leader was in the middle of writes nothing: see :meth:`Lease.fenced`.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from wellkept.kernel.errors import ConflictError, StoreError, WellkeptError
from wellkept.store.state.leases import LeaseRows
from wellkept.store.state.state import State

log = logging.getLogger(__name__)

LEADER, SERVER = "leader", "server:"
RENEWED_PER_LEASE = 4
FORGOTTEN_S = 86_400.0
"""So long a server that is gone is still listed."""


def since_boot() -> float:
    """Seconds of a clock that runs on while the machine sleeps or the process is stopped."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Leader(Protocol):
    """Whether this server leads."""

    @property
    def leads(self) -> bool: ...

    @property
    def term(self) -> int | None:
        """Another one each time that the lead is gained; None while it is not held."""
        ...

    def fenced(self) -> contextlib.AbstractContextManager[None]:
        """Work that only the leader may do.

        Raises:
            ConflictError: this server does not lead, or a unit of work is begun after it has lost the lead.
        """
        ...

    def start(self, gained: Callable[[int], None], lost: Callable[[], None]) -> None:
        """Call ``gained`` with the term when this server begins to lead, ``lost`` when it does not any more."""
        ...

    def stop(self) -> None:
        """Begin nothing more that only the leader does; ``lost`` is called where this server leads."""
        ...

    def close(self) -> None:
        """Let another one lead. What only the leader does has to be over by now."""
        ...

    def status(self) -> dict[str, Any]: ...

    def notes(self) -> list[str]:
        """The same in sentences, for a page."""
        ...

    @property
    def unheard_s(self) -> float:
        """Seconds since the store that the servers share has last answered; zero where it is not shared."""
        ...


class Alone:
    """The only server of a store: it leads, and nobody is asked."""

    leads, term, unheard_s = True, 0, 0.0

    def __init__(self) -> None:
        self._lost: Callable[[], None] = lambda: None

    def fenced(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def start(self, gained: Callable[[int], None], lost: Callable[[], None]) -> None:
        self._lost = lost
        gained(0)

    def stop(self) -> None:
        self._lost()

    def close(self) -> None:
        """There is nothing to give back."""

    def status(self) -> dict[str, Any]:
        return {"shared": False, "leads": True}

    def notes(self) -> list[str]:
        return []


class Lease:
    """The lead among servers that share a store."""

    def __init__(self, state: State, holder: str, about: str, ttl_s: float, every_s: float | None = None) -> None:
        """``holder`` is another for every start of a server; ``about`` names the server for people.

        It is renewed, or tried for, every ``every_s`` seconds (None: four times a lease).
        """
        self._every_s = every_s if every_s is not None else ttl_s / RENEWED_PER_LEASE
        self.holder, self.about, self._ttl_s = holder, about, ttl_s
        self._state, self._rows = state, LeaseRows(state)
        self._term: int | None = None
        self._until, self._heard_at = 0.0, since_boot()
        self._ready: int | None = None
        self._stopped, self._changing = threading.Event(), threading.Lock()
        self._thread: threading.Thread | None = None
        self._gained: Callable[[int], None] = lambda _: None
        self._lost: Callable[[], None] = lambda: None

    @property
    def leads(self) -> bool:
        return self._is_held and self._ready == self._term

    @property
    def term(self) -> int | None:
        return self._term

    @property
    def unheard_s(self) -> float:
        return since_boot() - self._heard_at if self._thread is not None else 0.0

    @contextlib.contextmanager
    def fenced(self) -> Iterator[None]:
        """Work that only the leader may do; each of its units of work is refused once the term is over."""
        term = self._term
        if term is None or not self._is_held:
            raise ConflictError("lease leader", "this server does not lead any more", self.about)
        with self._state.fenced(self._rows.fence(LEADER, self.holder, term)):
            yield

    def start(self, gained: Callable[[int], None], lost: Callable[[], None]) -> None:
        self._gained, self._lost = gained, lost
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """What is under way may still write down what it has done, until the lease runs out."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(self._ttl_s)
        self._ready = None
        if self._term is not None:
            with self._changing:
                self._lost()

    def close(self) -> None:
        self._term = None
        with contextlib.suppress(StoreError):  # it runs out by itself
            for name in (LEADER, SERVER + self.about):
                self._rows.give_back(name, self.holder)

    def status(self) -> dict[str, Any]:
        """Who leads, and which servers were heard of; the moments are the database's."""
        leader = self._rows.get(LEADER)
        servers = self._rows.beginning(SERVER)
        told = {"server": leader.about, "term": leader.term, "since": leader.taken_at.isoformat()} if leader else {}
        return {
            "shared": True,
            "leads": self.leads,
            "server": self.about,
            "leader": told if leader is not None and not leader.is_over else {},
            "servers": [{"server": one.about, "up": not one.is_over} for one in servers],
        }

    def notes(self) -> list[str]:
        try:
            told = self.status()
        except StoreError as error:
            return [f"Which server leads is not known: {error}"]
        leader = told["leader"].get("server", "")
        first = f"{leader} leads (term {told['leader']['term']})" if leader else "no server leads at the moment"
        others = (one for one in told["servers"] if one["server"] != leader)
        rest = [f"{one['server']} is {'up' if one['up'] else 'not heard of'}" for one in others]
        return [f"This is server {self.about}; " + ", ".join([first, *rest])]

    def servers(self, gone_s: float) -> set[str]:
        """The names of the servers that are up, or were within so many seconds."""
        return {one.about for one in self._rows.beginning(SERVER) if one.over_s < gone_s}

    @property
    def _is_held(self) -> bool:
        return self._term is not None and since_boot() < self._until

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._turn()
            except WellkeptError as error:
                log.warning("lease: %s", error)
            except Exception:
                log.exception("lease: a turn failed")
            if self._term is not None and not self._is_held:
                self._give_up("it could not be renewed in time")
            self._stopped.wait(self._every_s)

    def _turn(self) -> None:
        asked_at = since_boot()
        term = self._rows.hold(LEADER, self.holder, self.about, self._ttl_s)
        if term is None and self._term is not None:
            self._give_up("another server has taken it")
        elif term is not None:
            if self._term is not None and (term != self._term or asked_at >= self._until):
                self._give_up("it had run out")
            self._until, before, self._term = asked_at + self._ttl_s, self._term, term
            if before is None:
                threading.Thread(target=self._begin, args=(term,), name="leading", daemon=True).start()
        self._rows.hold(SERVER + self.about, self.holder, self.about, self._ttl_s)
        self._rows.forget(SERVER, FORGOTTEN_S)
        self._heard_at = since_boot()

    def _begin(self, term: int) -> None:
        """Begin to lead, on a thread of its own: that may take longer than a lease, which is renewed meanwhile."""
        with self._changing:
            if self._term != term or self._stopped.is_set():
                return
            log.warning("server %s leads from now on (term %d)", self.about, term)
            try:
                self._gained(term)
                self._ready = term
                return
            except ConflictError as error:  # the lease ran out meanwhile: somebody else leads
                log.warning("server %s could not begin to lead: %s", self.about, error)
            except Exception:
                log.exception("server %s could not begin to lead", self.about)
        if self._term == term:
            self._give_up("what the leader does could not be begun")
            with contextlib.suppress(StoreError):
                self._rows.give_back(LEADER, self.holder)

    def _give_up(self, why: str) -> None:
        log.warning("server %s does not lead any more: %s", self.about, why)
        self._term = self._ready = None
        with self._changing:
            try:
                self._lost()
            except Exception:
                log.exception("server %s could not leave off everything", self.about)
