"""Paths, bodies and places are read strictly, before anything of them is handed on."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.api.mlflow_requests import check_locations, check_parameters, document_of, plain_path, wish_of
from wellkept.kernel.errors import InputError
from wellkept.ml.register.mlflow import Wish

API = "/api/2.0/mlflow"
PARTS = st.text(st.characters(codec="utf-8", exclude_characters="/\\%\0", exclude_categories=["Cc", "Cs"]), min_size=1)
PLAIN = PARTS.filter(lambda part: part not in (".", ".."))


@given(st.lists(PLAIN, min_size=1, max_size=5))
def test_a_plain_path_comes_through_as_it_is(parts: list[str]) -> None:
    path = "/" + "/".join(parts)

    assert plain_path(quote(path).encode()) == path


@given(st.lists(PLAIN, max_size=3), st.lists(PLAIN, max_size=3), st.sampled_from([".", ".."]), st.integers(0, 2))
def test_a_path_that_leads_elsewhere_is_refused_however_it_is_encoded(
    before: list[str], after: list[str], step: str, times: int
) -> None:
    path = "/" + "/".join([*before, step, *after])
    for _ in range(times):
        path = path.replace("%", "%25").replace(".", "%2e").replace("/..", "%2f..")

    with pytest.raises(InputError):
        plain_path(quote(path, safe="/%").encode())


@pytest.mark.parametrize(
    "raw", [b"/a/..%2f..%2fetc", b"/a/%2e%2e/b", b"/a/%252e%252e/b", b"/a\\..\\b", b"/a%00b", b"/a%0ab", b"/%ff"]
)
def test_known_tricks_are_refused(raw: bytes) -> None:
    with pytest.raises(InputError):
        plain_path(raw)


@pytest.mark.parametrize("place", ["../x", "/etc/passwd", "a/../../b", "..%2fx", "%2e%2e/x"])
def test_a_place_in_the_address_must_be_inside(place: str) -> None:
    with pytest.raises(InputError):
        check_parameters([("run_id", "1"), ("path", place)])
    check_parameters([("filter", "../is no place"), ("path", "model/a.b..c")])


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"{", b'{"alias": "mine", "alias": "champion"}', b"[" * 100_000])
def test_a_body_that_could_be_understood_in_two_ways_is_refused(body: bytes) -> None:
    with pytest.raises(InputError):
        document_of(body)


def test_a_wish_is_read_from_either_address() -> None:
    body = {"name": "fraud", "alias": "champion", "version": "2"}

    for prefix in (API, "/ajax-api/2.0/mlflow"):
        assert wish_of("POST", f"{prefix}/registered-models/alias", body) == Wish("set_alias", "fraud", "2", "champion")
    assert wish_of("DELETE", f"{API}/registered-models/alias", body) == Wish("delete_alias", "fraud", alias="champion")
    stage = {"name": "fraud", "version": "2", "stage": "production", "archive_existing_versions": True}
    moved = Wish("transition", "fraud", "2", stage="Production", archive=True)
    assert wish_of("POST", f"{API}/model-versions/transition-stage", stage) == moved


@pytest.mark.parametrize("body", [{}, {"name": 1}, {"name": "fraud", "version": 2}, {"name": "fraud", "version": ""}])
def test_a_wish_without_its_fields_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(InputError):
        wish_of("DELETE", f"{API}/model-versions/delete", body)


@pytest.mark.parametrize(
    "place",
    [
        *(
            "file:///etc",
            "/etc/passwd",
            "http://169.254.169.254/x",
            "FILE:///etc",
            "mlflow-artifacts:/a/../b",
            "ftp://x/y",
        ),
        *("mlflow-artifacts:/a/%2e%2e/b", "runs:/x?y=file:///etc", "models:/m-1#/../../etc", "c:\\windows"),
    ],
)
@pytest.mark.parametrize("field", ["source", "artifact_location"])
@pytest.mark.parametrize("is_managed", [True, False])
def test_a_place_on_the_machine_or_elsewhere_is_refused(place: str, field: str, is_managed: bool) -> None:
    with pytest.raises(InputError):
        check_locations({field: place}, is_managed=is_managed)


def test_mlflows_own_places_are_let_through_and_buckets_only_of_the_teams_server() -> None:
    for place in ("runs:/abc/model", "models:/m-1", "mlflow-artifacts:/1/abc/artifacts/model", "", None):
        check_locations({"source": place}, is_managed=True)
    check_locations(json.loads('{"source": "s3://bucket/a/b"}'), is_managed=False)
    with pytest.raises(InputError):
        check_locations({"source": "s3://bucket/a/b"}, is_managed=True)
