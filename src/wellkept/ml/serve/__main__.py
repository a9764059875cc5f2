"""``python -m wellkept.ml.serve``: the model server process."""

from __future__ import annotations

import argparse
import contextlib
import functools
import gc
import json
import logging
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool

from wellkept.ml.serve.alarm import Alarm
from wellkept.ml.serve.answering import Answering
from wellkept.ml.serve.connection import IDLE_S, Connection
from wellkept.ml.serve.fetch import write_whole
from wellkept.ml.serve.guests import LOOPBACK, Guests
from wellkept.ml.serve.log import PredictionLog
from wellkept.ml.serve.lookup import Lookup
from wellkept.ml.serve.meters import Meters
from wellkept.ml.serve.models import Models
from wellkept.ml.serve.server import Doors
from wellkept.ml.serve.shadows import Shadows
from wellkept.ml.serve.telemetry import Instrument
from wellkept.sdk.client import Client
from wellkept.sdk.host import own_host_id
from wellkept.sdk.otlp import Sender

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication

REFRESH_EVERY_S = 0.5
TIMEOUT_S = 10.0
SWITCH_S = 0.0002
"""What a thread that packs predictions or loads a version may take before requests have their turn again."""
COLLECT_AT = 50_000
"""So many more objects than before are looked through for rubbish, which holds requests up: the answers that wait to be
sent are fewer."""
GRACE_S = 2
"""What open connections get at the end; together with the log's last word it must be less than the server gives us."""

log = logging.getLogger("wellkept.ml.serve")


def main() -> None:
    """Serve until told to stop."""
    options = _options()
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    token, stop = options.token_file.read_text(encoding="ascii").strip(), threading.Event()
    try:
        listener = socket.create_server((options.host, options.port), backlog=2048, reuse_port=options.workers > 1)
    except OSError as error:
        sys.exit(f"{options.host}:{options.port} cannot be used: {os.strerror(error.errno or 0)}; set ml.serve_port")
    options.cache.mkdir(parents=True, exist_ok=True)
    address = f"http://{options.host}:{listener.getsockname()[1]}"
    if options.worker == 0:
        write_whole(options.cache / "address", address.encode("ascii"))
    models = Models(Client(options.url, token, TIMEOUT_S), options.cache)
    door, budget = Client(options.url, token, TIMEOUT_S), options.log_mib << 20
    predictions = PredictionLog(door, _journal(options.cache, options.worker), budget)
    left_over = [PredictionLog(door, folder, budget) for folder in _left_over(options)]
    meters = Meters()
    instrument = Instrument(Sender(options.url, token, stop), stop, own_host_id(), meters)
    shadows = Shadows(predictions, meters, instrument)

    @contextlib.asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        """Nothing after the server's own end would run: uvicorn raises the signal again that ended it."""
        threading.Thread(target=_follow, args=(models, Alarm(door), stop), name="refresh", daemon=True).start()
        yield
        stop.set()
        await run_in_threadpool(shadows.close)
        for kept in (predictions, *left_over):
            await run_in_threadpool(kept.close)

    lookup = Lookup(json.loads(options.features), options.features_timeout_ms / 1000, meters)
    doors = Doors(
        models, predictions, Answering(predictions, instrument, meters, shadows, lookup), meters, life, _guests(options)
    )
    config = uvicorn.Config(
        cast("ASGIApplication", doors),
        interface="asgi3",
        proxy_headers=False,
        log_level="warning",
        access_log=False,
        server_header=False,
        http=cast("type[Connection]", functools.partial(Connection, doors)),
        loop="uvloop",
        ws="none",
        timeout_keep_alive=int(IDLE_S),
        timeout_graceful_shutdown=GRACE_S,
    )
    sys.setswitchinterval(SWITCH_S)
    gc.set_threshold(COLLECT_AT)
    uvicorn.Server(config).run(sockets=[listener])


def _follow(models: Models, alarm: Alarm, stop: threading.Event) -> None:
    """Keep serving what the platform wants, and tell what cannot be served.

    A surprise is logged here, because this thread must outlive it.
    What is there once a version is loaded stays: it need not be looked through for rubbish again and again.
    """
    known: set[str] | None = None
    while not stop.is_set():
        try:
            models.refresh()
            if (live := {served.digest for deployed in models.all() for served in deployed.versions}) != known:
                known = live
                gc.collect()
                gc.freeze()
            alarm.tell(models.troubles(), {deployed.champion.name for deployed in models.all()})
        except Exception:
            log.exception("the platform's wishes could not be followed; the models stay as they are")
        stop.wait(REFRESH_EVERY_S)


def _journal(cache: Path, worker: int) -> Path:
    return cache / (f"predictions-{worker}" if worker else "predictions")


def _left_over(options: argparse.Namespace) -> list[Path]:
    """Journals of workers that there are no more; the first worker sends what is in them."""
    if options.worker:
        return []
    found = [path for path in options.cache.glob("predictions-*") if path.name.rpartition("-")[2].isdigit()]
    return [path for path in found if int(path.name.rpartition("-")[2]) >= options.workers]


def _guests(options: argparse.Namespace) -> Guests:
    return Guests(options.allowed_host, anywhere=options.host not in LOOPBACK and not options.allowed_host)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=7461, help="0: any; the address is written below --cache")
    parser.add_argument("--host", default="127.0.0.1", help="beyond loopback everybody may ask: needs --allow-remote")
    parser.add_argument("--allow-remote", action="store_true", help="mean it")
    parser.add_argument("--allowed-host", action="append", default=[], help="a name that clients may call it by")
    parser.add_argument("--url", required=True)
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path(".wellkept/served"))
    parser.add_argument("--log-mib", type=int, default=1024, help="what predictions may take on disk while they wait")
    parser.add_argument("--workers", type=int, default=1, help="how many processes share the port")
    parser.add_argument("--worker", type=int, default=0, help="which of them this one is")
    parser.add_argument("--features", default="{}", help="URLs of feature services by name, as JSON")
    parser.add_argument("--features-timeout-ms", type=float, default=100.0)
    options = parser.parse_args()
    if options.host not in LOOPBACK and not options.allow_remote:
        parser.error(f"--host {options.host} is not loopback and nobody is asked who they are; --allow-remote means it")
    return options


main()
