"""Forgetting is said in the audit log, which does not keep what was to be forgotten."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from tests.ml.workshop import NOON
from tests.store.fixtures import state_in

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import InputError
from wellkept.ml.erasure import Forgetting
from wellkept.spine.audit import Audit
from wellkept.store.telemetry.erasure import Erased


class Shelf:
    """Stands for the telemetry store; it says that three predictions and one label are gone."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def erase(self, entity_key: str) -> Erased:
        self.asked.append(entity_key)
        return Erased(3, 1)


def test_who_was_forgotten_is_told_by_a_digest(tmp_path: Path) -> None:
    state, shelf = state_in(tmp_path), Shelf()
    audit, made = Audit(state), f"sha256:{hashlib.sha256(b'card-1').hexdigest()}"
    erasure: Any = shelf

    done = Forgetting(erasure, audit, SettableClock(NOON)).forget("card-1", "ada", "asked by the customer")

    (entry,) = audit.entries()
    state.close()
    assert (done, shelf.asked) == ({"entity": made, "predictions": 3, "labels": 1}, ["card-1"])
    assert (entry.actor, entry.verb, entry.subject) == ("ada", "predictions.forgotten", f"entity:{made}")
    assert entry.details == {"predictions": 3, "labels": 1, "why": "asked by the customer"}
    assert "card-1" not in str(entry)


def test_no_key_is_refused(tmp_path: Path) -> None:
    state, shelf = state_in(tmp_path), Shelf()
    erasure: Any = shelf

    with pytest.raises(InputError, match="entity: must be the entity_key"):
        Forgetting(erasure, Audit(state), SettableClock(NOON)).forget("", "ada")

    state.close()
    assert shelf.asked == []
