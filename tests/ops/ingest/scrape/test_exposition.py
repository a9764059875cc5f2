"""Lines of pages: what is read, and what is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.ops.ingest.scrape.base import ScrapeError
from wellkept.ops.ingest.scrape.exposition import (
    Comment,
    comment_of,
    content_of,
    help_of,
    kind_of,
    millis_of,
    sample_of,
    values_of,
)
from wellkept.ops.ingest.scrape.negotiation import Dialect


@pytest.mark.parametrize(
    ("line", "labels", "value", "at"),
    [
        ("up 1", {"__name__": "up"}, "1", ""),
        ("up{} 1", {"__name__": "up"}, "1", ""),
        ('up{a="b"}1', {"__name__": "up", "a": "b"}, "1", ""),
        ("  up\t1  ", {"__name__": "up"}, "1", ""),
        ("a:b_c 1.5e-3 1395066363000", {"__name__": "a:b_c"}, "1.5e-3", "1395066363000"),
        ('up { a = "b" , c="d", } NaN', {"__name__": "up", "a": "b", "c": "d"}, "NaN", ""),
        (r'up{path="C:\\DIR\\F.TXT",e="a\n\"b\""} +Inf', {"path": "C:\\DIR\\F.TXT", "e": 'a\n"b"'}, "+Inf", ""),
        (r'up{a="\d"} 1', {"a": r"\d"}, "1", ""),
        ('up{a="x y } z, 1"} -2', {"a": "x y } z, 1"}, "-2", ""),
        ('up{a=""} 1', {"a": ""}, "1", ""),
        ('{"http.server", "my label"="é"} 1', {"__name__": "http.server", "my label": "é"}, "1", ""),
        ('{a="b","http.server"} 1', {"__name__": "http.server", "a": "b"}, "1", ""),
        ('f_bucket{le="1"} 3 # {trace_id="x"} 0.5 1.5', {"__name__": "f_bucket", "le": "1"}, "3", ""),
        ('f_total 3 5 # {a="}"} 1', {"__name__": "f_total"}, "3", "5"),
    ],
)
def test_a_sample_is_read(line: str, labels: dict[str, str], value: str, at: str) -> None:
    sample = sample_of(line)

    assert {**sample.labels, **labels} == dict(sample.labels)
    assert (sample.value, sample.at) == (value, at)
    assert line[sample.before_value :].startswith(value)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("up", "is no sample"),
        ("up+1", "is no sample"),
        ("1up 1", "is no sample"),
        ("up 1 2 3", "is no sample"),
        ("up{a=b} 1", "labels cannot be read"),
        ('up{a="b"', "is no sample"),
        ('up{a="b} 1', "is no sample"),
        ('up{a="b" c="d"} 1', "labels cannot be read"),
        ('up{a="b",,c="d"} 1', "labels cannot be read"),
        ("up{,} 1", "labels cannot be read"),
        ("up{a} 1", "label 'a' has no value"),
        ('up{a="b",a="c"} 1', "label 'a' is there twice"),
        ('up{"other"} 1', "label '__name__' is there twice"),
        ('{a="b"} 1', "a sample has no name"),
        ("{} 1", "a sample has no name"),
        (" 1", "a sample has no name"),
    ],
)
def test_what_is_no_sample_is_refused_with_its_line(line: str, why: str) -> None:
    with pytest.raises(ScrapeError, match=why) as raised:
        sample_of(line)
    assert repr(line) in str(raised.value)


def test_a_long_line_that_is_no_sample_is_refused_quickly_and_shown_in_part() -> None:
    with pytest.raises(ScrapeError) as raised:
        sample_of("up{" + 'a="b",' * 200_000)
    assert len(str(raised.value)) < 200


@given(st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True), st.text(max_size=8), max_size=4))
def test_what_is_written_as_the_format_says_is_read_as_it_was(labels: dict[str, str]) -> None:
    def escaped(value: str) -> str:
        return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')

    written = ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items())
    assert dict(sample_of(f"metric{{{written}}} 1").labels) == {"__name__": "metric", **labels}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("# TYPE a counter", Comment("TYPE", "a", "counter")),
        ("# HELP a what it\\nsays", Comment("HELP", "a", "what it\\nsays")),
        ("# HELP a", Comment("HELP", "a", "")),
        ("# UNIT a_seconds seconds", Comment("UNIT", "a_seconds", "seconds")),
        ('# TYPE "my.metric" gauge', Comment("TYPE", "my.metric", "gauge")),
        ("#\tTYPE\ta\tgauge", Comment("TYPE", "a", "gauge")),
        ("# anything else", None),
        ("#TYPE a counter", None),
        ("#", None),
    ],
)
def test_comments_that_say_something_of_a_family(line: str, expected: Comment | None) -> None:
    assert comment_of(line) == expected


def test_types_and_helps() -> None:
    assert kind_of(Comment("TYPE", "a", "untyped")) == kind_of(Comment("TYPE", "a", "unknown")) == 0
    assert kind_of(Comment("TYPE", "a", "stateset")) == 7
    assert help_of(Comment("HELP", "a", r"one\ntwo\\three")) == "one\ntwo\\three"
    with pytest.raises(ScrapeError, match="type of 'a': is none, got 'conter'"):
        kind_of(Comment("TYPE", "a", "conter"))


def test_values() -> None:
    found = values_of(["1", "-0.5", ".5", "5.", "1e3", "+Inf", "-Inf", "inf", "Infinity", "0x1".replace("x", "0")])

    assert found == [1, -0.5, 0.5, 5, 1000, math.inf, -math.inf, math.inf, math.inf, 1]
    assert all(map(math.isnan, values_of(["NaN", "nan"])))


@pytest.mark.parametrize("text", ["1_0", "0x1p3", "abc", "", "1\r", "١", "1,5", "--1", "1e", "e1", "NaNs", "."])
def test_what_is_no_value_is_refused(text: str) -> None:
    with pytest.raises(ScrapeError, match="a value is no number"):
        values_of(["1", text, "2"])


@pytest.mark.parametrize(
    ("text", "dialect", "expected"),
    [
        ("1395066363000", Dialect.TEXT, 1_395_066_363_000),
        ("-1", Dialect.TEXT, -1),
        ("1395066363.123", Dialect.OPENMETRICS, 1_395_066_363_123),
        ("0", Dialect.OPENMETRICS, 0),
    ],
)
def test_times(text: str, dialect: Dialect, expected: int) -> None:
    assert millis_of(text, dialect) == expected


@pytest.mark.parametrize("text", ["1.5", "x", "1_0", "NaN", "9" * 30])
def test_what_is_no_time_of_the_text_format_is_refused(text: str) -> None:
    with pytest.raises(ScrapeError, match="a time is"):
        millis_of(text, Dialect.TEXT)


@pytest.mark.parametrize("text", ["NaN", "+Inf", "1e300", "x"])
def test_what_is_no_time_of_openmetrics_is_refused(text: str) -> None:
    with pytest.raises(ScrapeError, match="a time is"):
        millis_of(text, Dialect.OPENMETRICS)


def test_a_page_of_openmetrics_ends_with_its_mark() -> None:
    def read(page: str) -> str:
        return content_of(page, Dialect.OPENMETRICS).strip("\n")

    assert read("a 1\n# EOF\n") == read("a 1\n# EOF") == "a 1"
    assert read("# EOF") == ""
    for cut in ("", "a 1\n", "a 1\n# EO", "a 1 # EOF"):
        with pytest.raises(ScrapeError, match="must end with # EOF: this one is cut off"):
            read(cut)
    with pytest.raises(ScrapeError, match="goes on with 'b 1"):
        read("a 1\n# EOF\nb 1\n")
    assert content_of("a 1\n# EOF\nb 1", Dialect.TEXT) == "a 1\n# EOF\nb 1"
