"""Log records in columns come out as the official messages read them, whatever is in them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ops.ingest.decoded import decoded

from wellkept.kernel.errors import TooLargeError
from wellkept.ops.ingest.records import Records, fields, text_of

texts = st.text(max_size=20)
records = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(["service.name", "host.name"]), texts.filter(bool), max_size=2),
        st.integers(0, 2**62),
        texts,
        st.sampled_from([(0, ""), (9, "info"), (17, "ERROR"), (9, "INFO")]),
        st.dictionaries(texts, texts.filter(bool), max_size=3),
    ),
    max_size=30,
)


def plain(row: Any) -> str:
    resource, *rest, attributes = row
    return str([sorted(resource.items()), *rest, sorted(attributes.items())])


@given(rows=records, most=st.integers(1, 400))
@settings(max_examples=60, deadline=None)
def test_what_goes_in_comes_out(rows: list[Any], most: int) -> None:
    made = Records("test", 7)
    for resource, at, text, level, attributes in rows:
        made.add(made.resource(resource), at, text, level, fields(attributes))

    found = decoded(made.bodies(most))

    told = [(r.resource, r.at, r.text, (r.number, r.level), r.attributes) for r in found]
    assert sorted(map(plain, told)) == sorted(map(plain, rows))
    assert {r.scope for r in found} <= {"test"}
    assert all(r.observed == (0 if r.at else 7) for r in found)


def test_order_within_a_resource_is_kept() -> None:
    made = Records("test", 0)
    a, b = made.resource({"host.name": "a"}), made.resource({"host.name": "b"})
    for n in range(100):
        made.add(a if n % 3 else b, n, str(n))

    for host in ("a", "b"):
        times = [record.at for record in decoded(made.bodies(200)) if record.resource["host.name"] == host]
        assert times == sorted(times)


def test_many_at_once_are_as_one_by_one() -> None:
    one, many = Records("test", 0), Records("test", 0)
    for n in range(10):
        one.add(one.resource({"host.name": "a"}), n, f"line {n}", (9, "info"), fields({"k": "v"}))
    many.extend(
        many.resource({"host.name": "a"}), range(10), [f"line {n}" for n in range(10)], (9, "info"), fields({"k": "v"})
    )

    assert list(one.bodies()) == list(many.bodies())
    assert len(many) == 10


def test_a_request_is_cut_into_parts_of_about_the_size_that_is_wanted() -> None:
    made = Records("test", 0)
    for n in range(1000):
        made.add(made.resource({}), n, "x" * 100)

    sizes = [len(body) for body in made.bodies(10_000)]

    assert len(sizes) > 5
    assert max(sizes) < 11_000


def test_ids_that_are_none_are_left_out() -> None:
    made = Records("test", 0)
    place = made.resource({})
    made.add(place, 0, "good", extra=fields({}, "0AF7651916CD43DD8448EB211C80319C", "b7ad6b7169203331", "event"))
    made.add(place, 0, "bad", extra=fields({}, "xyz", 12))

    good, bad = decoded(made.bodies())

    assert (good.trace, good.span, good.event) == ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "event")
    assert (bad.trace, bad.span) == ("", "")


def test_what_is_said_once_for_many_may_not_unfold_to_anything() -> None:
    made = Records("test", 0)
    with pytest.raises(TooLargeError, match="test request: must unfold to at most"):
        made.extend(made.resource({}), range(1000), [""] * 1000, (0, ""), fields({"k": "x" * 100_000}))


def test_bytes_that_are_no_text_stay_readable() -> None:
    assert text_of(b"caf\xe9 \xe2\x82\xac") == "caf\\xe9 €"
