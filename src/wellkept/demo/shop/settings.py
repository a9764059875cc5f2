"""What the processes of the shop need to know, in one file (``shop.json``) that the demo writes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

FILE = "shop.json"
NAMESPACE = "shop"
SERVICES = ("ledger", "features", "payments", "checkout")
"""The services of the shop, each after those that it calls."""


@dataclass(frozen=True, slots=True)
class ShopSettings:
    """Addresses, folders and numbers. ``history_end`` is where the past ends and the load begins (epoch seconds)."""

    folder: str
    collector: str
    token: str
    model: str
    host_id: str
    ports: Mapping[str, int]
    memory_limit_bytes: int
    seed: int
    history_end: float

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The settings of a demo's folder."""
        return cls(**json.loads((folder / FILE).read_text(encoding="utf-8")))

    def write(self) -> None:
        """Write the file; it holds the token, so only its owner may read it."""
        descriptor = os.open(Path(self.folder) / FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file, indent=1)

    @property
    def shop(self) -> Path:
        """Where the services keep their files."""
        return Path(self.folder) / "shop"

    def url(self, name: str) -> str:
        """The address of a process of the shop."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def pid_file(self, name: str) -> Path:
        return self.shop / f"{name}.pid"

    def log_file(self, name: str) -> Path:
        """Where a service logs. Each has a folder of its own, as on a host each would have its volume."""
        return self.shop / name / f"{name}.log"
