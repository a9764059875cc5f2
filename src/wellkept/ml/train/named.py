"""An estimator that was fitted on a frame, made ready for what it is asked with: a matrix without names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from wellkept.kernel.errors import InputError
from wellkept.ml.categories import Categories


def by_position(estimator: Any, columns: Sequence[str], categories: Categories | None = None) -> Any:
    """The estimator, which finds its columns by their place from now on, and whose classes are numbers.

    scikit-learn, LightGBM and XGBoost remember the names that they were fitted on, and take the columns of a matrix for
    these in their order. A step that chooses columns by name (``ColumnTransformer``) chooses them by place afterwards.
    One with ``categories`` among its columns keeps the names: it is asked with a frame.

    Raises:
        InputError: it was fitted on other columns, or in another order; it would score each for another one. Or its
            classes are no numbers; nobody could tell which of them a probability is of.
    """
    _check_classes(estimator)
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None and list(names) != list(columns):
        rule = (
            f"must fit the estimator on the columns of model.yaml in their order ({', '.join(columns)}), or on a "
            "matrix of them: it is asked with a matrix in this order"
        )
        raise InputError("train(frame)", rule, ", ".join(map(str, names)))
    if categories and any(name in categories for name in columns):
        _check_named(estimator, names)
        return estimator
    for step in list(_steps(estimator, set())):
        places = {name: place for place, name in enumerate(step.feature_names_in_)}
        if hasattr(step, "transformers_"):
            step.transformers_ = [(name, below, _places(of, places)) for name, below, of in step.transformers_]
        del step.feature_names_in_
    return estimator


def _check_named(estimator: Any, names: Any) -> None:
    if names is None and type(estimator).__module__.startswith("sklearn."):
        rule = "must fit the estimator on a frame (`frame.to_pandas()`), as inputs are categories: it is asked with one"
        raise InputError("train(frame)", rule, type(estimator).__name__)


def _check_classes(estimator: Any) -> None:
    classes = getattr(estimator, "classes_", ())
    try:
        [float(one) for one in classes]
    except (TypeError, ValueError) as error:
        rule = "must fit a classifier on the label as `load` returns it, whose classes are numbers"
        raise InputError("train(frame)", rule, ", ".join(map(str, classes))) from error


def _steps(part: Any, seen: set[int]) -> Iterator[Any]:
    """An estimator and all that it is made of, as far as it keeps names that it was fitted on."""
    if id(part) in seen:
        return
    seen.add(id(part))
    if isinstance(part, dict | list | tuple):
        below = list(part.values() if isinstance(part, dict) else part)
    elif hasattr(part, "get_params") or type(part).__module__.startswith("sklearn."):
        below = list(getattr(part, "__dict__", {}).values())
        if "feature_names_in_" in getattr(part, "__dict__", {}):
            yield part
    else:
        return
    for one in below:
        yield from _steps(one, seen)


def _places(chosen: Any, places: dict[Any, int]) -> Any:
    """A choice of columns as ``ColumnTransformer`` takes it, by place where it was by name."""
    if np.isscalar(chosen):  # a single column, which its step gets as a vector
        return places.get(chosen, chosen)
    if isinstance(chosen, slice):
        stop = (
            places[chosen.stop] + 1 if chosen.stop in places else chosen.stop
        )  # a name that a slice ends with is in it
        return slice(places.get(chosen.start, chosen.start), stop, chosen.step)
    return [places.get(one, one) for one in chosen]
