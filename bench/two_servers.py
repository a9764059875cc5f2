"""Two servers on one PostgreSQL: who is told, and how often, while one of them is killed, and then stopped and woken.

Both are started from the wheel, installed by pip into an environment of its own, and share a PostgreSQL. The same
alerts go to both, as Prometheus sends to every Alertmanager; some of them flap. The server that leads is killed (-9)
and started again, and later stopped (SIGSTOP) for longer than its lease and woken. One receiver takes webhooks, another
one notifications. At the end every alert is over, and what came is held against what the store says has happened:

    missing     changes that nobody was told of
    brief       incidents that were over before their turn to be told had come, or while nobody led, so that a receiver
                was not told that they were opened: of what happened in the meantime the newest is told
    twice       changes that were told a second time; ``in the crash window`` counts those of a message that was under
                way when its server was killed or stopped, whose second copy has the same key
    from beyond messages that a server sent after it had been stopped for longer than its lease, but for one that was
                under way, whose key the other server has used as well

    python -m bench.two_servers [--rounds 3] [--alerts 12] [--lease 4] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.app.receiver import Receiver, receiving
from tests.store.postgres import database

ROOT = Path(__file__).parent.parent
SECRET = "whsec_" + base64.b64encode(b"two servers, one platform, 32 byte").decode()
READY_S, SETTLED_S = 120.0, 90.0
NEAR, BRIEF = timedelta(seconds=3), timedelta(seconds=15)
"""So long around an outage nobody can be told; what is over so soon need not be told on a machine that is busy."""
EVERY_S, LOOK_EVERY_S = 0.5, 0.25
"""How often the sender says again what is firing, and how often somebody looks."""
_CONFIGURATION = """
data: {data}
state: {{secret_env: STATE_URL, server: {name}, lease_s: {lease_s}}}
server: {{port: 0}}
agent: {{enabled: false}}
ml: {{enabled: false}}
ingest: {{grpc: {{enabled: false}}}}
ops:
  detect_every_s: 0.5
  correlate: {{quiet_s: 1}}
  noise: {{flapping: {{starts: 0, ends: 0}}}}
webhooks:
  networks: [127.0.0.0/8]
  first_retry_s: 1
  send: [{{name: hooks, url: "{hooks}?{name}", events: ["incident.*"], secret_env: HOOK_SECRET}}]
notify:
  networks: [127.0.0.0/8]
  receivers: [{{type: webhook, name: people, url: "{people}?{name}", secret_env: HOOK_SECRET}}]
  route: {{receivers: [people], group_wait_s: 0, repeat_s: 0, digest_at: 1000}}
"""


@dataclass
class Server:
    """One of the two."""

    name: str
    python: Path
    folder: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    address: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start it, and wait until it listens."""
        out = self.folder / "stdout"
        command = [str(self.python), "-m", "wellkept", "up", "--config", str(self.folder / "wellkept.yaml"), "--json"]
        with out.open("wb") as output, (self.folder / "stderr").open("ab") as errors:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=output, stderr=errors, stdin=subprocess.DEVNULL
            )

        def ready() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, (self.folder / "stderr").read_text("utf-8")
            return out.read_bytes().endswith(b"\n")

        until(ready, f"server {self.name} is ready", READY_S)
        said = json.loads(out.read_text("utf-8"))
        self.address = said["address"]
        self.headers = {"Authorization": f"Bearer {said['token']}", "Content-Type": "application/json"}

    def ask(self, path: str, document: Any = None, timeout_s: float = 10.0) -> Any:
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.address}{path}", data=body, headers=self.headers)
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        if number == signal.SIGKILL:
            self.process.wait()

    @property
    def leads(self) -> bool:
        try:
            return bool(self.ask("/api/v1/status", timeout_s=2)["servers"]["leads"])
        except OSError:
            return False

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(60)


class Sender:
    """Says to both servers what is firing, again and again, as Prometheus does; what is over is said for a while."""

    def __init__(self, servers: list[Server]) -> None:
        self._servers, self._lock = servers, threading.Lock()
        self._firing: dict[str, datetime] = {}
        self._over: dict[str, tuple[datetime, datetime]] = {}
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(server,), daemon=True) for server in servers]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def fire(self, *names: str) -> None:
        with self._lock:
            for name in names:
                self._firing.setdefault(name, datetime.now(UTC))
                self._over.pop(name, None)

    def resolve(self, *names: str) -> None:
        with self._lock:
            for name in names:
                if name in self._firing:
                    self._over[name] = (self._firing.pop(name), datetime.now(UTC))

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self, server: Server) -> None:
        while not self._stopped.wait(EVERY_S):
            with contextlib.suppress(OSError):  # it is away, and is told again
                server.ask("/alertmanager/api/v2/alerts", self._said(), timeout_s=3)

    def _said(self) -> list[dict[str, Any]]:
        until_ = (datetime.now(UTC) + timedelta(minutes=4)).isoformat()
        with self._lock:
            firing = [_alert(name, since, until_) for name, since in self._firing.items()]
            return firing + [_alert(name, since, at.isoformat()) for name, (since, at) in self._over.items()]


def _alert(name: str, since: datetime, ends: str) -> dict[str, Any]:
    labels = {"alertname": f"Trouble{name.title()}", "severity": "critical", "service": f"service-{name}"}
    return {"labels": labels, "annotations": {}, "startsAt": since.isoformat(), "endsAt": ends}


@dataclass
class Outcome:
    """What came of it; see the top of this file."""

    incidents: int
    changes: int
    messages: int
    missing: list[str]
    brief: int
    twice: list[str]
    in_the_crash_window: int
    from_beyond: int
    took_over_s: list[float]

    @property
    def is_right(self) -> bool:
        """One message a receiver may be under way whenever a server is killed or stopped."""
        most = 2 * len(self.took_over_s)
        wrong = self.missing or self.twice or self.from_beyond or self.in_the_crash_window > most
        return self.incidents > self.brief and not wrong


@dataclass
class Scene:
    """Two servers, what they are told, and who they tell."""

    servers: list[Server]
    sender: Sender
    hooks: Receiver
    people: Receiver
    lease_s: float
    woken: list[tuple[str, str]] = field(default_factory=list)
    """Messages that a server sent after it was woken: its name, and the key."""
    took_over_s: list[float] = field(default_factory=list)
    outages: list[tuple[datetime, datetime]] = field(default_factory=list)
    """When nobody led."""

    def leader(self) -> Server:
        found: Server = until(lambda: next((one for one in self.servers if one.leads), None), "one of them leads")
        return found

    def other(self, than: Server) -> Server:
        return next(one for one in self.servers if one is not than)

    def live(self, server: Server) -> int:
        """How many incidents are live."""
        return len(server.ask("/api/v1/incidents?live=true&limit=500")["incidents"])

    def killed(self) -> None:
        """The leader is killed, the other one takes over, and the first comes back."""
        leader = self.leader()
        leader.signal(signal.SIGKILL)
        self._replaced(leader)
        leader.start()

    def stopped(self) -> None:
        """The leader is stopped until the other leads and has told something, and is woken: it has nothing to say."""
        leader = self.leader()
        leader.signal(signal.SIGSTOP)
        self._replaced(leader)
        self.sender.fire("while-stopped")
        until(lambda: self._was_told(f"?{self.other(leader).name}", "while-stopped"), "the other one tells it")
        before = set(self._told_by(leader))
        leader.signal(signal.SIGCONT)
        until(
            lambda: leader.ask("/api/v1/status")["servers"]["leads"] is False,
            "the woken one knows that it leads no more",
        )
        self.sender.resolve("while-stopped")
        until(lambda: self.live(leader) == self.live(self.other(leader)), "both say the same")
        self.woken += set(self._told_by(leader)) - before

    def _replaced(self, leader: Server) -> None:
        began = time.monotonic()
        other = self.other(leader)
        until(lambda: other.leads, f"{other.name} leads")
        self.took_over_s.append(round(time.monotonic() - began, 1))
        now = datetime.now(UTC)
        self.outages.append((now - timedelta(seconds=self.took_over_s[-1]), now))

    def is_brief(self, incident: dict[str, Any]) -> bool:
        """Whether it was over very soon, or while nobody led, or so near to that that nobody could be told in time."""
        first = min(datetime.fromisoformat(member["joined_at"]) for member in incident["members"])
        last = datetime.fromisoformat(incident["resolved_at"])
        led = last - first
        for start, end in self.outages:
            led -= max(timedelta(0), min(last, end + NEAR) - max(first, start - NEAR))
        return led < BRIEF

    def from_beyond(self) -> int:
        """What a woken server told that the other had not told; what was under way when it was stopped has its key."""
        told = {name: {key for _, key in self._told_by(server)} for name, server in self._by_name().items()}
        return sum(all(key not in keys for other, keys in told.items() if other != name) for name, key in self.woken)

    def _by_name(self) -> dict[str, Server]:
        return {server.name: server for server in self.servers}

    def _told_by(self, server: Server) -> list[tuple[str, str]]:
        """What came from a server: its name, and the keys."""
        return [
            (server.name, headers["webhook-id"])
            for receiver in (self.hooks, self.people)
            for path, headers in zip(list(receiver.paths), list(receiver.headers), strict=False)
            if path.endswith(f"?{server.name}")
        ]

    def _was_told(self, path: str, name: str) -> bool:
        told = zip(list(self.people.paths), list(self.people.bodies), strict=False)
        return any(where.endswith(path) and name.encode() in body.lower() for where, body in told)


def play(scene: Scene, rounds: int, alerts: int) -> None:
    """The story: alerts come and go, some flap, and the leader is killed and stopped, again and again."""
    sender, names = scene.sender, [f"a{number}" for number in range(alerts)]
    sender.start()
    for round_ in range(rounds):
        steady, flapping = names[: alerts // 2], names[alerts // 2 :]
        sender.fire(*steady)
        stop = threading.Event()
        flaps = threading.Thread(target=_flap, args=(sender, flapping, stop), daemon=True)
        flaps.start()
        until(lambda: scene.live(scene.leader()) > 0, "an incident is opened")
        scene.killed()
        sender.fire(f"after-kill-{round_}")
        scene.stopped()
        stop.set()
        flaps.join(30)
        sender.resolve(*names, f"after-kill-{round_}")
        until(lambda: scene.live(scene.leader()) == 0, "every incident is over", SETTLED_S)
    sender.stop()


def _flap(sender: Sender, names: list[str], stop: threading.Event) -> None:
    """Fire and resolve, each name in a rhythm of its own."""
    turn = 0
    while not stop.wait(2.0):
        turn += 1
        for number, name in enumerate(names):
            (sender.fire if (turn // (1 + number % 3)) % 2 else sender.resolve)(name)


def outcome(scene: Scene) -> Outcome:
    """What was told, held against the incidents in the store, once nothing more is to be told."""
    server, deadline = scene.leader(), time.monotonic() + SETTLED_S
    until(lambda: _is_settled(server), "everything is told", SETTLED_S)
    found = _compared(scene, server)
    while found.missing and time.monotonic() < deadline:  # what changed last may not be planned yet
        time.sleep(1)
        found = _compared(scene, server)
    return found


def _compared(scene: Scene, server: Server) -> Outcome:
    incidents = server.ask("/api/v1/incidents?limit=500")["incidents"]
    brief = {f"incident:{one['id']}" for one in incidents if scene.is_brief(one)}
    expected = [f"incident:{one['id']}" for one in incidents]
    missing, twice, repeated, untold = list[str](), list[str](), 0, set[str]()
    for receiver, end in ((scene.hooks, "incident.closed"), (scene.people, "incident.over")):
        keys = Counter(headers["webhook-id"] for headers in receiver.headers)
        repeated += sum(count - 1 for count in keys.values())
        told: dict[tuple[str, str], set[str]] = {}
        for headers, body in zip(receiver.headers, receiver.bodies, strict=True):
            event = json.loads(body)
            told.setdefault((event["subject"], event["type"]), set()).add(headers["webhook-id"])
        for subject in expected:
            begun, over = (told.get((subject, kind), set()) for kind in ("incident.opened", end))
            twice += [f"{subject} {len(found)} times" for found in (begun, over) if len(found) > 1]
            if not begun and subject in brief:
                untold.add(subject)
            elif not begun or not over:
                missing.append(f"{subject} {end if begun else 'incident.opened'}")
    return Outcome(
        incidents=len(expected),
        changes=4 * len(expected),
        messages=len(scene.hooks.bodies) + len(scene.people.bodies),
        missing=missing,
        brief=len(untold),
        twice=twice,
        in_the_crash_window=repeated,
        from_beyond=scene.from_beyond(),
        took_over_s=scene.took_over_s,
    )


def _is_settled(server: Server) -> bool:
    doors = server.ask("/api/v1/status")["doors"]
    hooks = doors["webhooks"]["deliveries"].get("hooks", {})
    return not hooks.get("waiting") and not doors["notifications"]["receivers"]["people"]["waiting"]


@contextlib.contextmanager
def two_servers(folder: Path, python: Path, lease_s: float) -> Iterator[Scene]:
    """Both servers, on a PostgreSQL of their own, with two receivers."""
    with database("template1") as url, receiving() as hooks, receiving() as people:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("WELLKEPT_", "PYTHON"))
        }
        environment |= {"STATE_URL": url, "HOOK_SECRET": SECRET}
        servers = []
        for name in ("left", "right"):
            own = folder / name
            own.mkdir(parents=True)
            text = _CONFIGURATION.format(
                data=own / "data", name=name, lease_s=lease_s, hooks=hooks.url, people=people.url
            )
            (own / "wellkept.yaml").write_text(text, encoding="utf-8")
            servers.append(Server(name, python, own, environment))
        try:
            starting = [threading.Thread(target=server.start) for server in servers]
            for thread in starting:
                thread.start()
            for thread in starting:
                thread.join(READY_S)
            assert all(server.address for server in servers), "a server could not be started; see its stderr"
            yield Scene(servers, Sender(servers), hooks, people, lease_s)
        finally:
            for server in servers:
                server.end()


def installed(folder: Path) -> Path:
    """The interpreter of an environment into which pip has installed this product's wheel.

    What the product depends on comes from the present environment; of this clone nothing is on its path.
    """
    environment, wheels = folder / "venv", folder / "wheels"
    run = [sys.executable, "-m"]
    subprocess.run(
        [*run, "hatchling", "build", "-t", "wheel", "-d", str(wheels)], cwd=ROOT, check=True, capture_output=True
    )
    subprocess.run([*run, "venv", "--without-pip", str(environment)], check=True, capture_output=True)
    python = environment / "bin" / "python"
    (wheel,) = wheels.glob("*.whl")
    install = [*run, "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    where = [str(python), "-I", "-c", "import wellkept; print(wellkept.__file__)"]
    found = subprocess.run(where, check=True, capture_output=True, text=True, cwd=folder).stdout
    assert found.startswith(str(environment)), f"not what pip installed: {found}"
    return python


def until(look: Callable[[], Any], what: str, patience_s: float = 60.0) -> Any:
    """The first truthy answer."""
    deadline = time.monotonic() + patience_s
    while True:
        with contextlib.suppress(urllib.error.URLError, TimeoutError):
            found = look()
            if found:
                return found
        assert time.monotonic() < deadline, f"not within {patience_s:g} s: {what}"
        time.sleep(LOOK_EVERY_S)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alerts", type=int, default=12)
    parser.add_argument("--lease", type=float, default=4.0)
    parser.add_argument("--keep", type=Path)
    chosen = parser.parse_args()
    folder = chosen.keep or Path(tempfile.mkdtemp(prefix="two-servers-"))
    folder.mkdir(parents=True, exist_ok=True)
    python = installed(folder)
    with two_servers(folder, python, chosen.lease) as scene:
        play(scene, chosen.rounds, chosen.alerts)
        found = outcome(scene)
        for name, receiver in (("hooks", scene.hooks), ("people", scene.people)):
            (folder / name).write_bytes(b"\n".join(receiver.bodies))
    print(json.dumps(found.__dict__, indent=2))
    if chosen.keep is None:
        shutil.rmtree(folder)
    sys.exit(0 if found.is_right else 1)


if __name__ == "__main__":
    main()
