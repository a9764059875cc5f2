"""The MLflow extra, wired: the managed server or the team's, the door in front of it, and the gate behind both."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from wellkept.api.mlflow import DoorSettings, MlflowDoor, hosts_of
from wellkept.app.children import Child
from wellkept.app.claim import LOOPBACK, listen, url_of
from wellkept.app.secrets import token_of
from wellkept.app.settings import Mlflow
from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import ForbiddenError, InputError
from wellkept.ml.register.mlflow import ChangeMlflow, MlflowDesk
from wellkept.spine.action import ActionHandler
from wellkept.spine.gate import Gate
from wellkept.store.mlflow import keeper
from wellkept.store.mlflow.client import MlflowClient, Upstream

if TYPE_CHECKING:
    from wellkept.app.platform import Platform

FOREIGN = ("WELLKEPT_", "MLFLOW_", "_MLFLOW_")
"""Variables that the managed server must not see: our secrets, and settings of somebody's own client."""


class MlflowExtra:
    """A door with a thread of its own, and the process behind it where the platform manages that."""

    def __init__(self, wanted: Mlflow, data: Path, clock: Clock, logs: Path) -> None:
        """Nothing is started yet, but the port is taken.

        Raises:
            InputError: the interpreter of the managed server is not there, or the address of the team's is none.
            ForbiddenError: the address is not loopback and the configuration does not say that this is meant.
            ConflictError: the port is in use.
        """
        if wanted.host not in LOOPBACK and not wanted.allow_remote:
            raise ForbiddenError(f"mlflow.host {wanted.host} is not loopback; set mlflow.allow_remote to mean it")
        self._wanted, self._folder = wanted, Path()
        self._child: Child | None = None
        self.client = MlflowClient(self._upstream(data, logs))
        self.desk = MlflowDesk(self.client, clock, wanted.guarded)
        names = {wanted.host, *wanted.hosts}
        settings = DoorSettings(
            hosts_of(names), int(wanted.max_artifact_gib * (1 << 30)), wanted.mode == "managed", token_of(data)
        )
        self.door = MlflowDoor(self.client.upstream, self.desk, settings)
        self._listener = listen(wanted.host, wanted.port)
        self.address = url_of(self._listener, wanted.host)
        config = uvicorn.Config(
            self.door, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=2
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listener]}, name="mlflow-door", daemon=True
        )

    def handlers(self) -> Sequence[ActionHandler]:
        return [ChangeMlflow(self.client)]

    def attach(self, gate: Gate) -> None:
        self.desk.gate = gate

    def start(self) -> None:
        if self._child is not None:
            self._child.start()
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(5.0)
        self._listener.close()
        if self._child is not None:
            self._child.stop(timeout_s=10.0)
            shutil.rmtree(self._folder, ignore_errors=True)
        self.client.close()

    def status(self) -> dict[str, Any]:
        return {
            "mode": self._wanted.mode,
            "address": self.address,
            "pid": self._child.pid if self._child is not None else None,
            "answers": self.client.is_well(),
            "requests": dict(self.door.counts),
        }

    def _upstream(self, data: Path, logs: Path) -> Upstream:
        wanted = self._wanted
        if wanted.mode == "managed":
            return self._managed(data, logs)
        if not wanted.url.startswith(("http://", "https://")) or "@" in wanted.url:
            raise InputError("mlflow.url", "must begin with http:// or https:// and hold no password", wanted.url)
        secret = wanted.secret_file.read_text("utf-8").strip() if wanted.secret_file is not None else ""
        return Upstream(wanted.url.rstrip("/"), user=wanted.user, secret=secret)

    def _managed(self, data: Path, logs: Path) -> Upstream:
        """The managed server listens on a socket in a folder that only this user can enter, and on no port at all."""
        python = self._wanted.python.absolute()
        if not python.is_file():
            rule = "must be the interpreter of an environment that has MLflow; `make mlflow` makes one"
            raise InputError("mlflow.python", rule, str(python))
        logs.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix="wellkept-mlflow-"))  # short: a socket's path has 108 bytes at most
        socket = self._folder / "socket"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        arguments = [str(Path(keeper.__file__)), str(socket), str(data.resolve() / "mlflow")]
        self._child = Child("mlflow", arguments, environment, logs / "mlflow.log", program=str(python))
        return Upstream("http://localhost", socket=str(socket))


def mlflow_extra(platform: Platform, logs: Path) -> MlflowExtra | None:
    """The extra, where the configuration wants it."""
    wanted = platform.settings.mlflow
    if wanted.mode == "off":
        return None
    return MlflowExtra(wanted, platform.settings.data.resolve(), platform.clock, logs)
