"""What the contract of a model says of its inputs and labels, for those who take them in."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from wellkept.kernel.errors import DocumentError
from wellkept.ml.contract import ModelContract, parse_contract
from wellkept.ops.ingest.inputs import Kinds, KindsOf
from wellkept.spine.registry import Registry
from wellkept.spine.truths import TaskOf


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


def task_of(registry: Registry) -> TaskOf:
    """The task of a model; empty where it has no contract, or one that is not valid any more."""

    def known(model: str) -> str:
        text = registry.contract(model)
        contract = _parsed(text) if text else None
        return contract.task if contract else ""

    return known


def _kinds(text: str) -> Kinds:
    contract = _parsed(text)
    return {entry.name: (entry.type, entry.size) for entry in contract.inputs} if contract else {}


@functools.lru_cache(maxsize=256)
def _parsed(text: str) -> ModelContract | None:
    try:
        return parse_contract(text)
    except DocumentError:  # written by rules that have changed since: values speak for themselves
        return None
