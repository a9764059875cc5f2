"""The pages of noise: what is held, silences and windows with previews, grouping rules tried and saved."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from tests.ops.correlate.noise.scenes import alert
from tests.web import scene as scenes
from tests.web.conftest import NOW, browsing, pass_by, served
from tests.web.scene import Scene

from wellkept.kernel.grouping import DecisionKind
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.kernel.noise import Digest, Held, HeldFinding, HoldReason
from wellkept.ops.correlate.noise.usecases import NoiseUse
from wellkept.ops.correlate.rules.usecases import GroupingUse
from wellkept.spine.grouping import GroupingDesk
from wellkept.spine.noise import NoiseDesk

PAGES = ("/noise", "/maintenance", "/grouping")


@pytest.fixture
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = scenes.empty(tmp_path_factory.mktemp("noise"), NOW)
    deps, clock = made.deps, made.deps.clock
    noise, grouping = NoiseDesk(made.state, deps.audit, clock), GroupingDesk(made.state, deps.audit, clock)
    made.deps = replace(
        deps,
        noise=NoiseUse(noise, deps.stream, deps.topology, clock),
        grouping=GroupingUse(grouping, deps.stream, deps.topology, clock),
    )
    yield made
    made.close()


@pytest.fixture
def browser(scene: Scene) -> Iterator[httpx.Client]:
    with served(scene) as address, browsing(address) as client:
        yield client


def send(client: httpx.Client, page: str, **fields: str) -> httpx.Response:
    token = re.search(r'name="form_token" value="([^"]*)"', client.get(page).text)
    assert token is not None
    return client.post(page, data={"form_token": token[1], "by": "ann", **fields})


def test_empty_pages_say_how_to_fill_them(browser: httpx.Client) -> None:
    texts = [browser.get(page).text for page in PAGES]
    assert "Nothing is held: all that is found is told." in texts[0]
    assert "--http.config.file=http.yml silence add team=shop" in texts[0]
    assert "wellkept maintenance add patching" in texts[1]
    assert "wellkept grouping replay FILE" in texts[2]
    assert all('aria-current="page">Noise' in text for text in texts)


def test_a_silence_is_previewed_made_and_ended(browser: httpx.Client, scene: Scene) -> None:
    scene.deps.stream.publish([alert("Bad<b>", team="shop")], NOW)
    shown = send(browser, "/noise", match="team=shop", lasts="2h", comment="known", do="preview")
    assert "1 open finding would be held now." in shown.text
    assert "Bad&lt;b&gt; is told" in shown.text
    assert "team=shop</textarea>" in shown.text
    assert 'value="ann"' in shown.text
    assert scene.deps.noise is not None
    assert scene.deps.noise.desk.silences() == []

    assert send(browser, "/noise", match="team=shop", lasts="2h", comment="known", do="add").status_code == 303
    (made,) = scene.deps.noise.desk.silences()
    assert (made.by, made.ends_at - made.starts_at) == ("ann", timedelta(hours=2))
    pass_by(scene)
    assert "team=&#34;shop&#34;" in browser.get("/noise").text


def test_a_silence_is_ended_from_the_page(browser: httpx.Client, scene: Scene) -> None:
    send(browser, "/noise", match="team=shop", lasts="2h", comment="known", do="add")
    assert scene.deps.noise is not None
    (made,) = scene.deps.noise.desk.silences()
    pass_by(scene)
    token = re.search(r'name="form_token" value="([^"]*)"', browser.get("/noise").text)
    assert token is not None
    assert browser.post(f"/noise/silences/{made.id}/end", data={"form_token": token[1]}).status_code == 303
    assert scene.deps.noise.desk.silences(over=False) == []
    assert browser.post(f"/noise/silences/{made.id}/end", data={"form_token": "stolen"}).status_code == 403


@pytest.mark.parametrize(
    ("page", "fields", "said"),
    [
        ("/noise", {"match": "team", "lasts": "2h", "comment": "x"}, "matcher: must be like"),
        ("/noise", {"match": "team=shop", "lasts": "soon", "comment": "x", "do": "add"}, "lasts: must be like 90s"),
        ("/maintenance", {"name": "x", "lasts": "2h"}, "must name an entity, or there must be matchers"),
        (
            "/maintenance",
            {"name": "x", "entities": "host:a", "begins": "25:00", "ends": "1:00"},
            "begins: must be a time",
        ),
        ("/grouping", {"text": "groupings: [{name: x}]"}, "groupings.0.match: is required"),
        ("/grouping", {"text": "groupings: []", "do": "save"}, "must hold at least one"),
    ],
)
def test_a_mistake_is_told_beside_the_form(page: str, fields: dict[str, str], said: str, browser: httpx.Client) -> None:
    shown = send(browser, page, **fields)
    assert shown.status_code == 200
    assert said in shown.text


def test_a_window_is_previewed_and_added(browser: httpx.Client, scene: Scene) -> None:
    scene.deps.stream.publish([alert(entity="host:a", n="1")], NOW)
    fields = {"name": "patching", "entities": "host:a, host:b", "dependents": "yes", "lasts": "90m"}
    shown = send(browser, "/maintenance", **fields)
    assert "1 open finding would be held now." in shown.text
    assert "It covers host:a, host:b." in shown.text
    assert "Nothing is known of host:b so far" in shown.text
    assert send(browser, "/maintenance", **fields, do="add").status_code == 303
    weekly = {"name": "backup", "entities": "service:db", "begins": "02:00", "ends": "03:00", "weekdays": "sat sun"}
    assert send(browser, "/maintenance", **weekly, do="add").status_code == 303
    pass_by(scene)
    text = browser.get("/maintenance").text
    assert "02:00 to 03:00 UTC, sat, sun" in text
    assert text.count(">End</button>") == text.count(">End for good</button>") == 1
    assert "End this time" not in text, "it is not open"
    always = {"name": "always", "entities": "service:db", "begins": "00:00", "ends": "00:00"}
    assert send(browser, "/maintenance", **always, do="add").status_code == 303
    pass_by(scene)
    text = browser.get("/maintenance").text
    (place,) = re.findall(r"/maintenance/[^/]+/end-this-time", text)
    (token,) = {*re.findall(r'name="form_token" value="([^"]*)"', text)}
    assert browser.post(place, data={"form_token": token, "by": "ann"}).status_code == 303
    pass_by(scene)
    assert "opens <time" in browser.get("/maintenance").text.partition("always")[2].partition("</tr>")[0]


def test_what_is_held_is_listed_with_its_reason(browser: httpx.Client, scene: Scene) -> None:
    assert scene.deps.noise is not None
    held = Held(HoldReason.FLAPPING, {"changes": "8"}, "flapping: it began or ended 8 times in 30 minutes")
    scene.deps.noise.desk.keep_held([HeldFinding("fnd-1", "fp", "host:web-1", held, NOW)])
    scene.deps.noise.desk.keep_digest(Digest("d", "night", NOW, NOW, (), ("inc-1",), "1 incidents were not told."))
    night = Held(HoldReason.QUIET_HOURS, {}, "quiet hours (night)", NOW + timedelta(hours=9))
    scene.deps.noise.desk.keep_held([HeldFinding("", "", "service:pay", night, NOW, incident="inc-7")])
    text = browser.get("/noise").text
    assert '<a href="/incidents/inc-7">incident of pay</a>' in text
    assert (NOW + timedelta(hours=9)).isoformat() in text
    assert "1 quiet hours" in text
    assert "8 times in 30 minutes" in text
    assert "1 flapping" in text
    assert "1 incidents were not told." in text


def test_a_rule_is_tried_and_saved_before_anything_matches(browser: httpx.Client, scene: Scene) -> None:
    assert scene.deps.grouping is not None
    text = "groupings: [{name: shop, match: ['team=\"shop\"'], by: [cluster], require: {findings: 2}}]"
    shown = send(browser, "/grouping", text=text, days="30", do="try")
    assert "0 findings of 0 match" in shown.text
    assert send(browser, "/grouping", text=text, days="30", do="save").status_code == 303
    (stored,) = scene.deps.grouping.desk.rules()
    assert (stored.rule.name, stored.version, stored.by) == ("shop", 1, "ann")
    pass_by(scene)
    assert "version 1 by ann" in browser.get("/grouping").text


def merged_twice(scene: Scene, *names: str) -> None:
    """Two merges by hand of alerts of two names, in two clusters, and a third pair that nobody has merged."""
    assert scene.deps.grouping is not None
    stream, desk = scene.deps.stream, scene.deps.grouping.desk
    for cluster in ("c1", "c2", "c3"):
        pair = [alert(name, cluster=cluster, job=name) for name in names]
        moved = stream.publish([replace(one, starts_at=NOW) for one in pair], NOW)
        for one in moved:
            member = Member(one.id, "", NOW, "first")
            stream.save_incident(Incident(f"inc-{one.id}", "x", IncidentState.OPEN, one.severity, NOW, NOW, (member,)))
        if cluster != "c3":
            pass_by(scene)
            desk.decide(DecisionKind.MERGE, [moved[0]], [moved[1]], "ann")


def test_a_suggestion_becomes_a_rule(browser: httpx.Client, scene: Scene) -> None:
    merged_twice(scene, "Slow", "Full")
    text = browser.get("/grouping").text
    assert "ann merged Full, Slow 2 times, each time with the same cluster." in text
    assert "6 findings of 6 match; 6 incidents would have been 3." in text
    document = re.search(r'name="text" value="([^"]*)"', text)
    assert document is not None
    kept = document[1].replace("&#39;", "'").replace("&#34;", '"')
    assert send(browser, "/grouping", text=kept, do="save").status_code == 303
    pass_by(scene)
    assert "Make it a rule" not in browser.get("/grouping").text


def test_a_suggestion_that_nobody_wants_is_not_made_again(browser: httpx.Client, scene: Scene) -> None:
    assert scene.deps.grouping is not None
    merged_twice(scene, "Late", "Lost")
    pass_by(scene)
    use = scene.deps.grouping
    (name,) = (one.rule.name for one, _ in use.suggestions() if "Late" in one.sentence)
    page = browser.get("/grouping").text
    assert f'action="/grouping/{name}/dismiss"' in page
    token = re.search(r'name="form_token" value="([^"]*)"', page)
    assert token is not None
    assert browser.post(f"/grouping/{name}/dismiss", data={"form_token": token[1]}).status_code == 303
    pass_by(scene)
    assert name not in browser.get("/grouping").text
    assert use.settled() == 1
    assert name not in [one.rule.name for one, _ in use.suggestions()] + [one.rule.name for one in use.desk.rules()]
    entry = scene.deps.audit.entries(1)[0]
    assert (entry.verb, entry.subject) == ("grouping.suggestion_dismissed", name)
    assert browser.post(f"/grouping/{name}/dismiss", data={"form_token": token[1]}).status_code == 404
