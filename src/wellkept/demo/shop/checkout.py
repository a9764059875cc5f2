"""Checkout: asks for features and a score, takes the payment, and writes the receipt."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import psutil
from opentelemetry.trace import Tracer

from wellkept.demo.shop.calls import CallError, Peer
from wellkept.demo.shop.settings import ShopSettings
from wellkept.demo.shop.telemetry import logger_for
from wellkept.demo.shop.web import Body, Handler, RefusedError
from wellkept.demo.world.memory import NAMES

FEATURES_TIMEOUT_S = 1.0
"""A customer does not wait longer for features; the score is then made without them."""
SCORE_TIMEOUT_S = 2.0
REQUEST_INPUTS = ("amount", "card_present", "terminal_age_days")
RECEIPT_LINES = 900
STALE = frozenset({404, 0})


class Checkout:
    """One purchase after the other. ``keep_receipts`` is the bug: receipts are kept, and never thrown away."""

    def __init__(self, features: Peer, model: Peer, payments: Peer, log: logging.Logger, limit_bytes: int) -> None:
        self._features, self._model, self._payments, self._log = features, model, payments, log
        self._limit = limit_bytes
        self._receipts: dict[str, bytes] = {}
        self.keep_receipts = False

    @property
    def kept_bytes(self) -> int:
        """How much the kept receipts take."""
        return sum(map(len, self._receipts.values()))

    async def buy(self, body: Body) -> Body:
        """Sell something."""
        known = await self._known_of(body)
        score = await self._score(body, known)
        payment = {k: body[k] for k in ("id", "card", "terminal", "amount")}
        try:
            await self._payments.post("/payments", {**payment, "prediction": body["id"] if score is not None else None})
        except CallError as error:
            self._log.error("order %s was not paid: %s", body["id"], error)
            raise RefusedError(502, "the payment failed") from error
        self._write_receipt(body)
        self._log.info("order %s of %.2f scored %s", body["id"], body["amount"], score)
        return {"id": body["id"], "score": score}

    async def configure(self, body: Body) -> Body:
        """Change the configuration while it runs, as somebody did on a Friday."""
        self.keep_receipts = bool(body["keep_receipts"])
        return {"keep_receipts": self.keep_receipts}

    async def _known_of(self, body: Body) -> Mapping[str, float | None]:
        asked = {"card": body["card"], "terminal": body["terminal"], "amount": body["amount"], "at": time.time()}
        try:
            found: Mapping[str, float | None] = await self._features.post("/features", asked)
        except CallError as error:
            self._log.warning("order %s goes on without features: %s", body["id"], error)
            return dict.fromkeys(NAMES)
        return found

    async def _score(self, body: Body, known: Mapping[str, float | None]) -> float | None:
        """The fraud score; None while no model is served: the shop sells on."""
        values = {**{name: float(body[name]) for name in REQUEST_INPUTS}, **known}
        tensors = [{"name": n, "datatype": "FP64", "shape": [1], "data": [v]} for n, v in values.items()]
        parameters = {"prediction_id": body["id"], "entity_key": str(body["card"])}
        try:
            answer: Any = await self._model.post(
                "/v2/models/fraud/infer", {"id": body["id"], "inputs": tensors, "parameters": parameters}
            )
        except CallError as error:
            if error.status not in STALE:
                self._log.warning("order %s goes on without a score: %s", body["id"], error)
            return None
        return float(answer["outputs"][0]["data"][0])

    def _write_receipt(self, body: Body) -> None:
        lines = (
            f"{body['id']} {line:4d} {body['amount']:10.2f} terminal {body['terminal']:6d}"
            for line in range(RECEIPT_LINES)
        )
        receipt = "\n".join(lines).encode() if self.keep_receipts else b""
        # A process at its limit gets no more memory: it goes on at the limit, as one in a container would thrash there.
        if receipt and _resident_bytes() < self._limit:
            self._receipts[body["id"]] = receipt


def _resident_bytes() -> int:
    resident: int = psutil.Process().memory_info().rss
    return resident


def routes(settings: ShopSettings, tracer: Tracer) -> Mapping[str, Handler]:
    """What checkout answers."""
    checkout = Checkout(
        Peer(tracer, "features", settings.url("features"), FEATURES_TIMEOUT_S),
        Peer(tracer, "", settings.model, SCORE_TIMEOUT_S),
        Peer(tracer, "payments", settings.url("payments"), 10.0),
        logger_for("checkout", settings),
        settings.memory_limit_bytes,
    )
    return {"POST /checkout": checkout.buy, "POST /admin/configuration": checkout.configure}
