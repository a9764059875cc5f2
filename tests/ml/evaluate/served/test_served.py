"""The model server itself is asked and put under load: parity, budget, and what cannot be served."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wellkept.kernel.verdict import Check
from wellkept.ml.contract import ModelContract, parse_contract
from wellkept.ml.evaluate.served.bodies import infer_body, scores_of
from wellkept.ml.evaluate.served.load import Driven, Driver
from wellkept.ml.evaluate.served.stage import _allowed, tried_as_served
from wellkept.ml.evaluate.stage import CHECKS
from wellkept.ml.evidence import Load, Parity, Served
from wellkept.ml.export import export
from wellkept.ml.outcome import Outcome
from wellkept.ml.runtime import estimator_scores
from wellkept.ml.train.judging.asked import asked

TEXT = """
name: shop
task: binary_classification
owner: us
inputs:
  - {name: amount, at_least: -1000000}
  - {name: visits, type: int}
  - {name: night, type: bool}
  - {name: risk, nullable: true}
metrics: {primary: roc_auc}
gates:
  - {parity_at_most: 1.0e-5}
  - {budget: {requests_per_s: 60, p99_ms: 5000, memory_mb: 2000, seconds: 0.5, batch_rows: 3}}
"""
CONTRACT = parse_contract(TEXT)
NAMES = list(CONTRACT.features)
KINDS = [entry.type for entry in CONTRACT.inputs]
REQUEST = {
    "features": NAMES, "nullable": ["risk"], "kinds": KINDS,
    "task": "binary_classification",
}  # fmt: skip
NONE = np.empty(0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """An artifact as training leaves it, and the rows to ask with the estimator's scores."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    random = np.random.default_rng(4)
    rows = np.column_stack(
        [random.gamma(2, 20, 400), random.integers(0, 9, 400), random.integers(0, 2, 400), random.random(400)]
    )
    rows[::7, 3] = np.nan
    model = HistGradientBoostingClassifier(max_iter=15, random_state=1).fit(rows, rows[:, 0] > 40)
    folder = tmp_path_factory.mktemp("model")
    export(model, rows, NAMES, folder)
    found = asked(rows, lambda some: estimator_scores(model, some), REQUEST)
    return folder, Outcome(NONE, NONE, None, 1.0, {}, asked=found)


@pytest.fixture(scope="module")
def seen(trained: tuple[Path, Outcome]) -> Outcome:
    folder, outcome = trained
    return tried_as_served(CONTRACT, TEXT, folder, outcome)


def checks(outcome: Outcome, contract: ModelContract = CONTRACT) -> list[Check]:
    return [CHECKS[type(gate)](contract, gate, outcome) for gate in contract.gates]


def test_what_is_served_scores_as_the_estimator_in_training(seen: Outcome) -> None:
    assert seen.served is not None
    assert seen.served.parity is not None
    parity, _ = checks(seen)

    assert seen.served.parity.rows > 100
    assert seen.served.parity.largest <= 1e-5
    assert parity.passed, parity.sentence
    assert "nulls and extremes" in parity.sentence


def test_the_declared_load_is_driven_and_memory_is_measured(seen: Outcome) -> None:
    assert seen.served is not None
    [load] = seen.served.loads
    _, budget = checks(seen)

    assert (load.sent, load.failed, load.trouble) == (30, 0, "")
    assert sum(load.counts) == 30
    assert 20 < load.memory_mb < 2000
    assert 0 <= load.busy <= 1
    assert 0 < load.p50_ms <= load.p99_ms == min(load.tries)
    assert "of 30 requests of 3 rows, sent at 60 a second, 30 were answered" in budget.sentence
    assert Served.of(json.loads(json.dumps(seen.served.values()))) == seen.served


@pytest.mark.parametrize(
    ("change", "passed"),
    [
        ({}, True),
        ({"p99_ms": 6000.0}, False),
        ({"memory_mb": 2500.0}, False),
        ({"failed": 1}, False),
        ({"answered_per_s": 50.0}, False),
        ({"trouble": "the model server did not serve the version"}, False),
        ({"memory_mb": 0.0}, False),
        ({"gate": 0}, False),
    ],
)
def test_a_budget_is_kept_as_a_whole(change: dict[str, object], passed: bool) -> None:
    load = Load(1, 60.0, 59.0, 30, 0, 1.0, 2.0, [2.0], 200.0, 0.1)
    outcome = Outcome(NONE, NONE, None, 1.0, {}, served=Served(None, (replace(load, **change),)))  # type: ignore[arg-type]

    assert checks(outcome)[1].passed is passed


def test_a_busy_machine_is_named_where_the_budget_was_not_kept() -> None:
    load = Load(1, 60.0, 59.0, 30, 0, 1.0, 9000.0, [9000.0], 200.0, 0.8)

    [_, found] = checks(Outcome(NONE, NONE, None, 1.0, {}, served=Served(None, (load,))))

    assert found.sentence.endswith("A quieter machine may say otherwise")


def test_scores_that_differ_fail_and_the_row_is_shown() -> None:
    served = Served(Parity(9, 0.25, {"amount": 3.0, "trained": 0.5, "served": 0.75}))

    parity, _ = checks(Outcome(NONE, NONE, None, 1.0, {}, served=served))

    assert not parity.passed
    assert "'amount': 3.0" in parity.sentence


def test_a_version_that_cannot_be_served_fails_both_and_says_why(trained: tuple[Path, Outcome], tmp_path: Path) -> None:
    for file in trained[0].iterdir():
        tmp_path.joinpath(file.name).write_bytes(b"{}" if file.suffix == ".json" else file.read_bytes())

    parity, budget = checks(tried_as_served(CONTRACT, TEXT, tmp_path, trained[1]))

    assert not parity.passed
    assert not budget.passed
    assert "did not serve the version" in parity.sentence
    assert "did not serve the version" in budget.sentence


def test_without_such_a_gate_no_server_is_started(tmp_path: Path) -> None:
    text = TEXT.partition("gates:")[0]
    outcome = Outcome(NONE, NONE, None, 1.0, {})

    assert tried_as_served(parse_contract(text), text, tmp_path, outcome) is outcome


def test_only_what_a_caller_may_ask_is_asked() -> None:
    rows = [[1.0, 2.0, 1.0, None], [-1e9, 2.0, 1.0, 0.5], [1.0, None, 0.0, 0.5], [2.0, 1.0, 0.0, 0.1]]

    kept, expected, real = _allowed(CONTRACT, {"rows": rows, "expected": [0.1, 0.2, 0.3, 0.4], "real": 3})

    assert (kept, expected, real) == ([rows[0], rows[3]], [0.1, 0.4], 1)


def test_a_request_is_written_in_the_types_of_the_contract() -> None:
    body = json.loads(infer_body(NAMES, KINDS, [[1.5, 2.0, 1.0, None]]))

    assert [tensor["data"] for tensor in body["inputs"]] == [[1.5], [2], [True], [None]]
    assert [tensor["datatype"] for tensor in body["inputs"]] == ["FP64", "INT64", "BOOL", "FP64"]
    assert scores_of(b'{"outputs": [{"data": [0.5, 1]}]}') == [0.5, 1.0]


Door = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def driven_against(door: Door, per_s: float, seconds: float) -> Driven:
    """What a driver saw of a door, which is closed with all its connections at the end."""
    doors: list[asyncio.StreamWriter] = []

    async def opened(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        doors.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError):
            await door(reader, writer)
        writer.close()

    server = await asyncio.start_server(opened, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    found = await Driver(host, port, "/", [b"{}"]).drive(per_s, seconds)
    server.close()
    for writer in doors:
        writer.close()
        await writer.wait_closed()
    return found


def test_an_open_loop_waits_for_nobody() -> None:
    """The door answers nothing until everything was sent: a client that waits for answers would never send all."""

    async def run() -> Driven:
        waiting, all_sent = [], asyncio.Event()

        async def door(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n{}")
            waiting.append(writer)
            if len(waiting) == 20:
                all_sent.set()
            await all_sent.wait()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            await reader.read()

        return await driven_against(door, 400, 0.05)

    found = asyncio.run(run())

    assert (len(found.latencies), found.failed) == (20, 0)


def test_what_is_refused_is_counted_with_its_words() -> None:
    async def door(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n{}"):
            writer.write(b"HTTP/1.1 400 Bad\r\nContent-Length: 4\r\n\r\nno!!")

    found = asyncio.run(driven_against(door, 200, 0.05))

    assert (found.sent, found.failed, found.why) == (10, 10, "400: no!!")


def test_a_connection_that_is_closed_is_a_failure() -> None:
    async def door(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(b"HTTP/1.1 2")

    found = asyncio.run(driven_against(door, 200, 0.05))

    assert (found.sent, found.failed) == (10, 10)
    assert found.why.startswith("IncompleteReadError")
