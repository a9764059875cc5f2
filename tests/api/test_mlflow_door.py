"""The door to MLflow: who comes in, what is handed on and in which words, and what needs a decision."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import httpx
import pytest
from tests.api.serving import served
from tests.ml.register.mlflow_scene import GUARDED, Scene
from tests.ml.workshop import NOON
from tests.mlflow_server import API, fake_mlflow

from wellkept.api.mlflow import DoorSettings, MlflowDoor, hosts_of
from wellkept.kernel.clock import SettableClock
from wellkept.ml.register.mlflow import MlflowDesk
from wellkept.store.mlflow.client import MlflowClient, Upstream

TOKEN = "a-token"
LARGEST = 1 << 20
ALIAS = f"{API}/registered-models/alias"
CHAMPION = {"name": "fraud", "alias": "champion", "version": "1"}


class Door:
    """A door on a fake MLflow, and a program that has the token."""

    def __init__(self, scene: Scene, address: str) -> None:
        self.scene, self.mlflow = scene, scene.mlflow
        self.http = httpx.Client(base_url=address, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with fake_mlflow() as mlflow:
        mlflow.add("fraud", "1")
        scene = Scene(tmp_path_factory.mktemp("door"), mlflow)
        app = MlflowDoor(mlflow.upstream, scene.desk, DoorSettings(hosts_of(["ours"]), LARGEST, True, TOKEN))
        with served(app, lifespan="on") as address:
            made = Door(scene, address)
            yield made
            made.http.close()
        scene.close()


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["error_code"])


@pytest.mark.parametrize("given", ["", "Bearer wrong", "Basic bm9wZQ==", "Basic !!", "Bearer"])
def test_nobody_comes_in_without_the_token(door: Door, given: str) -> None:
    answer = door.http.get(f"{API}/registered-models/get?name=fraud", headers={"Authorization": given})

    assert (answer.status_code, code_of(answer)) == (401, "UNAUTHENTICATED")
    assert "MLFLOW_TRACKING_TOKEN" in answer.json()["message"]
    assert answer.headers["www-authenticate"].startswith("Basic")


def test_the_token_is_a_bearers_or_anybodys_password(door: Door) -> None:
    basic = base64.b64encode(f"bob:{TOKEN}".encode()).decode()

    for given in (f"Bearer {TOKEN}", f"Basic {basic}"):
        answer = door.http.get(f"{API}/registered-models/get?name=fraud", headers={"Authorization": given})
        assert answer.status_code == 200


def test_a_guarded_alias_needs_an_approval_which_the_client_is_told(door: Door) -> None:
    basic = base64.b64encode(f"bob:{TOKEN}".encode()).decode()
    door.mlflow.asked.clear()

    answer = door.http.post(ALIAS, json=CHAMPION, headers={"Authorization": f"Basic {basic}"})
    again = door.http.post(ALIAS.replace("/api/", "/ajax-api/"), json=CHAMPION)

    assert (answer.status_code, code_of(answer)) == (403, "PERMISSION_DENIED")
    plan = door.scene.gate.plans()[0].plan
    assert f"needs approval, request {plan.id}: `wellkept approve {plan.id}`" in answer.json()["message"]
    assert again.json() == answer.json(), "the same wish is the same request"
    assert plan.proposed_by == "bob"
    assert door.mlflow.asked_of("registered-models/alias") == []

    door.scene.approve(plan.id)

    assert door.mlflow.aliases["fraud"] == {"champion": "1"}
    after = door.http.post(ALIAS, json=CHAMPION)
    assert (after.status_code, after.json()) == (200, {}), "asked again, it is so"


def test_a_free_alias_is_handed_on_in_our_words(door: Door) -> None:
    sent = json.dumps({"name": "fraud", "alias": "mine", "version": "1", "x": "\u00e9"})

    answer = door.http.post(ALIAS, content=sent, headers={"Content-Type": "text/plain"})

    assert answer.status_code == 200
    assert door.mlflow.asked_of("registered-models/alias")[-1] == {"name": "fraud", "alias": "mine", "version": "1"}


@pytest.mark.parametrize(
    ("method", "verb", "body"),
    [
        ("DELETE", "model-versions/delete", {"name": "fraud", "version": "1"}),
        ("DELETE", "registered-models/delete", {"name": "fraud"}),
        ("POST", "registered-models/rename", {"name": "fraud", "new_name": "x"}),
        ("POST", "model-versions/transition-stage", {"name": "fraud", "version": "1", "stage": "Staging"}),
        ("DELETE", "registered-models/alias", {"name": "fraud", "alias": "CHAMPION"}),
    ],
)
def test_what_changes_the_registry_for_everybody_waits(
    door: Door, method: str, verb: str, body: dict[str, str]
) -> None:
    door.mlflow.aliases["fraud"]["CHAMPION"] = "1"

    answer = door.http.request(method, f"{API}/{verb}", json=body)

    assert answer.status_code == 403
    assert "needs approval" in answer.json()["message"]
    assert ("fraud", "1") in door.mlflow.versions


def test_a_body_that_says_two_things_is_refused(door: Door) -> None:
    sent = '{"name": "fraud", "alias": "mine", "version": "1", "alias": "champion"}'

    answer = door.http.post(ALIAS, content=sent, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert "twice" in answer.json()["message"]


def test_a_version_of_local_files_is_refused_and_one_of_a_run_is_made(door: Door) -> None:
    bad = door.http.post(f"{API}/experiments/create", json={"name": "x", "artifact_location": "file:///etc"})
    good = door.http.post(f"{API}/experiments/create", json={"name": "x"})

    assert (bad.status_code, good.status_code) == (400, 200)
    assert door.mlflow.asked_of("experiments/create") == [{"name": "x"}]


@pytest.mark.parametrize(
    "path", ["/nope", "/api/3.0/mlflow/gateway/secrets/list", "/api/2.0/mlflow/webhooks", f"{API}/runs/get/"]
)
def test_an_unknown_or_a_dangerous_route_is_refused_in_mlflows_words(door: Door, path: str) -> None:
    before = len(door.mlflow.asked)
    answer = door.http.get(path)

    assert (answer.status_code, code_of(answer)) == (403, "PERMISSION_DENIED")
    assert len(door.mlflow.asked) == before


@pytest.mark.parametrize(
    "path",
    [
        *("/api/2.0/mlflow-artifacts/artifacts/..%2f..%2fetc/passwd", "/get-artifact?path=..%2f..%2fetc&run_id=1"),
        *("/api/2.0/mlflow-artifacts/artifacts/a/%252e%252e/b", "/model-versions/get-artifact?path=%2Fetc%2Fpasswd"),
    ],
)
def test_no_path_leads_out(door: Door, path: str) -> None:
    before = len(door.mlflow.asked)

    assert door.http.get(path).status_code == 400
    assert len(door.mlflow.asked) == before


def test_a_name_that_points_here_is_not_ours(door: Door) -> None:
    """A page of evil.example may have its name lead to this machine; the browser would send the password along."""
    assert door.http.get("/", headers={"Host": "evil.example"}).status_code == 403
    assert door.http.get("/health", headers={"Host": "ours:1234"}).status_code == 200


@pytest.mark.parametrize(
    "header", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
)
def test_a_foreign_page_may_not_write(door: Door, header: dict[str, str]) -> None:
    answer = door.http.post(f"{API}/runs/create", json={}, headers=header)

    assert answer.status_code == 403
    own = {"Origin": str(door.http.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert door.http.post(f"{API}/runs/create", json={}, headers=own).status_code == 200


def test_what_proves_who_asks_and_what_steers_mlflow_stays_here(door: Door) -> None:
    headers = {"X-MLFLOW-WORKSPACE": "other", "Cookie": "a=b", "X-Forwarded-For": "1.2.3.4", "Connection": "keep-alive"}

    door.http.post(f"{API}/runs/create", json={"a": 1}, headers=headers)

    _, _, _, seen, body = door.mlflow.asked[-1]
    assert not {"authorization", "x-mlflow-workspace", "cookie", "x-forwarded-for"} & seen.keys()
    assert json.loads(body) == {"a": 1}


def test_a_file_is_streamed_and_one_that_is_too_large_is_cut_off(door: Door) -> None:
    place = "/api/2.0/mlflow-artifacts/artifacts/1/r/model.bin"

    whole = door.http.put(place, content=(b"x" * 1000 for _ in range(500)))
    announced = door.http.put(place, content=b"x" * (LARGEST + 1))
    unannounced = door.http.put(place, content=(b"x" * 65536 for _ in range(32)))

    assert whole.json() == {"received": 500_000}
    assert (announced.status_code, unannounced.status_code) == (413, 413)


def test_the_files_of_a_registered_version_are_written_once(door: Door) -> None:
    place = "/api/2.0/mlflow-artifacts/artifacts/1/models/m-sealed-1/artifacts/model.lgb"
    before = door.http.put(place, content=b"the model")
    door.mlflow.add("sealed", "1")
    door.http.post(f"{API}/registered-models/create", json={"name": "anything"})

    after = door.http.put(place, content=b"another model")
    beside = door.http.put(place.replace("m-sealed-1", "m-sealed-12"), content=b"x")
    in_parts = door.http.post(place.replace("/artifacts/1", "/mpu/create/1"), json={})
    del door.mlflow.versions["sealed", "1"]

    assert (before.status_code, beside.status_code) == (200, 200)
    assert (after.status_code, code_of(after), in_parts.status_code) == (403, "PERMISSION_DENIED", 403)
    assert "written once" in after.json()["message"]


def test_while_mlflow_is_away_clients_are_told_to_come_again() -> None:
    away = Upstream("http://127.0.0.1:9")
    scene_client = MlflowClient(away)
    desk = MlflowDesk(scene_client, SettableClock(NOON), GUARDED)
    door = MlflowDoor(away, desk, DoorSettings(hosts_of([]), LARGEST, True, TOKEN))
    with served(door, lifespan="on") as address:
        passed = httpx.get(f"{address}{API}/runs/get", headers={"Authorization": f"Bearer {TOKEN}"})
        gated = httpx.post(f"{address}{ALIAS}", json=CHAMPION, headers={"Authorization": f"Bearer {TOKEN}"})
    scene_client.close()

    assert (passed.status_code, code_of(passed)) == (503, "TEMPORARILY_UNAVAILABLE")
    assert passed.headers["retry-after"] == "2"
    assert (gated.status_code, code_of(gated)) == (409, "RESOURCE_CONFLICT")
