"""What a demo's folder holds: the configuration of the platform, of its agent, of the shop, and the model project."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from wellkept.demo.shop.features import Store, store_path
from wellkept.demo.shop.pager import PATH
from wellkept.demo.shop.settings import NAMESPACE, SERVICES, ShopSettings
from wellkept.demo.world.history import LABEL_DELAY_S, make_history, rows_of, write_history
from wellkept.demo.world.purchases import Purchases
from wellkept.kernel.errors import ConflictError
from wellkept.sdk.host import own_host_id

PID = "demo.pid"
SEED = 20_261
MEMORY_LIMIT_BYTES = 192 << 20
DISK_LIMIT_BYTES = 26 << 20
OLD_AFTER_S = 5.0
"""A rotated log is old after this long: an hour and a half, in days that last twenty seconds."""

_PLATFORM = {
    "detect_every_s": 1.5,
    "detect": {
        "step_s": 2.0,
        "window_s": 90.0,
        "min_points": 15,
        "horizon_s": 300.0,
        "min_trend_steps": 12,
        "missing_steps": 8,
        "grace_s": 30.0,
        "hold_steps": 3,
    },
    "correlate": {
        "onset_s": 15.0,
        "model_onset_s": 30.0,
        "persist_s": 40.0,
        "quiet_s": 5.0,
        "lookback_s": 120.0,
        "reopen_s": 30.0,
        "change_s": 30.0,
    },
    "diagnose": {"step_s": 2.0, "before_s": 60.0, "during_s": 60.0, "refresh_s": 5.0, "change_s": 60.0},
}
"""The platform's settings where a day lasts twenty seconds: the same rules, with shorter times."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A demo's folder, laid out. ``address`` is the server's."""

    folder: Path
    settings: ShopSettings
    address: str

    @property
    def page(self) -> str:
        """The page's address, with its token."""
        return f"{self.address}/?token={self.settings.token}"

    @property
    def project(self) -> Path:
        """The model project."""
        return self.folder / "fraud"

    @property
    def payments_logs(self) -> Path:
        """The directory with a size of its own that payments logs into."""
        return self.settings.log_file("payments").parent


def claim(folder: Path) -> None:
    """Take a folder for this demo: what an earlier one left there is removed.

    Raises:
        ConflictError: a demo or a server runs on it, or it holds something that no demo made.
    """
    pid = folder / PID
    for what, file in (("demo", pid), ("server", folder / "data" / "server.pid")):
        if _is_alive(file):
            raise ConflictError(f"folder {folder}", f"is used by a {what} that runs as process {file.read_text()}")
    if folder.is_dir() and any(folder.iterdir()) and not pid.is_file():
        raise ConflictError(f"folder {folder}", "holds something that no demo made; name another with --folder")
    if folder.is_dir():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    pid.write_text(str(os.getpid()), encoding="ascii")


def lay_out(folder: Path, port: int | None) -> Layout:
    """Write everything that the processes of a demo read."""
    now = time.time()
    ports = dict(zip((*SERVICES, "load", "keeper", "server", "model"), free_ports(8), strict=True))
    ports["server"] = port or ports["server"]
    address = f"http://127.0.0.1:{ports['server']}"
    settings = ShopSettings(
        folder=str(folder),
        collector=address,
        token=_token(folder / "data"),
        model=f"http://127.0.0.1:{ports['model']}",
        host_id=own_host_id(),
        ports=ports,
        memory_limit_bytes=MEMORY_LIMIT_BYTES,
        seed=SEED,
        history_end=now,
    )
    settings.shop.mkdir(parents=True)
    settings.write()
    _write_yaml(folder / "wellkept.yaml", _platform(folder, settings))
    _write_yaml(folder / "agent.yaml", _agent(settings))
    _write_past(folder, settings)
    return Layout(folder, settings, address)


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _platform(folder: Path, settings: ShopSettings) -> dict[str, object]:
    secret = folder / "pager.secret"
    _make_secret(secret)
    pager = {"type": "webhook", "name": "pager", "url": f"{settings.url('load')}{PATH}", "secret_file": str(secret)}
    return {
        "data": str(folder / "data"),
        "server": {"port": settings.ports["server"]},
        "notify": {"networks": ["127.0.0.0/8"], "receivers": [pager], "route": {"receivers": ["pager"]}},
        "ingest": {"grpc": {"enabled": False}},  # the shop speaks HTTP, and 4317 is for who runs beside the demo
        "ops": _PLATFORM,
        "ml": {"serve_port": settings.ports["model"], "watch_every_s": 1.5},
        "agent": {"config": str(folder / "agent.yaml")},
    }


def _agent(settings: ShopSettings) -> dict[str, object]:
    """What the agent of this host watches, and what it may do: clear payments' old logs, restart services."""
    restart = [sys.executable, "-m", "wellkept.demo.shop", "restart"]
    payments = str(settings.log_file("payments").parent)
    return {
        "interval_s": 1.0,
        "top_processes": 3,
        "services": [
            {
                "name": name,
                "namespace": NAMESPACE,
                "pid_file": str(settings.pid_file(name)),
                "restart": [*restart, name, settings.folder],
                "memory_limit_bytes": settings.memory_limit_bytes,
            }
            for name in SERVICES
        ],
        "logs": [
            {"path": f"{settings.log_file(name)}*", "service": name, "namespace": NAMESPACE}
            for name in ("checkout", "payments")
        ],
        "directories": [{"path": payments, "patterns": ["payments.log.*"], "min_age_s": OLD_AFTER_S}],
        "filesystems": [{"path": payments, "limit_bytes": DISK_LIMIT_BYTES}],
    }


def _write_past(folder: Path, settings: ShopSettings) -> None:
    """The model project with the shop's history, and the feature store as the history left it."""
    _, purchases = make_history(settings.seed, settings.history_end)
    source = Path(__file__).parent / "fraud"
    project = folder / "fraud"
    project.mkdir()
    for name in ("model.yaml", "model.py"):
        shutil.copy(source / name, project / name)
    write_history(rows_of(purchases, settings.seed), project / "history.parquet")
    store = Store(store_path(settings))
    store.add(*_known(purchases, settings.history_end))
    store.close()


def _known(p: Purchases, end: float) -> tuple[list[tuple[int, int, float, float]], list[tuple[int, float]]]:
    """The purchases and the chargebacks that are known at the history's end."""
    columns = (p.card.tolist(), p.terminal.tolist(), p.amount.tolist(), p.at.tolist())
    known = p.fraud & (p.at + LABEL_DELAY_S <= end)
    chargebacks = zip(p.terminal[known].tolist(), (p.at[known] + LABEL_DELAY_S).tolist(), strict=True)
    return list(zip(*columns, strict=True)), list(chargebacks)


def _token(data: Path) -> str:
    """The server's token, made before its first start, so that everything can start at once."""
    data.mkdir(parents=True)
    return _make_secret(data / "token")


def _make_secret(path: Path) -> str:
    """A new secret, in a file that its owner alone can read."""
    secret = secrets.token_hex(16)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secret + "\n")
    return secret


def _write_yaml(path: Path, value: dict[str, object]) -> None:
    path.write_text(yaml.safe_dump(value, sort_keys=False), encoding="utf-8")


def _is_alive(pid_file: Path) -> bool:
    try:
        os.kill(int(pid_file.read_text(encoding="ascii")), 0)
    except (OSError, ValueError):
        return False
    return True
