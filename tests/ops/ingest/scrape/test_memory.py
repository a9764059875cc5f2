"""Pages of one target, one after the other: what becomes a sample, what is new, and what is over."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ops.ingest.scrape.requests import Row, named, one, rows

from wellkept.ops.ingest.scrape.base import Figures, ScrapeError, Target
from wellkept.ops.ingest.scrape.job import Job
from wellkept.ops.ingest.scrape.memory import REPORTS, Memory
from wellkept.ops.ingest.scrape.negotiation import Dialect
from wellkept.ops.ingest.scrape.targets import own_targets

AT = 1_790_000_000_000
OWN = {"job": "shop", "instance": "web:1"}


def target(**said: object) -> Target:
    job = Job.model_validate({"job": "shop", "targets": ["web:1"], **said})
    (found,) = own_targets(job).values()
    return found


class Scrapes:
    """A target that is scraped every second."""

    def __init__(self, dialect: Dialect = Dialect.TEXT, **said: object) -> None:
        self.memory, self.at, self._dialect = Memory(target(**said)), AT, dialect

    def __call__(self, page: str | None) -> bytes:
        """The request of a page; None for a target that does not answer."""
        self.at += 1000
        if page is None:
            return self.memory.body(None, Figures(False, 0.5), self.at)
        found = self.memory.read(page, self._dialect)
        kept = len(found.series)
        return self.memory.body(found, Figures(True, 0.5, kept + found.duplicates, kept, found.added), self.at)


def of_page(body: bytes) -> list[Row]:
    return [row for row in rows(body) if row.name not in REPORTS]


def test_a_sample_has_the_targets_labels_the_time_of_the_scrape_and_what_the_page_says_of_its_family() -> None:
    body = Scrapes()('# HELP a_total All\\nof it.\n# TYPE a_total counter\na_total{path="/"} 4.5\n')

    assert of_page(body) == [
        Row({"__name__": "a_total", "path": "/", **OWN}, 0x4012000000000000, AT + 1000, 1, "All\nof it.")
    ]


def test_every_scrape_reports_on_itself() -> None:
    scrapes = Scrapes(labels={"env": "test"})
    first, second, third = scrapes("a 1\nb 1\n"), scrapes("a 1\nb 1\nb 2\nc 1\n"), scrapes(None)

    def told(body: bytes) -> list[float]:
        return [one(body, name).value for name in REPORTS]

    assert told(first) == [1, 0.5, 2, 2, 2]
    assert told(second) == [1, 0.5, 4, 3, 1]
    assert told(third) == [0, 0.5, 0, 0, 0]
    for name in REPORTS:
        assert one(first, name).labels == {"__name__": name, "env": "test", **OWN}
        assert one(first, name).kind == 2


def test_what_a_page_has_no_more_is_marked_once() -> None:
    scrapes = Scrapes()
    scrapes("a 1\nb 1\n")
    second, third = scrapes("a 1\n"), scrapes("a 1\n")

    assert [(row.name, row.is_stale, row.at) for row in of_page(second)] == [
        ("a", False, AT + 2000),
        ("b", True, AT + 2000),
    ]
    assert [row.name for row in of_page(third)] == ["a"]


def test_a_mark_has_the_bits_of_a_mark_and_a_page_cannot_make_one() -> None:
    scrapes = Scrapes()
    found = of_page(scrapes("a NaN\nb +Inf\nc -Inf\n"))

    assert math.isnan(found[0].value)
    assert not any(row.is_stale for row in found)
    assert [row.value for row in found[1:]] == [math.inf, -math.inf]
    assert [row.bits for row in of_page(scrapes(""))] == [0x7FF0000000000002] * 3


def test_a_target_that_does_not_answer_has_all_its_series_marked_once_and_comes_back_with_them() -> None:
    scrapes = Scrapes()
    scrapes("# TYPE a counter\na 1\nb 1\n")
    down, still, up = scrapes(None), scrapes(None), scrapes("# TYPE a counter\na 2\nb 1\n")

    assert [(row.name, row.kind, row.is_stale) for row in of_page(down)] == [("a", 1, True), ("b", 0, True)]
    assert of_page(still) == []
    assert [(row.name, row.value) for row in of_page(up)] == [("a", 2), ("b", 1)]


def test_a_page_that_cannot_be_read_leaves_nothing_but_marks() -> None:
    scrapes = Scrapes()
    scrapes("a 1\n")
    with pytest.raises(ScrapeError):
        scrapes.memory.read("a 2\nb 1\n}\n", Dialect.TEXT)

    assert [(row.name, row.is_stale) for row in of_page(scrapes(None))] == [("a", True)]
    assert [row.value for row in of_page(scrapes("a 3\n"))] == [3]


def test_a_target_that_leaves_has_everything_marked_its_reports_too() -> None:
    scrapes = Scrapes()
    scrapes("a 1\n")
    found = rows(scrapes.memory.farewell(AT + 9000))

    assert sorted(row.name for row in found) == sorted(("a", *REPORTS))
    assert all(row.is_stale and row.at == AT + 9000 for row in found)


def test_series_with_times_of_their_own_are_never_marked() -> None:
    scrapes = Scrapes()
    first = scrapes("a 1 1395066363000\nb 1\n")

    assert [(row.name, row.at) for row in of_page(first)] == [("a", 1_395_066_363_000), ("b", AT + 1000)]
    assert [row.name for row in of_page(scrapes(""))] == ["b"]
    assert [row.name for row in rows(scrapes.memory.farewell(AT)) if row.name == "a"] == []


def test_a_series_that_gets_times_of_its_own_ends_as_one_without() -> None:
    scrapes = Scrapes()
    scrapes("a 1\n")

    assert [(row.at, row.is_stale) for row in of_page(scrapes(f"a 2 {AT}\n"))] == [(AT, False), (AT + 2000, True)]


def test_times_do_not_count_where_the_job_says_so() -> None:
    scrapes = Scrapes(honor_timestamps=False)

    assert [row.at for row in of_page(scrapes("a 1 5\n"))] == [AT + 1000]
    assert [row.is_stale for row in of_page(scrapes(""))] == [True]


@pytest.mark.parametrize("at", [0, -1, 1, 1 << 35, 1 << 50])
def test_any_time_is_kept(at: int) -> None:
    assert [row.at for row in of_page(Scrapes()(f"a 1 {at}\n"))] == [at]


def test_times_of_openmetrics_are_seconds() -> None:
    assert [row.at for row in of_page(Scrapes(Dialect.OPENMETRICS)("a 1 1395066363.5\n# EOF\n"))] == [1_395_066_363_500]


def test_a_sample_that_is_there_twice_counts_once_unless_its_time_is_later() -> None:
    page = 'a 1\na 2\na{} 3\nb 1 100\nb 2 100\nb 3 50\nb 4 200\nc{x="1",y="2"} 1\nc{y="2",x="1"} 2\n'

    assert [(row.name, row.value) for row in of_page(Scrapes()(page))] == [("a", 1), ("b", 1), ("b", 4), ("c", 1)]
    scrapes = Scrapes()
    assert [of_page(scrapes(page)) and one(scrapes(page), "a").value for _ in range(3)] == [1, 1, 1]


def test_a_page_cannot_say_itself_whether_it_is_up() -> None:
    scrapes = Scrapes()

    assert [row.value for row in named(scrapes('up 0\nup{a="b"} 7\n'), "up")] == [7, 1]


def test_labels_of_the_page_make_way_for_those_of_the_target() -> None:
    page = 'a{job="x",instance="y",exported_job="z",other="o"} 1\n'

    assert one(Scrapes()(page), "a").labels == {
        "__name__": "a", "exported_exported_job": "x", "exported_job": "z", "exported_instance": "y", "other": "o",
        **OWN,
    }  # fmt: skip


def test_labels_of_the_page_stay_where_the_job_says_so_and_an_empty_one_takes_the_targets_away() -> None:
    body = Scrapes(honor_labels=True)('a{job="x"} 1\nb{instance=""} 1\n')

    assert one(body, "a").labels == {"__name__": "a", "job": "x", "instance": "web:1"}
    assert one(body, "b").labels == {"__name__": "b", "job": "shop"}


def test_an_empty_label_is_none() -> None:
    assert one(Scrapes()('a{b="",job=""} 1\n'), "a").labels == {"__name__": "a", **OWN}


def test_the_parts_of_a_family_are_told_by_its_type() -> None:
    page = (
        '# TYPE h histogram\nh_bucket{le="1"} 1\nh_sum 1\nh_count 1\nh_created 1\n'
        '# TYPE s summary\ns{quantile="0.5"} 1\n'
        "s_sum 1\ns_count 1\n# TYPE c counter\n# UNIT c seconds\nc_total 1\n# TYPE i info\ni_info 1\n# TYPE g gauge\n"
        "g_total 1\ng 1\nlate 1\n# TYPE late gauge\n# EOF\n"
    )
    found = {row.name: (row.kind, row.unit) for row in of_page(Scrapes(Dialect.OPENMETRICS)(page))}

    assert found == {
        "h_bucket": (3, ""), "h_sum": (3, ""), "h_count": (3, ""), "h_created": (0, ""), "s": (5, ""), "s_sum": (5, ""),
        "s_count": (5, ""), "c_total": (1, "seconds"), "i_info": (6, ""), "g_total": (0, ""), "g": (2, ""),
        "late": (2, ""),
    }  # fmt: skip


def test_a_histogram_has_the_same_series_in_either_format() -> None:
    text = '# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 3\n'
    found = [
        [row.labels["le"] for row in of_page(Scrapes(dialect)(page))]
        for dialect, page in ((Dialect.TEXT, text), (Dialect.OPENMETRICS, text.replace('"1"', '"1.0"') + "# EOF\n"))
    ]

    assert found == [["1.0", "+Inf"], ["1.0", "+Inf"]]


def test_what_is_said_of_a_family_may_change() -> None:
    scrapes = Scrapes()
    pages = ["# HELP a one\n# TYPE a gauge\na 1\n", "# HELP a two\n# TYPE a counter\na 1\n", "# HELP a one\na 1\n"]

    assert [(one(scrapes(page), "a").help, one(scrapes("a 1\n"), "a").kind) for page in pages] == [
        ("one", 2), ("two", 1), ("one", 1),
    ]  # fmt: skip


def test_a_page_with_too_many_samples_is_refused_and_says_how_many() -> None:
    memory = Memory(target(sample_limit=2))

    assert len(memory.read("a 1\nb 1\n", Dialect.TEXT).series) == 2
    with pytest.raises(ScrapeError, match="the page has 3 samples; sample_limit is 2") as raised:
        memory.read("a 1\nb 1\nb 1\n", Dialect.TEXT)
    assert raised.value.scraped == 3


def test_labels_that_change_all_the_time_do_not_fill_the_memory() -> None:
    scrapes = Scrapes()
    for number in range(60):
        page = "# HELP a Help.\n# TYPE a counter\nsteady 1\n"
        page += "".join(f'a{{id="{number}-{n}"}} 1\n' for n in range(100))
        found = of_page(scrapes(page))
        assert sum(row.is_stale for row in found) == (100 if number else 0)
        assert {(row.kind, row.help) for row in found if row.name == "a"} == {(1, "Help.")}
        assert [row.value for row in found if row.name == "steady"] == [1]
        assert len(scrapes.memory._lines) < 2500
        assert len(scrapes.memory._series) < 2500
        assert len(scrapes.memory._symbols) < 4000
    last = of_page(scrapes(None))
    assert len(last) == 101
    assert {(row.name, row.kind, row.is_stale) for row in last} == {("a", 1, True), ("steady", 0, True)}


def test_pages_that_cannot_be_read_do_not_fill_the_memory_either() -> None:
    scrapes = Scrapes()
    scrapes("steady 1\n")
    for number in range(40):
        with pytest.raises(ScrapeError):
            scrapes.memory.read("".join(f'a{{id="{number}-{n}"}} 1\n' for n in range(100)) + "}", Dialect.TEXT)
        scrapes(None)
        assert len(scrapes.memory._lines) < 1200
        assert len(scrapes.memory._series) < 1200
    assert [row.value for row in of_page(scrapes("steady 2\n"))] == [2]


NAMES = st.sampled_from(["a", "b", 'a{x="1"}', 'a{x="2"}', 'a{x="1", y="2 3"}', "b "])
LINES = st.tuples(NAMES, st.sampled_from(["1", "2.5", "NaN", "1 7", "1  8"]))


@given(st.lists(st.lists(LINES, max_size=6), min_size=1, max_size=5))
def test_a_page_is_read_alike_whatever_came_before(pages: list[list[tuple[str, str]]]) -> None:
    texts = ["".join(f"{name} {value}\n" for name, value in page) for page in pages]
    scrapes = Scrapes()
    last = [scrapes(text) for text in texts][-1]
    fresh = Scrapes()
    fresh.at = scrapes.at - 1000

    def told(body: bytes) -> list[Row]:
        return [row for row in of_page(body) if not row.is_stale]

    assert told(last) == told(fresh(texts[-1]))


@given(st.lists(st.one_of(st.none(), st.sets(st.sampled_from("abcde"))), max_size=8))
def test_every_series_that_was_there_and_is_not_is_marked_at_that_scrape(pages: list[set[str] | None]) -> None:
    scrapes, before = Scrapes(), set[str]()
    for page in pages:
        text = None if page is None else "".join(f"{name} 1\n" for name in sorted(page))
        found = of_page(scrapes(text))
        present = page or set[str]()
        assert {row.name for row in found if row.is_stale} == before - present
        assert {row.name for row in found if not row.is_stale} == present
        before = present
