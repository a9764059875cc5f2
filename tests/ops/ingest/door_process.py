"""The OTLP door in a process of its own, to be killed: ``door_process.py FOLDER`` says its address when it is open."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from wellkept.api.otlp import routes
from wellkept.app.clock import SystemClock
from wellkept.ops.ingest.base import IngestSettings
from wellkept.ops.ingest.stage import Ingest
from wellkept.store.telemetry.telemetry import Telemetry


def main(folder: Path) -> None:
    telemetry = Telemetry.open(folder)
    ingest = Ingest(telemetry, SystemClock(), IngestSettings(pace_s=0.0), telemetry.requests)
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(Starlette(routes=routes(ingest)), log_level="error", lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
