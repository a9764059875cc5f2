"""The agent: three threads (metrics, log files, orders) that share a stop signal and nothing else."""

from __future__ import annotations

import platform
import socket
import threading
from pathlib import Path

from wellkept.agent.configuration import AgentConfiguration
from wellkept.agent.feeds import LogFeed, MetricsFeed
from wellkept.agent.journal import Journal
from wellkept.agent.metrics import HostMetrics
from wellkept.agent.orders import TIMEOUT_S, Orders
from wellkept.agent.tail import Tail
from wellkept.agent.turns import Turns
from wellkept.kernel.errors import WellkeptError
from wellkept.sdk.connection import Connection
from wellkept.sdk.host import own_host_id
from wellkept.sdk.otlp import Sender

ONCE_S = 10.0
LAST_ACTION_S = 30.0
"""How long the end of the agent waits for an action that is under way."""


class Agent:
    """Watches one host until it is stopped."""

    def __init__(self, configuration: AgentConfiguration, url: str, token: str) -> None:
        host = own_host_id()
        self.id = configuration.id or host
        resource = {
            "host.id": host,
            "host.name": socket.gethostname(),
            "os.type": platform.system().lower(),
            **configuration.attributes,
        }
        state = Path(configuration.state)
        self._stop = threading.Event()
        self._senders = [Sender(url, token, self._stop) for _ in range(2)]
        self._tail = Tail(configuration.logs, state / "positions.json")
        self._connection = Connection(url, token, TIMEOUT_S)
        self.metrics = MetricsFeed(HostMetrics(configuration, resource), self._senders[0], configuration.interval_s)
        self.logs = LogFeed(self._tail, self._senders[1], resource)
        self.orders = Orders(self.id, configuration, resource, self._connection, Journal(state / "journal.sqlite"))

    def run(self) -> None:
        """Work until :meth:`stop`. Nothing waits for the server: what it misses is sent when it is there."""
        turns = {"metrics": self.metrics.turn, "logs": self.logs.turn, "orders": self.orders.turn}
        threads = [Turns(name, turn, self._stop) for name, turn in turns.items()]
        for thread in threads:
            thread.start()
        self._stop.wait()
        self.orders.close(LAST_ACTION_S)
        for thread in threads[:2]:
            thread.join(1.0)

    def run_once(self) -> None:
        """Send one batch of everything, and end.

        Raises:
            WellkeptError: the server is away, or refuses.
        """
        self.orders.hello()
        self.metrics.collect()
        if not self.metrics.send(ONCE_S):
            raise WellkeptError(f"the metrics could not be sent within {ONCE_S:g} s")
        self.logs.send(ONCE_S)
        self.close()

    def stop(self) -> None:
        self._stop.set()

    def close(self) -> None:
        """Let go of every file and connection; for who goes on in the same process."""
        self.orders.close(LAST_ACTION_S)
        self._tail.close()
        self._connection.close()
        for sender in self._senders:
            sender.close()
