"""Names that lead somewhere else: in artifacts, digests, addresses, static files, and the names of models and runs."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.attacks.victim import TOKEN, Victim

from wellkept.kernel.errors import InputError, StoreError, WellkeptError
from wellkept.ml.serve.fetch import Blobs
from wellkept.sdk.client import Client
from wellkept.store.artifacts.artifacts import Artifacts

WORDS = st.lists(
    st.sampled_from(["..", ".", "", "a", "etc", "passwd", "\\", "\0", "~", "C:", "%2e%2e", "sha256:"]), max_size=6
).map("/".join)
LEADS_OUT = ["../evil", "/etc/passwd", "a/../../evil", "..", "", "a/../..", "\0", "a\0b"]


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(str(tmp_path / "artifacts"))


@given(digest=st.one_of(WORDS, WORDS.map("sha256:{}".format), st.text(max_size=80)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_a_digest_is_never_a_path(digest: str, artifacts: Artifacts) -> None:
    with pytest.raises(InputError, match="digest"):
        artifacts.get_bytes(digest)
    with pytest.raises(InputError, match="digest"):
        artifacts.has(digest)


@given(name=WORDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
def test_whatever_a_tree_names_it_lands_inside_its_folder(name: str, artifacts: Artifacts, tmp_path: Path) -> None:
    """The listing itself is an artifact, so an attacker may write any; fetching it must write nowhere else."""
    listing = artifacts.put_bytes(json.dumps({name: artifacts.put_bytes(b"evil")}).encode())
    into = tmp_path / "deep" / "er" / "into"
    into.mkdir(parents=True, exist_ok=True)
    before = {path for path in tmp_path.rglob("*") if "artifacts" not in path.parts and into not in path.parents}

    with contextlib.suppress(WellkeptError, OSError, ValueError):
        artifacts.fetch_tree(listing, into)

    after = {path for path in tmp_path.rglob("*") if "artifacts" not in path.parts and into not in path.parents}
    assert after == before


@pytest.mark.parametrize("name", LEADS_OUT)
def test_a_tree_with_a_name_that_leads_out_is_neither_stored_nor_read(name: str, artifacts: Artifacts) -> None:
    listing = artifacts.put_bytes(json.dumps({name: artifacts.put_bytes(b"evil")}).encode())

    with pytest.raises(InputError):
        artifacts.put_files({name: b"evil"})
    with pytest.raises(StoreError):
        artifacts.listing(listing)


def test_a_link_in_a_folder_is_never_followed_into_an_artifact(artifacts: Artifacts, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for target in ("/etc/passwd", str(tmp_path), "../secret", "manifest.json"):
        (folder / "link").symlink_to(target)
        with pytest.raises(InputError, match="not a link"):
            artifacts.put_tree(folder)
        (folder / "link").unlink()


def test_a_link_that_lies_where_the_model_server_keeps_a_file_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    client = Client("http://127.0.0.1:9", "unused")
    blobs = Blobs(client, tmp_path / "cache")
    (tmp_path / "cache" / "file").symlink_to(secret)

    with pytest.raises(WellkeptError, match="does not answer"):
        blobs.read(
            "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", tmp_path / "cache" / "file"
        )
    client.close()


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "..", "a\\b"])
def test_the_model_server_takes_no_file_with_a_path(name: str, tmp_path: Path) -> None:
    class Evil:
        def raw(self, path: str) -> bytes:
            return json.dumps({name: "sha256:" + "0" * 64}).encode()

    digest = f"sha256:{hashlib.sha256(Evil().raw('')).hexdigest()}"
    with pytest.raises(StoreError, match="holds a file with a path"):
        Blobs(cast("Client", Evil()), tmp_path / "cache").artifact(digest)


@pytest.mark.parametrize(
    "path",
    [
        b"/static/..%2f..%2f..%2f..%2fetc%2fpasswd",
        b"/static/%2e%2e/render.py",
        b"/static/..",
        b"/static/....//render.py",
        b"/static/app.css%00.png",
        b"/static//etc/passwd",
        b"/static/%c0%ae%c0%ae/render.py",
    ],
)
def test_static_files_are_a_closed_list(path: bytes, platform: Victim) -> None:
    assert platform.raw(path) in (401, 404)


@pytest.mark.parametrize(
    "path",
    [
        b"/api/v1/artifacts/..%2f..%2ftoken",
        b"/api/v1/artifacts/sha256:..%2f..%2f..%2ftoken",
        b"/api/v1/artifacts/%2fetc%2fpasswd",
        b"/api/v1/artifacts/sha256%3A" + b"0" * 62 + b"..",
        b"/api/v1/models/..%2f..%2ftoken",
        b"/api/v1/models/..%2f..%2ftoken/card",
        b"/api/v1/models/x/versions/..%2f..%2f/card",
        b"/api/v1/external/..%2f..%2ftoken/rows",
        b"/api/v1/jobs/..%2f..%2ftoken",
        b"/api/v1/jobs/..%2f..%2ftoken/log",
        b"/incidents/..%2f..%2ftoken/predictions/x.csv",
    ],
)
def test_no_address_reads_a_file_of_the_machine(path: bytes, platform: Victim) -> None:
    (platform.platform.settings.data / "token").touch()

    assert platform.raw(path, TOKEN) in (404, 422, 307)


def test_a_project_with_a_name_that_is_a_path_is_refused(platform: Victim, tmp_path: Path) -> None:
    for name in ("../evil", "/etc", "a/b", "..", ".git", "a\nb"):
        (tmp_path / "model.py").write_text("")
        (tmp_path / "model.yaml").write_text(json.dumps({"name": name}))
        answer = platform.ask("POST", "/api/v1/models/train", TOKEN, json={"project": str(tmp_path)})

        assert answer.status_code == 422, name
        assert "name" in answer.json()["error"]["message"]
    assert not (platform.platform.settings.data / "evil").exists()
