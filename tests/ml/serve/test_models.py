"""What is served: fetched by digest, checked, cached, swapped whole; a broken version leaves the one before."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from tests.ml.serve.platform import FakePlatform

from wellkept.kernel.errors import NotFoundError, OverloadError
from wellkept.ml.export import export
from wellkept.ml.serve import models as module
from wellkept.ml.serve.models import Models
from wellkept.sdk.client import Client

CONTRACT = """
name: fraud
task: binary_classification
owner: risk
inputs: [{name: amount}, {name: risk}]
metrics: {primary: roc_auc}
"""


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    found = FakePlatform()
    yield found
    found.go()


@pytest.fixture
def client(platform: FakePlatform) -> Iterator[Client]:
    found = Client(platform.url, "token", 5.0)
    yield found
    found.close()


@pytest.fixture
def models(client: Client, tmp_path: Path) -> Models:
    return Models(client, tmp_path / "cache")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a model's artifact."""
    rows = np.random.default_rng(1).random((200, 2))
    folder = tmp_path_factory.mktemp("model")
    export(LogisticRegression().fit(rows, rows[:, 1] > 0.5), rows, ["amount", "risk"], folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def offer(platform: FakePlatform, files: dict[str, bytes], version: int = 1) -> str:
    """Have the platform want an artifact of these files to be served; returns the artifact's digest."""
    platform.blobs.update({digest_of(data): data for data in files.values()})
    listing = json.dumps({name: digest_of(data) for name, data in files.items()}).encode()
    platform.blobs[digest_of(listing)] = listing
    digest = digest_of(f"{version}".encode())
    platform.deployments = [
        {"model": "fraud", "digest": digest, "version": version, "artifact": digest_of(listing), "contract": CONTRACT}
    ]
    return digest_of(listing)


def test_a_wanted_model_is_fetched_and_served(platform: FakePlatform, models: Models, files: dict[str, bytes]) -> None:
    offer(platform, files)
    models.refresh()

    served = models.get("fraud").champion
    assert (served.version, served.format, [entry.name for entry in served.inputs]) == (1, "onnx", ["amount", "risk"])
    assert served.scorer.score(np.array([[0.0, 1.0]]))[0] > 0.5


def test_what_is_wanted_and_not_loaded_is_no_unknown_model(
    platform: FakePlatform, models: Models, files: dict[str, bytes]
) -> None:
    with pytest.raises(OverloadError, match="model fraud: is not loaded yet"):
        models.get("fraud")
    assert not models.is_ready, "nobody knows yet what is wanted"

    offer(platform, {**files, "model.onnx": b"no model"})
    models.refresh()

    with pytest.raises(OverloadError, match="model fraud: cannot be served: "):
        models.get("fraud")
    with pytest.raises(NotFoundError, match="model churn: has no live version here"):
        models.get("churn")
    assert not models.is_ready

    offer(platform, files, 2)
    models.refresh()
    assert models.is_ready


def test_what_is_not_wanted_any_more_is_not_served(
    platform: FakePlatform, models: Models, files: dict[str, bytes]
) -> None:
    offer(platform, files)
    models.refresh()
    platform.deployments = []
    models.refresh()

    with pytest.raises(NotFoundError, match="model fraud: has no live version here"):
        models.get("fraud")


def test_a_new_version_of_the_same_bytes_needs_no_new_fetch(
    platform: FakePlatform, models: Models, files: dict[str, bytes]
) -> None:
    offer(platform, files, 1)
    models.refresh()
    offer(platform, files, 2)
    platform.asked.clear()
    models.refresh()

    assert models.get("fraud").champion.version == 2
    assert platform.asked == ["/api/v1/deployments"]


def test_while_the_platform_is_away_the_live_model_stays(
    platform: FakePlatform, models: Models, files: dict[str, bytes]
) -> None:
    offer(platform, files)
    models.refresh()
    platform.go()
    models.refresh()
    platform.come_back()

    assert models.get("fraud").champion.version == 1


def test_a_server_that_starts_without_the_platform_serves_what_it_knew(
    platform: FakePlatform, models: Models, client: Client, files: dict[str, bytes], tmp_path: Path
) -> None:
    offer(platform, files)
    models.refresh()
    platform.go()

    again = Models(client, tmp_path / "cache")
    again.refresh()
    platform.come_back()

    assert again.get("fraud").champion.version == 1


@pytest.mark.parametrize("known", ["", "{", "[{"])
def test_what_it_knew_may_be_damaged(
    known: str, platform: FakePlatform, models: Models, files: dict[str, bytes], tmp_path: Path
) -> None:
    tmp_path.joinpath("cache/deployments.json").write_text(known, encoding="utf-8")
    platform.go()
    models.refresh()
    platform.come_back()
    assert models.all() == []

    offer(platform, files)
    models.refresh()

    assert models.get("fraud").champion.version == 1


def test_the_wishes_are_written_when_they_change_and_only_then(
    platform: FakePlatform, models: Models, files: dict[str, bytes], tmp_path: Path
) -> None:
    known = tmp_path / "cache" / "deployments.json"
    offer(platform, files)
    models.refresh()
    known.unlink()
    models.refresh()
    assert not known.exists()

    offer(platform, files, 2)
    models.refresh()

    assert json.loads(known.read_bytes())[0]["version"] == 2


@pytest.mark.parametrize("kind", ["onnx", "skops", "lightgbm", "pickle", None])
def test_a_version_that_cannot_be_served_leaves_the_one_before(
    kind: str | None,
    platform: FakePlatform,
    models: Models,
    files: dict[str, bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    offer(platform, files, 1)
    models.refresh()
    broken = dict.fromkeys(("model.onnx", "model.skops", "model.txt", "model.pickle"), b"nonsense")
    if kind is not None:
        broken["manifest.json"] = json.dumps({**json.loads(files["manifest.json"]), "format": kind}).encode()
    offer(platform, broken, 2)

    with caplog.at_level(logging.WARNING):
        models.refresh()
        models.refresh()

    assert models.get("fraud").champion.version == 1
    assert len(caplog.messages) == 1, "said once, not twice a second"
    assert "version 2 of fraud cannot be served" in caplog.messages[0]


def test_a_version_that_could_not_be_served_is_tried_again(
    platform: FakePlatform, models: Models, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.0)
    artifact = offer(platform, files)
    listing = platform.blobs.pop(artifact)
    models.refresh()
    assert models.all() == []

    platform.blobs[artifact] = listing
    models.refresh()

    assert models.get("fraud").champion.version == 1


def test_bytes_with_another_digest_are_not_loaded(
    platform: FakePlatform, models: Models, files: dict[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    offer(platform, files)
    platform.blobs[digest_of(files["model.onnx"])] = b"other bytes"

    with caplog.at_level(logging.WARNING):
        models.refresh()

    assert models.all() == []
    assert "its bytes have another digest; it is not loaded" in caplog.text
    assert digest_of(files["model.onnx"]) in caplog.text


def test_a_cached_file_that_was_changed_is_fetched_anew(
    platform: FakePlatform,
    models: Models,
    client: Client,
    files: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.0)
    offer(platform, files)
    models.refresh()
    (cached,) = tmp_path.glob("cache/*/model.onnx")
    cached.write_bytes(b"changed")

    again = Models(client, tmp_path / "cache")
    again.refresh()
    assert again.all() == []
    again.refresh()

    assert again.get("fraud").champion.version == 1
    assert cached.read_bytes() == files["model.onnx"]


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "sub/evil", ".hidden", "..", "sub\\evil"])
def test_a_file_name_with_a_path_is_refused(
    name: str,
    platform: FakePlatform,
    models: Models,
    files: dict[str, bytes],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    offer(platform, {name: b"evil", **files})

    with caplog.at_level(logging.WARNING):
        models.refresh()

    assert models.all() == []
    assert f"holds a file with a path: {name}" in caplog.text
    assert [path for path in tmp_path.rglob("*") if "evil" in path.name] == []
