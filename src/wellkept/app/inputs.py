"""What the contract of a model says of its inputs, for those who take predictions in."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from wellkept.kernel.errors import DocumentError
from wellkept.ml.contract import parse_contract
from wellkept.ops.ingest.inputs import Kinds, KindsOf
from wellkept.spine.registry import Registry


def kinds_of(registry: Registry) -> KindsOf:
    """The types of a model's inputs; none where it has no contract, or one that is not valid any more."""

    def known(model: str) -> Kinds:
        text = registry.contract(model)
        return _kinds(text) if text else {}

    return known


def names_of(registry: Registry) -> Callable[[str], Sequence[str]]:
    """The names of a model's inputs in their order; none where its contract is not known."""
    known = kinds_of(registry)
    return lambda model: tuple(known(model))


@functools.lru_cache(maxsize=256)
def _kinds(text: str) -> Kinds:
    try:
        return {entry.name: (entry.type, entry.size) for entry in parse_contract(text).inputs}
    except DocumentError:  # written by rules that have changed since: values speak for themselves
        return {}
