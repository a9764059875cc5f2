"""A recommender of two tables: scored as its definition says, kept without pickle, refused when it is malformed."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from wellkept.kernel.errors import InputError
from wellkept.ml.codeprocess import load_scorer
from wellkept.ml.export import export
from wellkept.ml.factors import Factors

RANDOM = np.random.default_rng(1)
TABLES = Factors(
    np.array([3, 5, 9]), np.array([2, 4]), RANDOM.normal(size=(3, 2)), RANDOM.normal(size=(2, 2)), np.array([0.5, 0.1])
)


def test_a_pair_scores_the_product_of_its_vectors_and_the_items_bias() -> None:
    expected = TABLES.user_vectors[1] @ TABLES.item_vectors[0] + 0.5

    assert TABLES.predict(np.array([[5.0, 2.0]])) == pytest.approx([expected])


def test_strangers_get_what_most_would_like_and_unknown_items_come_last() -> None:
    scores = TABLES.predict(np.array([[77.0, 2.0], [77.0, 4.0], [5.0, 99.0], [3.0, 2.0]]))

    assert scores[:2].tolist() == [0.5, 0.1]
    assert scores[2] < scores[[0, 1, 3]].min()


def test_tables_come_back_as_they_were() -> None:
    again = Factors.from_bytes(TABLES.to_bytes())

    assert np.array_equal(again.user_vectors, TABLES.user_vectors)
    assert np.array_equal(again.items, TABLES.items)


def test_it_is_served_as_it_was_trained(tmp_path: Any) -> None:
    rows = np.array([[3.0, 2.0], [5.0, 4.0], [8.0, 2.0]])
    manifest = export(TABLES, rows, ["user", "item"], tmp_path)

    scorer, _ = load_scorer(tmp_path)
    assert (manifest["format"], manifest["parity_max_difference"]) == ("factors", 0.0)
    assert np.array_equal(scorer.score(rows), TABLES.predict(rows))


def archive(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


EVIL = np.array([{"no": "arrays"}], dtype=object)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no archive",
        archive(users=np.array([1])),
        archive(users=EVIL, items=EVIL, user_vectors=EVIL, item_vectors=EVIL, item_bias=EVIL),
    ],
    ids=["empty", "text", "arrays missing", "objects"],
)
def test_what_is_no_archive_of_plain_arrays_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match=r"model\.npz: must hold the arrays users, items"):
        Factors.from_bytes(data)


@pytest.mark.parametrize(
    ("users", "vectors", "rule"),
    [([5, 3], 2, "ids that ascend"), ([3, 3], 2, "ids that ascend"), ([3, 5], 3, "one vector an id")],
)
def test_tables_that_do_not_fit_are_refused(users: list[int], vectors: int, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        Factors(np.array(users), np.array([1]), np.ones((vectors, 2)), np.ones((1, 2)), np.ones(1))
