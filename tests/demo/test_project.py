"""The model project of the demo: the contract, the code, and the world speak of the same things."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

import wellkept.demo.fraud
from wellkept.demo.fraud import model
from wellkept.demo.shop.checkout import REQUEST_INPUTS
from wellkept.demo.shop.settings import NAMESPACE
from wellkept.demo.world.history import LABEL_DELAY_S, make_history, rows_of
from wellkept.demo.world.memory import NAMES
from wellkept.ml.contract import read_project
from wellkept.ml.metrics import average_precision
from wellkept.ml.runtime import estimator_scores

FOLDER = Path(wellkept.demo.fraud.__file__).parent


def test_the_contract_names_what_checkout_sends_and_what_the_service_feeds() -> None:
    contract, _ = read_project(FOLDER)
    assert contract.features == model.INPUTS == (*REQUEST_INPUTS, *NAMES)
    fed = {entry.name for entry in contract.inputs if entry.source == f"service:{NAMESPACE}/features"}
    assert fed == set(NAMES)
    assert all(entry.nullable for entry in contract.inputs if entry.name in fed)
    assert contract.label.name == model.LABEL
    assert contract.label.delay_s > LABEL_DELAY_S


def test_it_learns_the_fraud_of_its_history_and_not_the_fraud_to_come() -> None:
    """Act 1 needs the first half, act 5 the second."""
    world, past = make_history(5, 1_790_000_000.0)
    world.is_new = True
    new = world.purchases(1_790_000_060.0)
    rows = rows_of(type(past).joined([past, new]), 5)
    cut = len(past) * 3 // 4
    estimator = model.train(rows.slice(0, cut))

    def precision(part: pa.Table) -> float:
        inputs = np.column_stack([part[n].to_numpy(zero_copy_only=False).astype(float) for n in model.INPUTS])
        return average_precision(part[model.LABEL].to_numpy(), estimator_scores(estimator, inputs))

    assert precision(rows.slice(cut, len(past) - cut)) > 0.75
    assert precision(rows.slice(len(past))) < 0.4
