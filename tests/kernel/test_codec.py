"""What goes to JSON comes back the same, and what is not right is named."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kernel.values import DATACLASSES, values

from wellkept.kernel.codec import decode, encode
from wellkept.kernel.errors import InputError


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Inner:
    number: float


@dataclass(frozen=True, slots=True)
class Sample:
    name: str = ""
    count: int = 0
    ratio: float = 0.0
    is_on: bool = False
    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    lasts: timedelta = timedelta(0)
    colour: Colour = Colour.RED
    inner: Inner | None = None
    many: tuple[Inner, ...] = ()
    pair: tuple[float, float] | None = None
    named: Mapping[str, int] = field(default_factory=dict)
    free: Mapping[str, Any] = field(default_factory=dict)
    some: frozenset[str] = frozenset()


@pytest.mark.parametrize("kind", DATACLASSES, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_decode_undoes_encode_for_every_kernel_value(kind: type[Any], data: st.DataObject) -> None:
    value = data.draw(values(kind))

    travelled = json.loads(json.dumps(encode(value), allow_nan=False))

    assert decode(kind, travelled) == value


def test_every_kernel_dataclass_is_covered() -> None:
    names = {kind.__name__ for kind in DATACLASSES}

    assert {
        "Action",
        "Change",
        "Diagnosis",
        "Edge",
        "Entity",
        "Finding",
        "Incident",
        "Plan",
        "Stage",
        "Verdict",
    } < names


def test_encoding_twice_is_encoding_once() -> None:
    sample = Sample(many=(Inner(1),), lasts=timedelta(seconds=90), some=frozenset({"b", "a"}))

    assert encode(encode(sample)) == encode(sample)
    assert encode(sample)["some"] == ["a", "b"]


@pytest.mark.parametrize("number", [math.inf, -math.inf])
def test_a_number_that_is_not_finite_survives_json(number: float) -> None:
    travelled = json.loads(json.dumps(encode(Inner(number)), allow_nan=False))

    assert decode(Inner, travelled).number == number


def test_a_missing_number_survives_json() -> None:
    travelled = json.loads(json.dumps(encode(Inner(math.nan)), allow_nan=False))

    assert math.isnan(decode(Inner, travelled).number)


def test_fields_that_a_newer_version_wrote_are_passed_over() -> None:
    assert decode(Inner, {"number": 1.5, "colour": "green"}) == Inner(1.5)


def test_a_whole_number_is_a_number() -> None:
    assert type(decode(Inner, {"number": 3}).number) is float


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"name": 7}, "Sample.name: must be a string, got 7"),
    ({"count": "7"}, "Sample.count: must be a whole number, got '7'"),
    ({"count": True}, "Sample.count: must be a whole number, got True"),
    ({"ratio": "fast"}, "Sample.ratio: must be a number, got 'fast'"),
    ({"ratio": None}, "Sample.ratio: must be a number"),
    ({"is_on": "yes"}, "Sample.is_on: must be true or false, got 'yes'"),
    ({"at": "yesterday"}, "Sample.at: must be a moment in ISO 8601, got 'yesterday'"),
    ({"at": 5}, "Sample.at: must be a moment in ISO 8601, got 5"),
    ({"lasts": 1e300}, "Sample.lasts: must be a number of seconds, got 1e+300"),
    ({"colour": "green"}, "Sample.colour: must be one of red, blue, got 'green'"),
    ({"inner": []}, "Sample.inner: must be an object, got []"),
    ({"inner": {}}, "Sample.inner.number: is required"),
    ({"many": "abc"}, "Sample.many: must be a list, got 'abc'"),
    ({"many": [{"number": 1}, {"number": "x"}]}, "Sample.many.1.number: must be a number, got 'x'"),
    ({"pair": [1, 2, 3]}, "Sample.pair: must have 2 items, got [1, 2, 3]"),
    ({"named": ["a"]}, "Sample.named: must be an object, got ['a']"),
    ({"named": {"a": "x"}}, "Sample.named.a: must be a whole number, got 'x'"),
    ({"some": "abc"}, "Sample.some: must be a list, got 'abc'"),
]


@pytest.mark.parametrize(("body", "message"), MISTAKES, ids=lambda value: str(value)[:40])
def test_a_wrong_value_is_named_with_its_path_and_rule(body: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as raised:
        decode(Sample, body)

    assert str(raised.value) == message
