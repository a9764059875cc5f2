"""Templates: what is masked, what is one pattern, what parameters are called, and that ids stay what they are."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.ops.detect.patterns.bodies import content
from wellkept.ops.detect.patterns.known import Known
from wellkept.ops.detect.patterns.masks import MASK, clean, shape_of
from wellkept.ops.detect.patterns.miner import Miner, shape_id
from wellkept.ops.detect.patterns.refine import MANY, refine

FAMILIES = sorted((Path(__file__).parent / "families").glob("*.txt"))
"""Lines written for this test in the style of well-known formats; each block is one pattern."""
LINES = st.text(st.sampled_from("ab19 =:/.,()[]{}\"'<>-_@\\|*#\n" + MASK), max_size=60)


EVENTS = st.lists(
    st.sampled_from(
        ["user", "ann", "bob", "for", "failed", "7", "42 ms", "10.0.0.1", "(9)", "()", "x=5", "a, b", "n1,"]
    ),
    max_size=5,
).map(" ".join)


def mined(lines: list[str]) -> list[str]:
    """The text of each line's pattern."""
    miner = Miner()
    shapes = miner.add_lines(lines)
    texts = {pattern.id: pattern.text for pattern in miner.patterns()}
    return [texts[miner.pattern_of(shape)] for shape in shapes]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda path: path.stem)
def test_lines_of_a_block_are_one_pattern_and_no_other(family: Path) -> None:
    blocks = [block.splitlines() for block in family.read_text(encoding="utf-8").strip().split("\n\n")]
    miner = Miner()
    shapes = [[miner.add(line) for line in block for _ in range(3)] for block in blocks]
    miner.refresh()
    patterns = [{miner.pattern_of(shape) for shape in block} for block in shapes]
    assert [len(found) for found in patterns] == [1] * len(blocks)
    assert len(set.union(*patterns)) == len(blocks)


@pytest.mark.parametrize(
    ("line", "template"),
    [
        ('10.0.0.1 "GET /v2/servers/7 HTTP/1.1" status: 200 len: 1893', '<*> "GET <*>" status: <*> len: <*>'),
        ("connected to https://shop.example.com/a?b=1 at last", "connected to https://<*> at last"),
        ("request 6ba7b810-9dad-11d1-80b4-00c04fd430c8 took 12ms", "request <*> took <*>"),
        ("lease of 00:11:43:e3:ba:c3 for fe80::1%eth0", "lease of <*> for <*>"),
        ("cannot open C:\\Temp\\a b.txt and /var/log/x.log", "cannot open <*> b.txt and <*>"),
        ("mail from ann@example.com since Mon Jan 5 10:20:30 2026", "mail from <*> since <*>"),
        ("retries=3, debug=true, mode=fast", "retries=<*>, debug=<*>, mode=<*>"),
        ("mapred.job.id is deprecated, use a.job.id", "mapred.job.id is deprecated, use a.job.id"),
        ("no digits at all here", "no digits at all here"),
    ],
)  # fmt: skip
def test_what_looks_like_a_value_is_masked_and_nothing_else(line: str, template: str) -> None:
    assert shape_of(clean(line)).replace(MASK, "<*>") == template


@pytest.mark.parametrize(
    ("lines", "template"),
    [
        (["user ann came from 10.0.0.1", "user bob came from 10.0.0.2"], "user ann came from <from_address>"),
        (["took 5 ms for 17 bytes"], "took <duration_ms> ms for <bytes> bytes"),
        (["block blk_1 src: 10.0.0.1:50 dest: 10.0.0.2:60"], "block <block> src: <src>:<port> dest: <dest>:<port_2>"),
        (['x "GET /a/1" status: 200'], 'x "GET <path>" status: <status>'),
        (["maxRetries=10, sleepTime=1 s"], "maxRetries=<max_retries>, sleepTime=<sleep_time> s"),
    ],
)  # fmt: skip
def test_parameters_have_names(lines: list[str], template: str) -> None:
    miner = Miner()
    miner.add_lines(lines)
    assert template in [pattern.template for pattern in miner.patterns()]


@pytest.mark.parametrize(
    "lines",
    [
        ["read 64 B of 1 file", "read 1.2 KB of 3 files", "read 5 MB of 2 files"],
        ["chdir(7) failed", "chdir() failed"],
        ["session opened for user ann by (uid=0)", "session opened for user bob by (uid=1)"],
        ["nodes: n1", "nodes: n1, n2, n3"],
    ],
)
def test_values_that_are_written_in_several_ways_are_one_pattern(lines: list[str]) -> None:
    assert len(set(mined(lines))) == 1


def test_events_that_differ_in_a_word_are_several_patterns() -> None:
    lines = [f"VM {word} (Lifecycle Event)" for word in ("Started", "Paused", "Resumed", "Stopped")]
    assert len(set(mined(lines))) == 4


def test_many_names_at_one_place_do_not_grow_without_end() -> None:
    miner = Miner()
    words = ["".join(pair) for pair in zip("bcdfghjklm" * 100, "aeiouaeiou" * 100, "nprstvwznp" * 100, strict=True)]
    names = [f"{one}{two}" for one in words[:10] for two in words[:10] for _ in range(1)] * 10
    extra = [f"{one}{two}{three}" for one in words[:10] for two in words[:10] for three in words[:10]]
    miner.add_lines([f"daemon {name} startup succeeded" for name in names + extra])
    miner.refresh()
    assert len({miner.pattern_of(shape.id) for shape in miner._shapes.values()}) == 1
    assert len(miner._shapes) < 500


def test_constants_come_back_but_numbers_do_not() -> None:
    (text, *_) = mined([f"jk2_init() Found child {n} in slot 7" for n in range(5)])
    assert text == "jk2_init() Found child <*> in slot <*>"


@given(st.lists(EVENTS, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_change_what_is_together(lines: list[str], chance: random.Random) -> None:
    mixed = lines[:]
    chance.shuffle(mixed)
    assert _together(lines) == _together(mixed)


def _together(lines: list[str]) -> set[frozenset[str]]:
    miner = Miner()
    shapes = miner.add_lines(lines)
    miner.refresh()
    found = defaultdict(set)
    for shape in shapes:
        found[miner.pattern_of(shape)].add(miner.shape(shape).text)
    return {frozenset(texts) for texts in found.values()}


@given(LINES)
def test_a_shape_holds_no_digit_and_masking_it_again_changes_nothing(line: str) -> None:
    shape = shape_of(clean(line))
    assert not any(letter.isdigit() for letter in shape)
    assert shape_of(shape) == shape or MASK in shape


@given(st.text(max_size=3000))
def test_any_body_has_a_shape_of_bounded_length(body: str) -> None:
    assert len(shape_of(content(body))) <= 1100


def test_ids_are_hashes_of_shapes_and_outlive_a_restart() -> None:
    first = Miner()
    number = first.add("session closed for user ann", at=1.0)
    other = first.add("session closed for user bob", at=2.0)
    first.refresh()
    assert first.pattern_of(other) == number == shape_id("session closed for user ann")
    second = Miner()
    for shape in (number, other):
        known = first.shape(shape)
        second.remember(shape, first.pattern_of(shape), known.text, list(known.lines), known.first_seen)
    newest = second.add("session closed for user cid", at=3.0)
    second.refresh()
    assert second.pattern_of(newest) == number


def test_memory_is_bounded_and_what_is_thrown_out_is_counted() -> None:
    miner = Miner(most_keys=50, most_shapes=40)
    for number in range(200):
        word = "".join(chr(97 + int(digit)) * 2 for digit in f"{number:03d}")
        miner.add(f"event {word} {word} of {word} kind {word}")
    assert len(miner._shapes) <= 40
    assert miner.evicted > 0


def test_known_things_are_forgotten_only_when_nobody_asks() -> None:
    known: Known[int, int] = Known(10)
    for number in range(100):
        known.put(number, number)
        assert known.get(0) == 0
    assert known.get(1) is None
    assert len(known) <= 10


def test_refining_gives_each_shape_one_leader() -> None:
    shapes = {f"daemon {'ab' * n} startup": 1 for n in range(1, MANY + 2)}
    found = refine(shapes)
    assert set(found.leader) == set(shapes)
    assert len(set(found.leader.values())) == 1
    assert found.crowd_of("daemon zebra startup") in shapes
