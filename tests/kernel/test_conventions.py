"""Present names of what was renamed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.kernel.conventions import (
    ATTRIBUTES,
    METRICS,
    RESOURCE,
    present_attributes,
    present_name,
    present_resource,
)

keys = st.sampled_from(sorted({*(old for _, old, _ in ATTRIBUTES), *(new for _, _, new in ATTRIBUTES), "other"}))
names = st.sampled_from(sorted({*METRICS, *METRICS.values(), "system.cpu.time", "mine"}))


@pytest.mark.parametrize(
    ("name", "present"),
    [
        ("system.network.dropped", "system.network.packet.dropped"),
        ("process.runtime.jvm.memory.usage", "jvm.memory.used"),
        ("system.cpu.time", "system.cpu.time"),
        ("mine", "mine"),
        ("http.server.duration", "http.server.duration"),
    ],
)
def test_a_metric_has_its_present_name(name: str, present: str) -> None:
    assert present_name(name) == present


def test_an_attribute_is_renamed_by_its_metric() -> None:
    assert present_attributes("system.cpu.time", {"cpu": "0", "state": "user"}) == {
        "cpu.logical_number": "0",
        "cpu.mode": "user",
    }
    assert present_attributes("system.memory.usage", {"state": "used"}) == {"system.memory.state": "used"}
    assert present_attributes("shop.orders", {"state": "paid"}) == {"state": "paid"}


def test_what_is_called_both_ways_stays_both() -> None:
    both = {"cpu.mode": "idle", "state": "user"}
    assert present_attributes("system.cpu.time", both) == both
    twice = {"state": "user", "system.cpu.state": "idle"}
    assert present_attributes("system.cpu.time", twice) == {"cpu.mode": "user", "system.cpu.state": "idle"}


def test_a_resource_has_present_names() -> None:
    found = present_resource({"deployment.environment": "live", "service.name": "shop"})
    assert found == {"deployment.environment.name": "live", "service.name": "shop"}


def test_no_present_name_is_an_old_one() -> None:
    assert not set(METRICS) & set(METRICS.values())
    assert not set(RESOURCE) & set(RESOURCE.values())
    assert all(present_attributes(prefix, {new: "x"}) == {new: "x"} for prefix, _, new in ATTRIBUTES)


@given(names, st.dictionaries(keys, st.sampled_from(["a", "b"])))
def test_nothing_is_lost_and_twice_is_once(name: str, attributes: dict[str, str]) -> None:
    found = present_attributes(present_name(name), attributes)
    assert sorted(found.values()) == sorted(attributes.values())
    assert list(found) == sorted(found)
    assert present_name(present_name(name)) == present_name(name)
