"""Features that a service knows: asked for once a request, for a bounded time, with declared defaults after that."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.ml.serve.doors import Asked, served, tensor

from wellkept.ml.contract import parse_contract
from wellkept.ml.serve import lookup as module

CONTRACT = parse_contract("""
name: fraud
task: binary_classification
owner: risk
inputs:
  - {name: amount}
  - {name: spend, source: "service:shop/features", default: 7}
  - {name: count, source: "service:shop/features", nullable: true}
  - {name: risk, source: "service:risk"}
metrics: {primary: roc_auc}
""")
INFER = "/v2/models/fraud/infer"
KNOWN = {"card-1": {"spend": 10.0, "count": 2, "risk": 100}, "card-2": {"spend": 20.0, "count": None, "risk": 200}}


class Service:
    """A feature service; ``answer`` makes its status and body of what it is asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], tuple[int, Any]] = self.known
        service = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.asked.append(asked)
                status, answer = service.answer(asked)
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that is overridden
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/features"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @staticmethod
    def known(asked: dict[str, Any]) -> tuple[int, Any]:
        rows = [KNOWN.get(key) for key in asked["entity_keys"]]
        return 200, {"rows": rows, "as_of": "2026-11-24T12:00:00Z"}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    found = Service()
    yield found
    found.close()


@pytest.fixture
def shop(tmp_path: Path, service: Service) -> Asked:
    """A model server whose model asks both of its services."""
    asked = Asked(tmp_path, {"shop/features": service.url, "risk": service.url})
    asked.serve(served(contract=CONTRACT))
    return asked


def amount(*values: float, **parameters: Any) -> dict[str, Any]:
    return {"inputs": [tensor("amount", *values)], "parameters": parameters}


def test_what_is_left_out_is_looked_up_once_a_service(shop: Asked, service: Service) -> None:
    answer = shop.post(INFER, amount(1, 2, entity_keys=["card-1", "card-2"]))

    assert answer.json()["outputs"][0]["data"] == [1 + 10 + 2 + 100, 2 + 20 + 200]
    assert sorted((one["features"], one["entity_keys"]) for one in service.asked) == [
        (["risk"], ["card-1", "card-2"]),
        (["spend", "count"], ["card-1", "card-2"]),
    ]
    first, second = shop.log.records
    assert (first["entity_key"], second["entity_key"]) == ("card-1", "card-2")
    assert first["features"] == {"amount": 1.0, "spend": 10.0, "count": 2.0, "risk": 100.0}
    assert first["attributes"]["features_as_of"] == "2026-11-24T12:00:00Z"
    assert first["attributes"]["features_from"] == "shop/features,risk"


def test_what_the_caller_sends_is_not_looked_up(shop: Asked, service: Service) -> None:
    body = {"inputs": [tensor(name, 1) for name in ("amount", "spend", "count", "risk")]}

    assert shop.post(INFER, body).json()["outputs"][0]["data"] == [4.0]
    assert service.asked == []


def test_an_entity_that_the_service_does_not_know_gets_the_defaults_and_they_are_counted(
    shop: Asked, service: Service
) -> None:
    service.answer = lambda asked: (200, {"rows": [{"risk": 5} if "risk" in asked["features"] else None]})

    answer = shop.post(INFER, amount(1, entity_key="card-9"))

    assert answer.json()["outputs"][0]["data"] == [1 + 7 + 5]
    assert shop.log.records[0]["features"] == {"amount": 1.0, "spend": 7.0, "count": None, "risk": 5.0}
    assert shop.log.records[0]["attributes"]["defaulted"] == "spend,count"
    assert 'model_infer_defaulted_total{model="fraud",version="7",input="spend"} 1' in shop.get("/metrics").text


def test_a_service_that_is_too_slow_is_not_waited_for(
    shop: Asked, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def slow(asked: dict[str, Any]) -> tuple[int, Any]:
        if "spend" in asked["features"]:
            released.wait(20)
        return service.known(asked)

    service.answer = slow
    try:
        answer = shop.post(INFER, amount(1, entity_key="card-1"))
    finally:
        released.set()

    assert answer.json()["outputs"][0]["data"] == [1 + 7 + 100]
    assert 'feature_lookup_total{service="shop/features",outcome="timeout"} 1' in shop.get("/metrics").text


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}),
        (200, b"no JSON"),
        (200, []),
        (200, {"rows": []}),
        (200, {"rows": [7]}),
        (302, {}),
    ],
    ids=["broken", "no JSON", "no object", "too few", "no row", "elsewhere"],
)
def test_an_input_without_a_default_is_refused_for_now(answer: tuple[int, Any], shop: Asked, service: Service) -> None:
    service.answer = lambda _: answer

    refused = shop.post(INFER, amount(1, entity_key="card-1"))

    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["error"] == "input risk: risk does not give it, and it has no default"
    assert shop.log.records == []


def test_what_a_service_gives_is_checked_like_what_a_caller_sends(shop: Asked, service: Service) -> None:
    service.answer = lambda asked: (200, {"rows": [{"spend": 1, "count": 1, "risk": "high"}]})

    answer = shop.post(INFER, amount(1, entity_key="card-1"))

    assert (answer.status_code, answer.json()["error"]) == (400, "input risk, from risk: must be a number, got 'high'")


def test_a_lookup_needs_to_know_whose_features_are_meant(shop: Asked, service: Service) -> None:
    answer = shop.post(INFER, amount(1))

    assert answer.status_code == 400
    assert answer.json()["error"] == "parameters.entity_key: is required where spend, count, risk must be looked up"
    assert service.asked == []


def test_a_service_that_keeps_failing_is_left_alone_for_a_while(
    shop: Asked, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 600.0)
    service.answer = lambda asked: (500, {}) if "spend" in asked["features"] else service.known(asked)
    for _ in range(module.TRIES + 1):
        assert shop.post(INFER, amount(1, entity_key="card-1")).status_code == 200

    assert sum("spend" in one["features"] for one in service.asked) == module.TRIES
    assert 'outcome="left alone"} 1' in shop.get("/metrics").text


def test_without_an_address_the_caller_must_send_everything(asked: Asked) -> None:
    asked.serve(served(contract=CONTRACT))

    assert asked.post(INFER, amount(1, entity_key="card-1")).json()["error"] == "input spend: is required"
