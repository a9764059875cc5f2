"""Who answers: the same key the same arm, shares as they were asked for, and nobody goes back when a share grows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.kernel.errors import InputError
from wellkept.ml.contract import parse_contract
from wellkept.ml.serve.served import Served
from wellkept.ml.serve.traffic import BUCKETS, Traffic, traffic_of

CONTRACT = parse_contract(
    "{name: fraud, task: regression, owner: a, inputs: [{name: amount}], metrics: {primary: mae}}"
)


class Nothing:
    """Scores nothing: who answers is asked alone."""

    def score(self, rows: Any) -> Any:
        return np.zeros(len(rows))


def version(number: int, **listing: Any) -> Served:
    return Served("fraud", f"sha256:{number}", number, CONTRACT, Nothing(), CONTRACT.inputs, "onnx", listing)


def split(share: float, salt: str = "rol-1") -> Traffic:
    return traffic_of([version(1, role="champion"), version(2, role="challenger", share=share, salt=salt)])


def arms(traffic: Traffic, keys: list[str]) -> list[str]:
    return [traffic.choose(key, "").arm for key in keys]


KEYS = [f"card-{number}" for number in range(5000)]


def test_alone_the_champion_answers_and_no_arm_is_logged() -> None:
    for listing in ([version(1)], [version(1, role="champion"), version(2, role="standby")]):
        choice = traffic_of(listing).choose("card-1", "p-1")

        assert (choice.answers.version, choice.arm, choice.shadows) == (1, "", ())


@given(st.text(), st.text(), st.floats(0, 1))
def test_the_same_key_always_meets_the_same_version(key: str, prediction: str, share: float) -> None:
    first, again = split(share).choose(key, prediction), split(share).choose(key, prediction)

    assert (first.arm, first.bucket, first.answers.version) == (again.arm, again.bucket, again.answers.version)
    assert 0 <= first.bucket < BUCKETS
    assert first.answers.version == (2 if first.arm == "challenger" else 1)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 1.0])
def test_the_share_is_as_asked(share: float) -> None:
    found = arms(split(share), KEYS).count("challenger") / len(KEYS)

    assert abs(found - share) <= 5 * (share * (1 - share) / len(KEYS)) ** 0.5


@given(st.floats(0, 1), st.floats(0, 1))
def test_nobody_goes_back_when_a_share_grows(one: float, other: float) -> None:
    small, large = sorted((one, other))

    for before, after in zip(arms(split(small), KEYS[:50]), arms(split(large), KEYS[:50]), strict=True):
        assert (before, after) != ("challenger", "champion")


def test_another_rollout_draws_other_keys() -> None:
    first, second = arms(split(0.5), KEYS), arms(split(0.5, "rol-2"), KEYS)

    assert 0.4 < sum(a == b for a, b in zip(first, second, strict=True)) / len(KEYS) < 0.6


def test_a_request_without_a_key_is_its_own() -> None:
    found = {split(0.5).choose("", prediction).arm for prediction in KEYS[:50]}

    assert found == {"champion", "challenger"}


def test_a_shadow_is_tried_on_every_request_and_never_answers() -> None:
    traffic = traffic_of([version(1, role="champion"), version(2, role="shadow", salt="rol-1")])

    for key in KEYS[:50]:
        choice = traffic.choose(key, "")
        assert (choice.answers.version, choice.arm, [s.version for s in choice.shadows]) == (1, "champion", [2])


@pytest.mark.parametrize("share", [None, "half", 1.5, -0.1, True])
def test_a_share_that_is_none_is_named(share: Any) -> None:
    with pytest.raises(InputError, match="version 2 of fraud: share: must be from 0 to 1"):
        traffic_of([version(1), version(2, role="challenger", share=share)])


def test_two_challengers_are_one_too_many() -> None:
    with pytest.raises(InputError, match="model fraud: must have one challenger at most, got 2"):
        traffic_of([version(1), version(2, role="challenger", share=0.1), version(3, role="challenger", share=0.1)])
