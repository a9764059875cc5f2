"""The pages of incidents: found, looked at, acted on, and summed up."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from tests.web import scene as scenes
from tests.web import shop, stories
from tests.web.conftest import NOW
from tests.web.scene import Scene

from wellkept.kernel.finding import Evidence, FindingKind, Severity
from wellkept.kernel.incident import Incident

pytestmark = pytest.mark.usefixtures("later")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Two incidents: a leak, and one of two findings with a hostile title."""
    made = scenes.empty(tmp_path_factory.mktemp("incidents"), NOW)
    try:
        shop.topology(made)
        stories.leak_incident(made)
        said = (FindingKind.ANOMALY, Severity.WARNING, 20.0)
        found = [
            stories.finding(made, f"service:shop/{name}", *said, f"{name} is slow.", Evidence("x"))
            for name in ("payments", "ledger")
        ]
        made.deps.stream.save_incident(stories.incident(made, "Slow <b>payments</b>", found, "they began together"))
        yield made
    finally:
        made.close()


def slow(scene: Scene) -> Incident:
    return next(found for found in scene.deps.stream.incidents(limit=50) if "Slow" in found.title)


def press(client: httpx.Client, incident: str, deed: str, **fields: str | list[str]) -> httpx.Response:
    """The answer to a button of the incident's page, pressed as a browser does it."""
    text = client.get(f"/incidents/{incident}").text
    token = re.search(r'name="form_token" value="([^"]*)" *>', text[text.index('id="deeds"') :])
    assert token is not None
    return client.post(f"/incidents/{incident}/do", data={"form_token": token[1], "by": "ada", "deed": deed, **fields})


def test_incidents_are_found_by_what_is_asked_for_and_drawn_over_time(client: httpx.Client) -> None:
    every = client.get("/incidents").text
    assert every.count('<li class="incident') == 2
    assert every.count('class="span ') == 2
    assert "Slow &lt;b&gt;payments&lt;/b&gt;" in every
    assert client.get("/incidents?severity=error").text.count('<li class="incident') == 1
    assert client.get("/incidents?service=ledger").text.count('<li class="incident') == 1
    assert client.get("/incidents?q=exhausted").text.count('<li class="incident') == 1
    assert "Show all of them" in client.get("/incidents?owner=nobody").text
    wrong = client.get("/incidents?severity=awful")
    assert (wrong.status_code, "must be one of info, warning, error, critical" in wrong.text) == (422, True)


def test_a_button_does_what_it_says_under_the_name_that_was_given(client: httpx.Client, scene: Scene) -> None:
    incident = slow(scene).id
    answer = press(client, incident, "acknowledge", why="the bank is slow")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/incidents/{incident}")
    press(client, incident, "note", why="called them")
    press(client, incident, "own", owner="payments team")

    text = client.get(f"/incidents/{incident}").text
    for words in ("<b>ada</b> works on it", "called them", "owner <b>payments team</b>", "to acknowledge", "Mitigated"):
        assert words in text
    assert 'name="by" value="ada"' in text, "the name is remembered"
    only = client.get(f"/incidents/{incident}?kind=note").text
    assert "called them" in only
    assert "the bank is slow" not in only
    assert scene.deps.audit.entries(1)[0].actor == "ada"


def test_a_deed_without_a_name_a_reason_or_our_own_form_is_refused(client: httpx.Client, scene: Scene) -> None:
    incident = slow(scene).id
    assert "by: is required" in press(client, incident, "resolve", by=" ", why="x").text
    assert "why: is required" in press(client, incident, "resolve").text
    assert press(client, incident, "explode", why="x").status_code == 422
    assert "tick the findings" in press(client, incident, "split", why="x").text
    forged = client.post(f"/incidents/{incident}/do", data={"by": "eve", "deed": "resolve", "why": "x"})
    assert forged.status_code == 403
    assert slow(scene).state.is_live


def test_a_split_and_a_merge_by_hand(client: httpx.Client, scene: Scene) -> None:
    incident = slow(scene)
    finding = incident.members[1].finding
    page = client.get(f"/incidents/{incident.id}").text
    assert "they began together" in page
    assert f'name="finding" value="{finding}"' in page

    answer = press(client, incident.id, "split", why="another database", finding=[finding])
    new = answer.headers["location"].rpartition("/")[2]
    assert "it was split from" in client.get(f"/incidents/{new}").text
    press(client, incident.id, "merge", other=new, why="no, the same")
    merged = client.get(f"/incidents/{incident.id}").text
    assert "came with" in merged
    assert "it was merged into" in client.get(f"/incidents/{new}").text


def test_a_draft_of_a_post_mortem_is_a_file_to_take_away(client: httpx.Client, scene: Scene) -> None:
    answer = client.get(f"/incidents/{slow(scene).id}/postmortem.md?zone=Asia/Tokyo")
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="postmortem-inc-')
    assert "JST" in answer.text
    assert client.get("/incidents/inc-0/postmortem.md").status_code == 404


def test_the_summary_has_a_row_for_each_service(client: httpx.Client) -> None:
    text = client.get("/incidents/summary?days=7").text
    for words in ("everything", "shop/checkout", "shop/payments", "To acknowledge", "needed nobody"):
        assert words in text


def test_a_cause_is_confirmed_by_its_button_and_corrected_by_words(client: httpx.Client, scene: Scene) -> None:
    incident = next(found for found in scene.deps.stream.incidents(limit=50) if "Slow" not in found.title)
    diagnosis = scene.deps.stream.diagnosis(incident.id)
    assert diagnosis is not None
    assert diagnosis.best is not None
    assert scene.deps.causes is not None
    page = client.get(f"/incidents/{incident.id}").text
    token = re.search(r'name="form_token" value="([^"]*)"', page[page.index('id="say-cause"') :])
    assert token is not None

    def say(**fields: str) -> httpx.Response:
        return client.post(f"/incidents/{incident.id}/cause", data={"form_token": token[1], "by": "ada", **fields})

    assert f'value="{diagnosis.best.entity}"' in page
    assert say(entity=diagnosis.best.entity, why="the graph").status_code == 303
    assert "ada confirmed it" in client.get(f"/incidents/{incident.id}").text
    assert say(entity="", other="host:elsewhere").status_code == 303
    assert "ada says it was" in client.get(f"/incidents/{incident.id}").text
    said = scene.deps.causes.confirmed(incident.id)
    assert said is not None
    assert (said.entity, said.by) == ("host:elsewhere", "ada")
    assert "by: is required" in say(entity="none", by=" ").text
    assert client.post(f"/incidents/{incident.id}/cause", data={"by": "eve", "entity": "none"}).status_code == 403
