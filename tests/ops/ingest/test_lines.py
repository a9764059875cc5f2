"""Lines as records: the names of many logging libraries, times in every unit, and no line that is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.ops.ingest.decoded import Decoded, decoded
from tests.ops.ingest.outside import NOON, Outside

from wellkept.kernel.clock import to_nanos
from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.lines import LineDoor

AT = to_nanos(NOON)


def read(world: Outside, body: bytes, **about: str) -> list[Decoded]:
    return decoded(LineDoor(world.identity).lines(body, about, AT).bodies())


def one(world: Outside, **value: Any) -> Decoded:
    (found,) = read(world, json.dumps(value).encode())
    return found


def test_objects_and_texts_side_by_side(world: Outside) -> None:
    found = read(world, b'{"msg":"one"}\r\nplain text\n\n   \n{broken\n[1]\n{"n":1}', service="checkout")

    assert [record.text for record in found] == ["one", "plain text", "{broken", "[1]", '{"n":1}']
    assert {record.resource["service.name"] for record in found} == {"checkout"}
    assert found[-1].attributes == {"n": "1"}


@pytest.mark.parametrize(
    "value",
    [
        {"time": "2026-11-25T17:54:00Z", "level": "error", "msg": "no", "service": "checkout", "user": 7},
        {
            "@timestamp": "2026-11-25T17:54:00.000Z",
            "log.level": "error",
            "message": "no",
            "service": {"name": "checkout"},
            "user": 7,
        },
        {"ts": AT / 1e9, "severity": "error", "body": "no", "service.name": "checkout", "user": 7},
        {"time": AT // 10**6, "level": 50, "msg": "no", "app": "checkout", "user": 7},
        {"timestamp": str(AT), "levelname": "ERROR", "message": "no", "service": "checkout", "user": 7},
        {
            "timestamp": "2026-11-25 17:54:00,000",
            "levelname": "Error",
            "message": "no",
            "service": "checkout",
            "user": 7,
        },
        {"timestamp": AT // 1000, "lvl": "err", "text": "no", "service": "checkout", "user": 7},
    ],
    ids=["slog", "ecs", "otel", "pino", "loki", "python", "microseconds"],
)
def test_what_libraries_write(value: dict[str, Any], world: Outside) -> None:
    found = one(world, **value)
    assert (found.text, found.at, found.number) == ("no", AT, 17)
    assert found.resource == {"service.name": "checkout"}
    assert found.attributes == {"user": "7"}


def test_names_of_hosts_pods_and_traces(world: Outside) -> None:
    found = one(
        world,
        msg="x",
        hostname="web-1",
        pod="checkout-7d4b9c6f5-x2x9z",
        namespace="prod",
        trace_id="a" * 32,
        span_id="b" * 16,
    )

    assert found.resource == {
        "service.name": "checkout",
        "host.id": "4c4c-web-1",
        "host.name": "web-1",
        "k8s.pod.name": "checkout-7d4b9c6f5-x2x9z",
        "k8s.namespace.name": "prod",
    }
    assert (found.trace, found.span) == ("a" * 32, "b" * 16)


def test_what_is_inside_is_named_with_dots_and_lists_stay_json(world: Outside) -> None:
    found = one(
        world,
        msg="x",
        http={"request": {"method": "GET"}},
        tags=["a", 1],
        deep={"a": {"b": {"c": {"d": 1}}}},
        no=None,
        yes=True,
    )
    assert found.attributes == {
        "http.request.method": "GET",
        "tags": '["a",1]',
        "deep.a.b.c": '{"d":1}',
        "yes": "true",
    }


@pytest.mark.parametrize(
    "value", ["soon", "", 0, -5, True, [], "2026-13-01", "2026-11-25", 1e300, 10**30, "9" * 400, {"a": 1}]
)
def test_a_time_that_is_none_is_an_attribute_and_the_receipt_counts(value: Any, world: Outside) -> None:
    found = one(world, msg="x", time=value)
    assert (found.at, found.observed) == (0, AT)
    assert found.attributes or value == ""


def test_a_message_that_is_no_text_is_json(world: Outside) -> None:
    assert one(world, message=["a", 1]).text == '["a",1]'
    assert one(world, a=1).text == '{"a": 1}'


def test_a_list_is_taken_item_by_item(world: Outside) -> None:
    door = LineDoor(world.identity)
    found = decoded(door.listed(b'[{"log":"a"},"b",3]', {}, AT).bodies())
    assert [record.text for record in found] == ["a", "b", "3"]
    for body, told in ((b"[", "must be JSON"), (b"{}", "must be a list")):
        with pytest.raises(InputError, match=f"lines: {told}"):
            door.listed(body, {}, AT)


@given(body=st.binary(max_size=200))
@settings(deadline=None)
def test_no_body_breaks_it(body: bytes, world_of_nobody: LineDoor) -> None:
    found = decoded(world_of_nobody.lines(body, {}, AT).bodies())
    assert len(found) == sum(bool(line.strip()) for line in body.split(b"\n"))


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    )
)
@example(value=9223372036854776.0)
@example(value="9999-12-31T23:59:59Z")
@settings(deadline=None)
def test_no_object_breaks_it(value: Any, world_of_nobody: LineDoor) -> None:
    body = json.dumps({"msg": value, "time": value, "level": value, "x": value}).encode()
    assert len(decoded(world_of_nobody.lines(body, {}, AT).bodies())) == 1


@pytest.fixture(scope="module")
def world_of_nobody() -> LineDoor:
    from wellkept.kernel.clock import SettableClock
    from wellkept.kernel.entity import Entity, EntityKind
    from wellkept.ops.ingest.identity import Identity

    class Nothing:
        def entities(self, kind: EntityKind | None = None, at: object = None) -> list[Entity]:
            return []

    return LineDoor(Identity(Nothing(), SettableClock(NOON)))
