"""Payments: takes the money and writes the entry. What it logs is up to whoever sets its log level."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping

from opentelemetry.trace import Tracer

from wellkept.demo.shop.calls import CallError, Peer
from wellkept.demo.shop.settings import ShopSettings
from wellkept.demo.shop.telemetry import logger_for
from wellkept.demo.shop.web import Body, Handler, RefusedError

FRAMES, FRAME_BYTES = 6, 1200
"""What a payment says to the card network, and what debugging writes down of it."""


class Payments:
    """Pays, and enters what was paid into the ledger."""

    def __init__(self, ledger: Peer, log: logging.Logger) -> None:
        self._ledger, self._log = ledger, log

    async def pay(self, body: Body) -> Body:
        """Take one payment."""
        if self._log.isEnabledFor(logging.DEBUG):
            for frame in range(FRAMES):
                wire = secrets.token_hex(FRAME_BYTES)
                self._log.debug("payment %s frame %d of %d on the wire: %s", body["id"], frame + 1, FRAMES, wire)
        try:
            await self._ledger.post("/entries", body)
        except CallError as error:
            self._log.error("payment %s was not entered: %s", body["id"], error)
            raise RefusedError(502, "the ledger did not answer") from error
        self._log.info("payment %s of %.2f by card %s at terminal %s", *(body[k] for k in _SAID))
        return {"id": body["id"], "paid": True}

    async def log_level(self, body: Body) -> Body:
        """Set how much is logged."""
        self._log.setLevel(str(body["level"]).upper())
        return {"level": body["level"]}


_SAID = ("id", "amount", "card", "terminal")


def routes(settings: ShopSettings, tracer: Tracer) -> Mapping[str, Handler]:
    """What payments answers."""
    ledger = Peer(tracer, "ledger", settings.url("ledger"), 5.0)
    payments = Payments(ledger, logger_for("payments", settings))
    return {"POST /payments": payments.pay, "POST /admin/log": payments.log_level}
