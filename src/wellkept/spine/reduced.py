"""Inputs that are never stored as they came: of a text its shape, of an embedding a few projections.

Reference rows and logged predictions are reduced by the same functions, so that they can be compared.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError

PROJECTIONS = 8
TEXT_NUMBERS = ("length", "words", "odd")
"""What is told of a text in numbers: characters, words, and the share of characters that are unusual in prose."""
TEXT_KIND = "kind"
"""What it is made of, mostly: a category."""
EMBEDDING_NUMBERS = ("norm", *(f"p{index}" for index in range(PROJECTIONS)))
KINDS = ("empty", "digits", "latin", "mixed", "other script", "symbols")
SEED = 20_261_129
_USUAL = r"[A-Za-z0-9\s.,;:!?'\"()\-]"

Floats = NDArray[np.float64]


def reduced_texts(texts: pa.Array) -> tuple[dict[str, Floats], pa.Array]:
    """Of a column of texts: ``length``, ``words`` and ``odd`` as float64[n] (NaN: no text), and ``kind`` as texts."""
    known = pc.fill_null(texts.cast(pa.large_string()), "")
    missing = np.asarray(texts.is_null())
    length = _numbers(pc.utf8_length(known))
    words = _numbers(pc.count_substring_regex(known, r"\S+"))
    usual = _numbers(pc.count_substring_regex(known, _USUAL))
    digits = _numbers(pc.count_substring_regex(known, r"[0-9]"))
    latin = _numbers(pc.count_substring_regex(known, r"[A-Za-z]"))
    letters = _numbers(pc.count_substring_regex(known, r"\p{L}"))
    whole = np.maximum(length, 1)
    is_kind = [length == 0, digits >= whole / 2, latin >= whole / 2, letters - latin >= whole / 2, letters + digits > 0]
    kinds = np.select(is_kind, [KINDS[0], KINDS[1], KINDS[2], KINDS[4], KINDS[3]], KINDS[5])
    numbers = {"length": length, "words": words, "odd": (length - usual) / whole}
    for values in numbers.values():
        values[missing] = np.nan
    return numbers, pa.array(np.where(missing, "", kinds).tolist(), pa.string())


def reduced_embeddings(where: str, vectors: Sequence[Sequence[float] | None], size: int | None) -> dict[str, Floats]:
    """Of a column of vectors: their ``norm``, and ``p0`` to ``p7``: fixed random projections of their direction.

    Of vectors in all directions alike each projection has mean 0 and variance 1. NaN: there is no vector.

    Raises:
        InputError: a vector has another length than ``size`` (None: than the others), or is not of finite numbers.
    """
    known = [index for index, vector in enumerate(vectors) if vector is not None]
    found = {name: np.full(len(vectors), np.nan) for name in EMBEDDING_NUMBERS}
    if not known:
        return found
    wanted = size if size is not None else len(vectors[known[0]] or ())
    odd = next((index for index in known if len(vectors[index] or ()) != wanted), None)
    if odd is not None:
        raise InputError(f"{where}[{odd}]", f"must be a vector of {wanted} numbers", len(vectors[odd] or ()))
    try:
        matrix = np.asarray([vectors[index] for index in known], dtype=np.float64).reshape(len(known), wanted)
    except (TypeError, ValueError) as error:
        raise InputError(where, f"must be vectors of numbers: {error}") from None
    wrong = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
    if len(wrong):
        raise InputError(f"{where}[{known[int(wrong[0])]}]", "must be a vector of finite numbers")
    norm = np.linalg.norm(matrix, axis=1)
    unit = matrix / np.where(norm > 0, norm, 1.0)[:, None]
    found["norm"][known] = norm
    projected = unit @ _directions(wanted)
    for index in range(PROJECTIONS):
        found[f"p{index}"][known] = projected[:, index]
    return found


@functools.lru_cache(maxsize=32)
def _directions(size: int) -> Floats:
    """The same directions for every model and every day: float64[size, PROJECTIONS]."""
    return np.random.default_rng([SEED, size]).standard_normal((size, PROJECTIONS))


def _numbers(column: pa.Array) -> Floats:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
