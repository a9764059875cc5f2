"""The tree of errors: drawn as it is, told alike, and whole after a journey."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from typing import Any

import pytest

from wellkept.kernel import errors
from wellkept.kernel.errors import (
    ActionError,
    ClosedError,
    ConflictError,
    DocumentError,
    ForbiddenError,
    InputError,
    NotFoundError,
    OverloadError,
    Problem,
    StoreError,
    TooLargeError,
    TrainingError,
    WellkeptError,
)
from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import IncidentState

PROBLEM = Problem(3, "server.port", "must be at most 65535", 70000)
ONE_OF_EACH: list[WellkeptError] = [
    WellkeptError("it is broken"),
    InputError("risk", "must be low, medium or high", "huge"),
    DocumentError("wellkept.yaml", (PROBLEM,)),
    NotFoundError("plan pln-1", "is not known"),
    ConflictError("plan pln-1", "has expired"),
    TooLargeError("body", "must be at most 20 MiB", 21 << 20),
    ForbiddenError("a token is missing"),
    OverloadError("the queue is full", 7),
    StoreError("the engine is gone"),
    ClosedError("the engine is closed"),
    ActionError("the agent is away", retry_helps=True),
    TrainingError("it ended with code 1", "Traceback ..."),
]


def real_tree() -> dict[str, str]:
    """Every error of the module, and its parent."""
    found = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, WellkeptError)]
    return {kind.__name__: kind.__bases__[0].__name__ for kind in found}


def drawn_tree() -> dict[str, str]:
    """The same, as the module's docstring draws it."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if drawn := re.match(r"^([│ ]*(?:[├└]── )?)(\w+Error)\b", line):
            depth = len(drawn[1]) // 4
            parents[drawn[2]] = path[depth - 1] if depth else "Exception"
            path[depth:] = [drawn[2]]
    return parents


def test_the_tree_at_the_top_of_the_file_is_the_real_tree() -> None:
    assert drawn_tree() == real_tree()


def test_there_is_one_of_each_here() -> None:
    assert {type(error).__name__ for error in ONE_OF_EACH} == set(real_tree())


def test_a_broken_rule_is_told_as_thing_rule_and_value() -> None:
    error = InputError("risk", "must be low, medium or high", "huge")

    assert str(error) == "risk: must be low, medium or high, got 'huge'"
    assert (error.thing, error.rule, error.value) == ("risk", "must be low, medium or high", "huge")
    assert isinstance(error, ValueError)


def test_without_a_value_nothing_is_said_to_be_got() -> None:
    assert str(NotFoundError("plan pln-1", "is not known")) == "plan pln-1: is not known"


@pytest.mark.parametrize("value", [0, "", False, [], {}])
def test_an_empty_value_is_a_value(value: object) -> None:
    assert str(InputError("it", "must not be empty", value)) == f"it: must not be empty, got {value!r}"


@pytest.mark.parametrize(
    ("choice", "word"), [(IncidentState.ACKNOWLEDGED, "'acknowledged'"), (Severity.CRITICAL, "'critical'")]
)
def test_one_of_a_choice_is_told_by_its_word(choice: object, word: str) -> None:
    assert str(ConflictError("incident inc-1", "goes on", choice)) == f"incident inc-1: goes on, got {word}"
    assert str(Problem(3, "state", "must be another", choice)).endswith(f"got {word}")


def test_a_long_value_is_cut() -> None:
    message = str(InputError("body", "is not right", "x" * 5000))

    assert len(message) < 200
    assert message.endswith("…")


def test_a_document_tells_every_mistake_with_its_line() -> None:
    error = DocumentError("wellkept.yaml", (PROBLEM, Problem(0, "data", "is required")))

    assert str(error) == (
        "wellkept.yaml has 2 mistakes:\n  line 3: server.port: must be at most 65535, got 70000\n  data: is required"
    )
    assert str(DocumentError("a.yaml", (PROBLEM,))).startswith("a.yaml has 1 mistake:\n")


@pytest.mark.parametrize("error", ONE_OF_EACH, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("carry", [lambda it: pickle.loads(pickle.dumps(it)), copy.copy, copy.deepcopy])
def test_an_error_is_whole_after_a_journey(error: WellkeptError, carry: Any) -> None:
    carried = carry(error)

    assert type(carried) is type(error)
    assert str(carried) == str(error)
    assert vars(carried) == vars(error)


def test_exit_codes_tell_the_callers_faults_apart() -> None:
    codes = {type(error).__name__: error.exit_code for error in ONE_OF_EACH if error.exit_code != 1}

    assert codes == {
        "InputError": 2,
        "DocumentError": 2,
        "TooLargeError": 2,
        "ForbiddenError": 3,
        "NotFoundError": 4,
        "ConflictError": 5,
    }
