"""Charts: well-formed, escaped, with words for those who do not see them."""

from __future__ import annotations

import math
from dataclasses import replace
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from wellkept.web.charts.bars import Histogram, bar, histogram
from wellkept.web.charts.cohorts import Cohort, CohortChart, cohort_chart
from wellkept.web.charts.line import LineChart, Mark, Shade, line_chart, stretches
from wellkept.web.charts.neighbourhood import Link, Node, layers, neighbourhood
from wellkept.web.charts.scale import Scale, bounds, ticks, time_ticks
from wellkept.web.charts.spark import Spark, sparkline

NASTY = '<script>alert("1")</script>&'
VALUES = st.lists(st.floats(allow_infinity=False, width=32), min_size=2, max_size=60)


def parsed(markup: str) -> ET.Element:
    return ET.fromstring(markup)


def numbers(root: ET.Element) -> list[float]:
    """Every coordinate of every polyline."""
    points = [element.get("points", "") for element in root.iter() if element.tag in ("polyline", "polygon")]
    return [float(part) for point in points for pair in point.split() for part in pair.split(",")]


@given(VALUES, st.one_of(st.none(), st.floats(-1e9, 1e9)))
def test_any_line_is_well_formed_and_inside_its_box(values: list[float], limit: float | None) -> None:
    chart = LineChart(NASTY, "By", [60.0 * i for i in range(len(values))], values, limit=limit, band=(0.0, 1.0))
    text = line_chart(chart)
    if any(math.isfinite(value) for value in values):
        root = parsed(text)
        assert root.get("role") == "img"
        assert (root.findtext("title") or "").startswith(NASTY)
        assert all(-0.1 <= number <= max(chart.width, chart.height) + 0.1 for number in numbers(root))
    assert "<script" not in text


def test_a_line_says_what_it_shows() -> None:
    shades, marks = (Shade(60, None, "bad"),), (Mark(90, "approved"),)
    chart = LineChart("Memory", "By", [0, 60, 120], [1e6, 2e6, 3e6], limit=4e6, shades=shades, marks=marks)
    root = parsed(line_chart(chart))
    assert root.findtext("title") == "Memory: between 1 MB and 3 MB, last 3 MB; limit 4 MB"
    classes = {element.get("class", "").strip() for element in root.iter()}
    assert {"shade", "mark", "limit", "series"} <= classes


def test_no_two_lines_of_a_grid_have_one_label() -> None:
    root = parsed(line_chart(LineChart("AP", "", [0.0, 60.0], [0.9246, 0.9344])))
    labels = [element.text for element in root.iter("text") if element.get("class") == "tick end"]
    assert len(labels) > 2
    assert len(set(labels)) == len(labels)


def test_nothing_known_is_said() -> None:
    assert "No points" in line_chart(LineChart("x", "", [0, 1], [math.nan, math.nan]))
    empty = line_chart(LineChart("x", "", [], [], empty="Send <labels>."))
    assert empty == '<p class="nothing">Send &lt;labels&gt;.</p>'
    assert "no data" in sparkline(Spark("Memory", "By", [], []))
    assert "No rows" in histogram(Histogram("x", [], [], []))
    assert "No entity" in neighbourhood([], [], "x")


def test_a_scale_holds_what_it_is_to_reach_however_flat_the_line_is() -> None:
    flat = LineChart("x", "1", [0, 60], [1e-4, 2e-4], limit=1.0)

    assert 'class="limit"' not in line_chart(flat)
    assert 'class="limit"' in line_chart(replace(flat, reaches=1.0))


def test_a_gap_breaks_the_line() -> None:
    nan = math.nan
    assert len(stretches([0, 1, 2, 3, 4, 5, 6], [1, 1, nan, nan, nan, 1, 1])) == 2
    assert len(stretches([0, 1, 2], [1, nan, 1])) == 1


@given(VALUES)
def test_any_sparkline_is_well_formed(values: list[float]) -> None:
    root = parsed(sparkline(Spark(NASTY, "1/s", [float(i) for i in range(len(values))], values)))
    assert all(math.isfinite(number) for number in numbers(root))


@given(st.floats(-1e6, 1e6), st.floats(0.001, 1e6))
def test_ticks_are_round_and_inside(low: float, size: float) -> None:
    found = ticks(low, low + size)
    assert all(low - 1e-6 * size <= tick <= low + size * (1 + 1e-6) for tick in found)
    assert len(found) <= 8


@given(st.floats(1, 2e9), st.floats(10, 86_400))
def test_time_ticks_are_round_and_inside(start: float, size: float) -> None:
    found = time_ticks(start, start + size)
    assert all(start <= tick <= start + size and tick == int(tick) for tick in found)
    assert len(found) <= 6


@given(st.lists(st.floats(-1e9, 1e9), min_size=1))
def test_bounds_hold_every_value(values: list[float]) -> None:
    low, high = bounds(values)
    assert low <= min(values) <= max(values) <= high
    assert low < high


def test_a_scale_keeps_to_its_ends() -> None:
    scale = Scale(0, 10, 100, 200)
    assert [scale(value) for value in (-5, 0, 5, 10, 50)] == [100, 100, 150, 200, 200]
    assert Scale(1, 1, 0, 10)(1) == 5


def test_a_bar_that_is_over_its_ceiling_fills_its_track() -> None:
    root = parsed(bar(5.0, title="PSI 5", limit=0.25, tone="warning"))
    widths = [element.get("width") for element in root.iter("rect")]
    assert widths[0] == widths[1]


def test_a_histogram_names_its_bins() -> None:
    chart = Histogram(NASTY, ["low", "no value"], [0.9, 0.1], [0.2, 0.8])
    assert "no value: 80 % (was 10 %)" in (parsed(histogram(chart)).findtext("title") or "")


def test_a_graph_puts_what_is_depended_on_below_also_when_there_is_a_cycle() -> None:
    nodes = [Node(name, NASTY, "service", "error", is_cause=name == "a") for name in "abc"]
    links = [Link("a", "b", "calls"), Link("b", "c", "calls")]
    assert layers(nodes, links) == {"a": 0, "b": 1, "c": 2}
    parsed(neighbourhood(nodes, [*links, Link("c", "a", "calls"), Link("a", "elsewhere", "calls")], NASTY))


KNOWN = st.one_of(st.floats(0, 1), st.just(math.nan))


def cohort(at: float, length: float, *row: float, words: str = "") -> Cohort:
    """A cohort of its value, its estimate (with their intervals), and its shares of labels."""
    value, low, high, estimate, estimate_low, estimate_high, labels, expected = row
    return Cohort(at, at + length, value, low, high, estimate, estimate_low, estimate_high, labels, expected, words)


@given(st.lists(st.tuples(KNOWN, KNOWN, KNOWN, KNOWN, KNOWN, KNOWN, KNOWN, KNOWN), min_size=2, max_size=40))
def test_any_cohorts_are_well_formed_and_inside_their_box(rows: list[tuple[float, ...]]) -> None:
    cohorts = [cohort(60.0 * i, 60.0, *row, words=NASTY) for i, row in enumerate(rows)]
    chart = CohortChart(NASTY, cohorts, 0.5, 0.4, [Shade(0, 90, NASTY)], [Mark(60, NASTY)])
    text = cohort_chart(chart)
    root = parsed(text)
    assert "<script" not in text
    assert all(-0.1 <= number <= 1180.1 for number in numbers(root))
    assert (root.findtext("title") or "").startswith(NASTY)


def test_an_estimate_that_is_not_believed_is_no_line_but_a_shade() -> None:
    believed = [cohort(i, 1, 0.7, 0.6, 0.8, 0.7, 0.6, 0.8, 1.0, 1.0) for i in range(3)]
    doubted = [cohort(i, 1, *[math.nan] * 6, 0.1, 1.0) for i in range(3, 6)]
    root = parsed(cohort_chart(CohortChart("x", believed + doubted, doubts=[Shade(3, 6, "a broken input")])))
    lines = [one.get("points", "").split() for one in root.iter() if one.get("class") == "series guess"]
    assert [len(points) for points in lines] == [3]
    assert any(one.get("class") == "shade" and "broken" in "".join(one.itertext()) for one in root.iter())
