"""Splits, yardsticks and places: what each task holds out, and what its models are compared with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ml.workshop import NOON

from wellkept.kernel.errors import InputError
from wellkept.ml.train.baseline import constant, seasonal
from wellkept.ml.train.ranking import choices, places, popularity
from wellkept.ml.train.split import split

FORECAST = {"task": "forecasting", "horizon": 3}
RANKING = {"task": "ranking", "ranking_held_out": 0.2, "user": "user", "item": "item"}


def days(values: dict[str, list[float]]) -> pa.Table:
    """One row for each item and day."""
    rows = [(name, day, value) for name, series in values.items() for day, value in enumerate(series)]
    moments = [NOON + timedelta(days=day) for _, day, _ in rows]
    return pa.table(
        {
            "item": [name for name, _, _ in rows],
            "time": pa.array(moments, pa.timestamp("us", tz="UTC")),
            "label": [value for _, _, value in rows],
        }
    )


def picks(user: list[int], item: list[int]) -> pa.Table:
    """Interactions, one a minute in the order given."""
    moments = [NOON + timedelta(minutes=n) for n in range(len(user))]
    return pa.table(
        {
            "user": user,
            "item": item,
            "time": pa.array(moments, pa.timestamp("us", tz="UTC")),
            "label": [1.0] * len(user),
        }
    )


def test_a_forecast_holds_out_the_newest_moments_of_all_items() -> None:
    trained, held_out = split(days({"a": list(range(10)), "b": list(range(8))}), FORECAST)

    assert (trained.num_rows, held_out.num_rows) == (7 + 7, 3 + 1)
    assert max(trained["time"].to_pylist()) < min(held_out["time"].to_pylist())


@pytest.mark.parametrize("count", [1, 3])
def test_a_horizon_that_is_longer_than_the_data_is_named(count: int) -> None:
    with pytest.raises(InputError, match="enough to train a forecasting model on and to hold some out"):
        split(days({"a": [1.0] * count}), FORECAST)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60))
def test_of_each_user_the_last_choices_are_held_out(users: list[int]) -> None:
    table = picks(users, list(range(len(users))))
    if max(users.count(user) for user in users) < 5:
        with pytest.raises(InputError, match="to hold some out"):
            split(table, RANKING)
        return
    trained, held_out = split(table, RANKING)

    assert trained.num_rows + held_out.num_rows == len(users)
    for user in set(users):
        mine = [item for one, item in zip(users, range(len(users)), strict=True) if one == user]
        kept = trained.filter(pa.array([one == user for one in trained["user"].to_pylist()]))["item"].to_pylist()
        count = max(1, round(0.2 * len(mine))) if len(mine) >= 5 else 0
        assert kept == mine[: len(mine) - count]


def test_the_season_before_is_looked_up_by_item_and_never_in_the_held_out_rows() -> None:
    table = days({"a": [1, 2, 3, 4, 5, 6, 99, 99, 99], "b": [7, 7, 7, 7, 7, 7, 99, 99, 99]})
    trained, held_out = split(table, FORECAST)

    yard = seasonal(trained, held_out, "item", "label", season=2)

    by_item = {"a": [], "b": []}  # type: dict[str, list[float]]
    for item, naive in zip(held_out["item"].to_pylist(), yard.naive, strict=True):
        by_item[item].append(float(naive))
    assert by_item == {"a": [5, 6, 5], "b": [7, 7, 7]}
    assert sorted(set(yard.scale[np.isfinite(yard.scale)])) == [2.0]
    assert np.isnan(yard.scale).sum() == 3, "an item that never changes has no scale"


def test_an_item_that_is_new_is_forecast_by_the_mean_of_all() -> None:
    table = pa.concat_tables([days({"a": [2.0] * 9}), days({"new": [0, 0, 0, 0, 0, 0, 5.0]}).slice(6)])
    trained, held_out = split(table, FORECAST)

    yard = seasonal(trained, held_out, "item", "label", season=7)

    assert yard.naive.tolist() == [2.0] * 4


def test_the_simplest_answers() -> None:
    assert constant(np.array([0.0, 1.0, 1.0, 2.0]), "regression", 2).tolist() == [1.0, 1.0]
    assert constant(np.array([0.0, 1.0, 1.0, 2.0]), "multiclass_classification", 1).tolist() == [1.0]


def test_what_was_chosen_has_a_place_among_what_the_user_had_not_chosen() -> None:
    trained = picks([1, 1, 2, 2], [10, 20, 30, 40])
    what = choices(trained, picks([1, 1, 2], [40, 77, 10]), RANKING)

    def by_number(rows: Any) -> Any:
        return rows[:, 1]

    found = dict(zip(zip(what.user.tolist(), what.item.tolist(), strict=True), places(by_number, what), strict=True))

    assert found == {(1, 40): 1.0, (1, 77): 3.0, (2, 10): 2.0}


def test_a_model_that_says_the_same_of_everything_is_in_the_middle() -> None:
    what = choices(picks([1] * 2 + [2] * 9, [1, 2, *range(1, 10)]), picks([1], [5]), RANKING)

    assert places(lambda rows: np.zeros(len(rows)), what).tolist() == [4.0]
    assert what.offered.tolist() == [7.0]


def test_a_choice_that_was_made_before_is_none_to_foretell() -> None:
    what = choices(picks([1, 1], [10, 20]), picks([1, 1], [10, 30]), RANKING)

    assert what.item.tolist() == [30]


def test_what_most_choose_comes_first_by_popularity() -> None:
    trained = picks([1, 2, 2, 3, 3, 3], [50, 10, 20, 10, 20, 30])
    what = choices(trained, picks([1, 1], [10, 30]), RANKING)

    assert popularity(what).tolist() == [1.5, 3.0]


def test_an_embargo_leaves_out_what_was_not_known_when_the_held_out_rows_began() -> None:
    table = picks(list(range(20)), list(range(20)))
    request = {"task": "regression", "held_out": 0.25, "since": None, "embargo_s": 4 * 60.0, "group_by": None}

    trained, held_out = split(table, request)

    assert (trained["item"].to_pylist(), held_out["item"].to_pylist()) == (list(range(12)), list(range(15, 20)))


def test_an_embargo_that_leaves_nothing_is_named() -> None:
    request = {"task": "regression", "held_out": 0.25, "since": None, "embargo_s": 1e6, "group_by": None}

    with pytest.raises(InputError, match="older than the label's delay"):
        split(picks([1] * 9, [1] * 9), request)


def test_what_is_grouped_by_is_on_one_side_alone() -> None:
    user = [n % 5 if n < 90 else n % 3 for n in range(100)]
    table = picks(user, list(range(100)))
    request = {"task": "regression", "held_out": 0.1, "since": None, "embargo_s": 0.0, "group_by": "user"}

    trained, held_out = split(table, request)

    assert set(held_out["user"].to_pylist()) == {0, 1, 2}
    assert set(trained["user"].to_pylist()) == {3, 4}
    with pytest.raises(InputError, match="other values of group_by than the held-out ones"):
        split(picks([7] * 20, list(range(20))), request)
