"""The shop's services with one another: traces, time-outs, and what a late feature service does to a checkout."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest
from opentelemetry.trace import SpanKind, StatusCode
from tests.demo.shop.conftest import Serve, Traced

from wellkept.demo.shop.calls import CallError, Peer
from wellkept.demo.shop.checkout import Checkout
from wellkept.demo.shop.ledger import Ledger
from wellkept.demo.shop.payments import Payments
from wellkept.demo.shop.web import Body, RefusedError
from wellkept.demo.world.memory import NAMES

ORDER = {"id": "o-1", "card": 7, "terminal": 3, "amount": 12.5, "card_present": True, "terminal_age_days": 4.0}
LOG = logging.getLogger("tests.demo.shop")
KNOWN = dict.fromkeys(NAMES, 1.0)
Asked = list[Body]
T = TypeVar("T")


def answering(answer: Body, asked: Asked) -> Callable[[Body], Awaitable[Body]]:
    async def handle(body: Body) -> Body:
        asked.append(body)
        return answer

    return handle


async def late(_: Body) -> Body:
    await asyncio.sleep(5)
    return KNOWN


async def down(_: Body) -> Body:
    raise RefusedError(503, "not today")


def talk(peers: Sequence[Peer], do: Callable[[], Awaitable[T]]) -> T:
    """Do something with peers, and let go of their connections while their loop still runs."""

    async def go() -> T:
        try:
            return await do()
        finally:
            for peer in peers:
                peer.close()

    return asyncio.run(go())


class Desk:
    """A checkout and those that it calls."""

    def __init__(self, traced: Traced, url: str, model: str = "", limit: int = 1 << 40) -> None:
        self.peers = (
            Peer(traced.tracer, "features", url, 0.2),
            Peer(traced.tracer, "", model or url, 2.0),
            Peer(traced.tracer, "payments", url, 5.0),
        )
        self.checkout = Checkout(*self.peers, LOG, limit)

    def sell(self, *orders: Body) -> list[Body]:
        async def each() -> list[Body]:
            return [await self.checkout.buy(order) for order in orders or (ORDER,)]

        return talk(self.peers, each)

    def configure(self, *, keep_receipts: bool) -> None:
        asyncio.run(self.checkout.configure({"keep_receipts": keep_receipts}))


def test_a_checkout_is_scored_with_its_features_and_paid(serve: Serve, traced: Traced) -> None:
    asked: Asked = []
    scored = {"outputs": [{"data": [0.25]}]}
    url = serve(
        {
            "POST /features": answering(KNOWN, []),
            "POST /v2/models/fraud/infer": answering(scored, asked),
            "POST /payments": answering({}, asked),
        }
    )
    assert Desk(traced, url).sell() == [{"id": "o-1", "score": 0.25}]
    inference, payment = asked
    sent = {tensor["name"]: tensor["data"][0] for tensor in inference["inputs"]}
    assert sent == {"amount": 12.5, "card_present": 1.0, "terminal_age_days": 4.0, **KNOWN}
    assert inference["parameters"] == {"prediction_id": "o-1", "entity_key": "7"}
    assert payment["prediction"] == "o-1"


def test_late_features_are_nulls_and_an_error_of_the_call(serve: Serve, traced: Traced) -> None:
    asked: Asked = []
    scored = {"outputs": [{"data": [0.5]}]}
    url = serve(
        {
            "POST /features": late,
            "POST /v2/models/fraud/infer": answering(scored, asked),
            "POST /payments": answering({}, []),
        }
    )
    assert Desk(traced, url).sell()[0]["score"] == 0.5
    sent: dict[str, Any] = {tensor["name"]: tensor["data"][0] for tensor in asked[0]["inputs"]}
    assert all(sent[name] is None for name in NAMES)
    spans = [span for span in traced.spans.get_finished_spans() if span.name == "POST /features"]
    (call,) = [span for span in spans if span.kind is SpanKind.CLIENT]
    assert call.status.status_code is StatusCode.ERROR
    assert call.attributes is not None
    assert call.attributes["peer.service"] == "features"


def test_without_a_model_the_shop_sells_on(serve: Serve, traced: Traced) -> None:
    asked: Asked = []
    url = serve({"POST /features": answering(KNOWN, []), "POST /payments": answering({}, asked)})
    assert Desk(traced, url).sell()[0]["score"] is None
    assert asked[0]["prediction"] is None
    assert Desk(traced, url, model="http://127.0.0.1:1").sell()[0]["score"] is None


def test_a_payment_that_fails_fails_the_checkout(serve: Serve, traced: Traced) -> None:
    url = serve({"POST /features": answering(KNOWN, []), "POST /payments": down})
    with pytest.raises(RefusedError, match="payment failed"):
        Desk(traced, url).sell()


def test_receipts_are_kept_only_when_told_and_only_up_to_the_limit(serve: Serve, traced: Traced) -> None:
    url = serve({"POST /features": answering(KNOWN, []), "POST /payments": answering({}, [])})
    desk, full = Desk(traced, url), Desk(traced, url, limit=1)
    desk.sell()
    assert desk.checkout.kept_bytes == 0
    for each in (desk, full):
        each.configure(keep_receipts=True)
        each.sell()
    assert desk.checkout.kept_bytes > 20_000
    assert full.checkout.kept_bytes == 0


def test_a_trace_goes_from_payments_to_the_ledger(serve: Serve, traced: Traced, tmp_path: Path) -> None:
    with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
        to_ledger = Peer(traced.tracer, "ledger", serve({"POST /entries": ledger.enter}), 5.0)
        payments = Payments(to_ledger, LOG)
        to_payments = Peer(traced.tracer, "payments", serve({"POST /payments": payments.pay}, to_ledger), 5.0)
        payment = {"id": "o-1", "card": 7, "terminal": 3, "amount": 12.5, "prediction": "o-1"}

        async def pay_twice() -> list[Body]:
            return [await to_payments.post("/payments", payment) for _ in range(2)]

        assert [answer["paid"] for answer in talk([to_payments], pay_twice)] == [True, True]
        assert asyncio.run(ledger.totals({})) == {"payments": 1, "scored": 1}
    spans = traced.spans.get_finished_spans()
    kinds: dict[int, set[SpanKind]] = {}
    for span in spans:
        assert span.context is not None
        kinds.setdefault(span.context.trace_id, set()).add(span.kind)
    assert list(kinds.values()) == [{SpanKind.SERVER, SpanKind.CLIENT}] * 2
    assert len(spans) == 8


def test_an_entry_without_an_amount_is_refused_and_the_caller_told(
    serve: Serve, traced: Traced, tmp_path: Path
) -> None:
    with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
        peer = Peer(traced.tracer, "ledger", serve({"POST /entries": ledger.enter}), 5.0)
        entry = {"id": "o-1", "card": 1, "terminal": 1, "amount": 0}
        with pytest.raises(CallError, match="status 422"):
            talk([peer], lambda: peer.post("/entries", entry))


def test_what_nobody_answers_is_404(serve: Serve, traced: Traced) -> None:
    peer = Peer(traced.tracer, "x", serve({}), 5.0)
    with pytest.raises(CallError) as caught:
        talk([peer], lambda: peer.post("/nothing", {}))
    assert caught.value.status == 404
