"""Bytes that change between check and use: in caches, in artifact stores, in folders that others may write."""

from __future__ import annotations

import hashlib
import json
import stat
import tempfile
from pathlib import Path
from typing import cast

import pytest

from wellkept.app.secrets import private, token_of
from wellkept.kernel.errors import StoreError
from wellkept.ml.serve.fetch import Blobs
from wellkept.sdk.client import Client
from wellkept.store.artifacts.artifacts import Artifacts


class Honest:
    """A platform that hands out what it was given."""

    def __init__(self, *data: bytes) -> None:
        self.blobs = {f"sha256:{hashlib.sha256(one).hexdigest()}": one for one in data}

    def raw(self, path: str) -> bytes:
        return self.blobs[path.rpartition("/")[2]]


class Lying(Honest):
    """A platform, or somebody between, that hands out something else."""

    def raw(self, path: str) -> bytes:
        return b"evil"


def blobs_of(platform: Honest, cache: Path) -> Blobs:
    return Blobs(cast("Client", platform), cache)


def test_a_file_that_is_swapped_after_it_was_checked_is_not_what_is_loaded(tmp_path: Path) -> None:
    """MLflow loaded from a folder that others could write (CVE-2026-4137). Here what is loaded was checked."""
    listing = json.dumps({"model.onnx": f"sha256:{hashlib.sha256(b'good').hexdigest()}"}).encode()
    platform = Honest(b"good", listing)
    digest = f"sha256:{hashlib.sha256(listing).hexdigest()}"
    found = blobs_of(platform, tmp_path / "cache").artifact(digest)
    found.lay_out()

    (found.folder / "model.onnx").write_bytes(b"evil")

    with pytest.raises(StoreError, match="another digest"):
        found.read("model.onnx")
    assert found.read("model.onnx") == b"good", "it is fetched anew"


def test_a_listing_that_is_swapped_is_not_followed(tmp_path: Path) -> None:
    listing = json.dumps({"model.onnx": "sha256:" + "0" * 64}).encode()
    digest = f"sha256:{hashlib.sha256(listing).hexdigest()}"
    blobs = blobs_of(Honest(listing), tmp_path / "cache")
    folder = blobs.artifact(digest).folder

    folder.with_suffix(".json").write_text(json.dumps({"evil": "sha256:" + "1" * 64}))

    with pytest.raises(StoreError):
        blobs.artifact(digest)


def test_somebody_between_cannot_send_other_bytes(tmp_path: Path) -> None:
    blobs = blobs_of(Lying(), tmp_path / "cache")

    with pytest.raises(StoreError, match="not loaded"):
        blobs.artifact("sha256:" + "0" * 64)
    assert not any(path.is_file() for path in (tmp_path / "cache").rglob("*"))


def test_the_artifact_store_hands_out_what_its_digest_says_or_nothing(tmp_path: Path) -> None:
    artifacts = Artifacts(str(tmp_path / "artifacts"))
    digest = artifacts.put_files({"model.onnx": b"good", "manifest.json": b"{}"})
    for path in (tmp_path / "artifacts").rglob("*"):
        if path.is_file() and path.read_bytes() == b"good":
            path.write_bytes(b"evil")

    with pytest.raises(StoreError, match="damaged"):
        artifacts.fetch_tree(digest, tmp_path / "out")
    assert not (tmp_path / "out" / "model.onnx").exists()


def test_the_data_folder_is_its_owners_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o777)
    data.chmod(0o777)

    private(data)
    token_of(data)

    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "token").stat().st_mode) == 0o600


def test_the_cache_of_a_model_server_is_its_owners_alone(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o777)
    cache.chmod(0o777)

    blobs_of(Honest(), cache)

    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


def test_no_code_of_ours_makes_names_in_a_shared_temporary_folder() -> None:
    """Only ``tempfile`` picks names there: unguessable, and 0700. A name of our own could be there already."""
    root = Path(__file__).parent.parent.parent / "src" / "wellkept"
    shared = ("mktemp(", '"/tmp', "'/tmp", '"/var/tmp', "gettempdir(")

    found = [
        f"{path.relative_to(root)}: {word}"
        for path in root.rglob("*.py")
        for word in shared
        if word in path.read_text(encoding="utf-8")
    ]

    assert found == []
    with tempfile.TemporaryDirectory() as folder:
        assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o700
