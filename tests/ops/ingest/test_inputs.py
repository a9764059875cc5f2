"""Inputs on their way in: what is a number, a category, a text or a vector, and that nothing raw is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.inputs import Inputs
from wellkept.spine.reduced import PROJECTIONS, reduced_embeddings, reduced_texts

KINDS = {"note": ("text", None), "face": ("embedding", 4), "zip": ("category", None), "amount": ("float", None)}
INPUTS = Inputs(lambda model: KINDS if model == "known" else {})


def of(row: dict[str, Any], model: str = "known") -> tuple[dict[str, Any], dict[str, Any]]:
    features, words = INPUTS.of_records([model], [row])
    return dict(features[0]), dict(words[0])


def test_the_contract_says_what_an_input_is() -> None:
    numbers, words = of({"note": "Call me at 5", "face": [3.0, 0.0, 4.0, 0.0], "zip": 1060, "amount": 2})
    assert words == {"zip": "1060", "note.kind": "latin"}
    assert numbers["amount"] == 2.0
    assert [numbers[f"note.{part}"] for part in ("length", "words", "odd")] == [12.0, 4.0, 0.0]
    assert numbers["face.norm"] == 5.0
    assert {f"face.p{index}" for index in range(PROJECTIONS)} < numbers.keys()


def test_without_a_contract_values_speak_for_themselves() -> None:
    numbers, words = of({"plan": "pro", "story": "long " * 40, "v": [1.0, 0.0], "n": None}, "other")
    assert words == {"plan": "pro", "story.kind": "latin"}
    assert numbers["story.length"] == 200.0
    assert (numbers["v.norm"], numbers["n"]) == (1.0, None)


def test_nothing_that_was_said_in_words_is_kept() -> None:
    assert "secret" not in str(of({"note": "my secret is 42"}))


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "a vector of another size": (
        {"face": [1.0, 2.0]},
        r"predictions\[0\].features.face: must be a vector of 4 numbers, got 2",
    ),
    "no vector": ({"face": "x"}, "must be a vector, as the contract says"),
    "not finite": ({"face": [1.0, 2.0, float("nan"), 1.0]}, "must be a vector of finite numbers"),
    "no text": ({"note": 5}, "must be a text, as the contract says"),
    "no number": ({"amount": "much"}, "must be a finite number"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_the_contract_does_not_allow_is_refused(mistake: str) -> None:
    row, rule = MISTAKES[mistake]
    with pytest.raises(InputError, match=rule):
        of(row)


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=20))
def test_columns_and_records_come_to_the_same(values: list[float | None]) -> None:
    rows = [{"amount": value, "zip": str(index)} for index, value in enumerate(values)]
    features, words = INPUTS.of_records(["known"] * len(rows), rows)
    table = pa.table({"input.amount": pa.array(values, pa.float64()), "input.zip": [row["zip"] for row in rows]})
    columns = INPUTS.of_columns(pa.chunked_array([["known"] * len(rows)]), table)
    assert columns[0].to_pylist() == features
    assert columns[1].to_pylist() == words


@given(st.lists(st.one_of(st.none(), st.text(max_size=40)), min_size=1, max_size=20))
def test_what_is_told_of_texts_is_told_of_each_alone(texts: list[str | None]) -> None:
    numbers, kinds = reduced_texts(pa.array(texts, pa.string()))
    for index, text in enumerate(texts):
        alone, kind = reduced_texts(pa.array([text], pa.string()))
        assert kinds[index] == kind[0]
        for name, values in numbers.items():
            assert np.array_equal(values[index], alone[name][0], equal_nan=True)
        if text is not None:
            assert numbers["length"][index] == len(text)
            assert 0 <= numbers["odd"][index] <= 1


def test_projections_of_directions_at_random_are_spread_like_standard_normals() -> None:
    vectors = np.random.default_rng(5).standard_normal((4000, 64))
    found = reduced_embeddings("face", vectors.tolist(), 64)
    assert all(abs(found[f"p{index}"].std() - 1) < 0.35 for index in range(PROJECTIONS))
    again = reduced_embeddings("face", (vectors * 7).tolist(), 64)
    assert np.allclose(found["p3"], again["p3"])
