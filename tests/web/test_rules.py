"""The page of rules: what is on, objectives with their budgets, and a form that tries a rule over history."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from tests.ops.detect.rules.worlds import World, moment
from tests.web import scene as scenes
from tests.web.conftest import browsing, served
from tests.web.scene import Scene

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.web.charts.line import Shade
from wellkept.web.charts.pages import Bar, Lane, PagesChart, pages_chart

RULES = """
rules:
  - {name: DiskFull, metric: disk, above: 0.9, every: 15s, for: 30s, severity: error, annotations: {all: "{{ now }}"}}
slos:
  - {name: shop, title: the shop, service: shop, objective: 0.9, sli: {share: up}}
  - {name: silent, title: the silent one, service: shop, objective: 0.9, sli: {share: nothing}}
"""
NEW = """
rules:
  - {name: "Early<b>", metric: disk, above: 0.5, every: 15s, severity: error}
"""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A platform whose disk was full a while ago, with one incident about it and one about nothing."""
    scene = scenes.empty(tmp_path_factory.mktemp("scene"), moment(900))
    world = World(scene.telemetry, tmp_path_factory.mktemp("world"), {"rules.yaml": RULES})
    world.store_line("disk", [0.2] * 20 + [0.95] * 20 + [0.2] * 21, job="shop", instance="a:1")
    world.store_line("up", [1.0] * 30 + [0.0] * 31, job="shop", instance="a:1")
    world.ticks(840, 900, 60.0)
    for name, start in (("full", 330), ("other", 700)):
        member = Member("f", f"service:{'shop' if name == 'full' else name}", moment(start), "first")
        state = IncidentState.OPEN
        world.stream.save_incident(
            Incident(f"inc-{name}", f"it was {name}", state, Severity.ERROR, moment(start), moment(start), (member,))
        )
    deps = replace(scene.deps, rules=world.rules, clock=SettableClock(moment(900)))
    yield replace(scene, deps=deps)
    world.close()
    scene.close()


@pytest.fixture(scope="module")
def client(scene: Scene) -> Iterator[httpx.Client]:
    with served(scene) as address, browsing(address) as browser:
        yield browser


def tried(client: httpx.Client, text: str = NEW, days: str = "1", token: str | None = None) -> httpx.Response:
    proof = re.search(r'name="form_token" value="([^"]+)"', client.get("/rules").text)
    assert proof is not None
    return client.post("/rules", data={"form_token": token or proof[1], "text": text, "days": days})


def test_the_page_shows_what_is_on(client: httpx.Client) -> None:
    text = client.get("/rules").text
    assert 'aria-current="page">Rules' in text
    assert "DiskFull" in text
    assert "disk &gt; 0.9" in text
    assert "for 30 s" in text
    assert ">inactive<" in text
    assert "stays as it is written: it uses now" in text


def test_the_page_shows_objectives_with_what_is_left_of_their_budgets(client: httpx.Client) -> None:
    text = client.get("/rules").text
    assert "error budget left of the shop" in text
    assert ">burning<" in text
    assert "the shop burns its 30-day error budget" in text
    assert ">no data<" in text


def test_a_rule_is_tried_and_nothing_of_it_is_switched_on(client: httpx.Client) -> None:
    answer = tried(client)
    assert answer.status_code == 200
    assert "1 page (1.00 a day); 1 of 2 known incidents found, 1 missed" in answer.text
    assert "The rules that are on now: 2 pages" in answer.text
    assert "Missed: it was other" in answer.text
    assert 'href="/incidents/inc-full"' in answer.text
    assert "15 s before it began" in answer.text
    assert "data-still" in answer.text, "the page is not refreshed by what its address gives"
    assert "Early&lt;b&gt;" in answer.text
    assert "Early<b>" not in answer.text
    assert "Early" not in client.get("/rules").text


def test_the_outcome_is_drawn(client: httpx.Client) -> None:
    text = tried(client).text
    assert "pages-chart" in text
    assert len(re.findall(r'class="page matched severe"', text)) == 1
    assert len(re.findall(r'class="incident missed"', text)) == 1


def test_a_mistake_is_told_beside_what_was_written(client: httpx.Client) -> None:
    answer = tried(client, NEW.replace("above", "abov"))
    assert answer.status_code == 200
    assert "line 3: rules.0.abov: is not a known field" in answer.text
    assert "abov: 0.5" in answer.text


def test_a_form_from_elsewhere_and_other_days_are_refused(client: httpx.Client) -> None:
    assert tried(client, token="another").status_code == 403
    assert tried(client, days="12").status_code == 422


def test_a_platform_without_rules_has_no_page_of_them(scene: Scene) -> None:
    bare = replace(scene, deps=replace(scene.deps, rules=None))
    with served(bare) as address, browsing(address) as browser:
        assert browser.get("/rules").status_code == 404
        assert 'href="/rules"' not in browser.get("/").text


def test_a_chart_of_pages_has_a_lane_for_each_rule() -> None:
    start = moment(0).timestamp()
    bars = [Bar(start + 10, start + 11, "alone", "a page"), Bar(start + 50, start + 90, "matched", "another")]
    shades = [Shade(start + 40, None, "an incident")]
    days = [timedelta(hours=1), timedelta(days=2), timedelta(days=30)]
    for length in days:
        end = start + length.total_seconds()
        drawn = pages_chart(PagesChart("words", start, end, [Lane("a", bars), Lane("b" * 60, [])], shades))
        assert drawn.count('class="page') == 2
        assert "an incident" in drawn
        assert "…" in drawn
