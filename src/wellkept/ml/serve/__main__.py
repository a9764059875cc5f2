"""``python -m wellkept.ml.serve``: the model server process."""

from __future__ import annotations

import argparse
import logging
import threading
from pathlib import Path

import uvicorn

from wellkept.ml.serve.log import PredictionLog
from wellkept.ml.serve.models import Models
from wellkept.ml.serve.server import Doors
from wellkept.ml.serve.telemetry import Instrument
from wellkept.sdk.client import Client
from wellkept.sdk.host import own_host_id
from wellkept.sdk.otlp import Sender

REFRESH_EVERY_S = 0.5


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=7461)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--url", required=True)
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path(".wellkept/served"))
    options = parser.parse_args()
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    token, stop = options.token_file.read_text(encoding="ascii").strip(), threading.Event()
    models = Models(Client(options.url, token), options.cache)
    log = PredictionLog(Client(options.url, token), options.cache / "predictions.jsonl")
    instrument = Instrument(Sender(options.url, token, stop), stop, own_host_id())

    def follow() -> None:
        while not stop.is_set():
            models.refresh()
            stop.wait(REFRESH_EVERY_S)

    threading.Thread(target=follow, name="refresh", daemon=True).start()
    app = Doors(models, log, instrument).app()
    uvicorn.run(app, host=options.host, port=options.port, log_level="warning", access_log=False)
    stop.set()
    log.close()


main()
