"""``python -m wellkept.ml.serve``: the model server process."""

from __future__ import annotations

import argparse
import contextlib
import logging
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool

from wellkept.ml.serve.log import PredictionLog
from wellkept.ml.serve.models import Models
from wellkept.ml.serve.server import Doors
from wellkept.ml.serve.telemetry import Instrument
from wellkept.sdk.client import Client
from wellkept.sdk.host import own_host_id
from wellkept.sdk.otlp import Sender

REFRESH_EVERY_S = 0.5
TIMEOUT_S = 10.0
GRACE_S = 2
"""What open connections get at the end; together with the log's last word it must be less than the server gives us."""

log = logging.getLogger("wellkept.ml.serve")


def main() -> None:
    """Serve until told to stop."""
    options = _options()
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    token, stop = options.token_file.read_text(encoding="ascii").strip(), threading.Event()
    listener = socket.create_server((options.host, options.port), backlog=2048)
    options.cache.mkdir(parents=True, exist_ok=True)
    address = f"http://{options.host}:{listener.getsockname()[1]}"
    (options.cache / "address").write_text(address, encoding="ascii")
    models = Models(Client(options.url, token, TIMEOUT_S), options.cache)
    predictions = PredictionLog(Client(options.url, token, TIMEOUT_S), options.cache / "predictions.jsonl")
    instrument = Instrument(Sender(options.url, token, stop), stop, own_host_id())

    @contextlib.asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        """Nothing after the server's own end would run: uvicorn raises the signal again that ended it."""
        threading.Thread(target=_follow, args=(models, stop), name="refresh", daemon=True).start()
        yield
        stop.set()
        await run_in_threadpool(predictions.close)

    app = Doors(models, predictions, instrument).app()
    app.router.lifespan_context = life
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE_S)
    uvicorn.Server(config).run(sockets=[listener])


def _follow(models: Models, stop: threading.Event) -> None:
    """Keep serving what the platform wants. A surprise is logged here, because this thread must outlive it."""
    while not stop.is_set():
        try:
            models.refresh()
        except Exception:
            log.exception("the platform's wishes could not be followed; the models stay as they are")
        stop.wait(REFRESH_EVERY_S)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=7461, help="0: any; the address is written below --cache")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--url", required=True)
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path(".wellkept/served"))
    return parser.parse_args()


main()
