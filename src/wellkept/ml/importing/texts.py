"""Which texts a finished model knows of each of its inputs: those that its encoders hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

Texts = dict[str, list[str]]


def texts_of_graph(graph: Any, inputs: Sequence[str]) -> Texts:
    """Of an ONNX graph, by the inputs of texts: what the encoders know that such an input reaches, sorted."""
    found: dict[str, set[str]] = {name: set() for name in inputs}
    reached: dict[str, set[str]] = {name: {name} for name in inputs}
    for node in graph.node:  # in an order in which each comes after what it takes
        of = set().union(*(reached.get(name, ()) for name in node.input))
        known = set(_texts_of_node(node))
        for name in of if known else ():
            found[name] |= known
        for name in () if known else node.output:
            reached[name] = of
    return {name: sorted(texts) for name, texts in found.items()}


def _texts_of_node(node: Any) -> Iterator[str]:
    """The texts that a node encodes: OneHotEncoder and LabelEncoder hold them."""
    for attribute in node.attribute:
        if attribute.name in ("cats_strings", "keys_strings"):
            yield from (text.decode("utf-8") for text in attribute.strings)
        elif attribute.name == "keys_tensor":
            yield from (text.decode("utf-8") for text in attribute.t.string_data)


def texts_of_estimator(part: Any, names: Sequence[str]) -> Texts:
    """Of an estimator, or a step of one, that takes these columns: what its encoders know, sorted; no other columns."""
    if hasattr(part, "categories_"):
        pairs = zip(names, part.categories_, strict=False)
        words = {name: sorted(str(one) for one in known if isinstance(one, str)) for name, known in pairs}
        return {name: texts for name, texts in words.items() if texts}  # a missing one may be a category, too
    found: Texts = {}
    if hasattr(part, "transformers_"):
        for _, step, chosen in part.transformers_:
            found |= texts_of_estimator(step, _chosen(chosen, names))
        return found
    for step in (one for _, one in getattr(part, "steps", ())):
        if getattr(step, "n_features_in_", len(names)) != len(names):
            break
        found |= texts_of_estimator(step, names)
    for name in ("_preprocessor", "best_estimator_"):
        if hasattr(part, name):
            found |= texts_of_estimator(getattr(part, name), names)
    return found


def texts_of_booster(booster: Any, names: Sequence[str]) -> Texts:
    """Of a booster of LightGBM, which keeps the texts of the pandas columns that it was fitted on, sorted."""
    places = booster.params.get("categorical_feature") or ()
    lists = zip(places, booster.pandas_categorical or (), strict=False)
    return {
        names[place]: sorted(known) for place, known in lists if known and all(isinstance(one, str) for one in known)
    }


def _chosen(chosen: Any, names: Sequence[str]) -> list[str]:
    """The columns of a step of ``ColumnTransformer``: chosen by names, by places, or by a mask."""
    if isinstance(chosen, str):
        return [chosen]
    if isinstance(chosen, list | np.ndarray) and all(isinstance(one, str) for one in chosen):
        return list(chosen)
    return [str(name) for name in np.atleast_1d(np.asarray(names, dtype=object)[chosen])]
