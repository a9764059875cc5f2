"""Artifacts by content: what is read is what was stored, and no name leads out of its folder."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wellkept.kernel.errors import InputError, NotFoundError, StoreError
from wellkept.store.artifacts.artifacts import Artifacts

UNKNOWN = "sha256:" + "0" * 64


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(str(tmp_path / "artifacts"))


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_bytes_come_back_under_their_digest(artifacts: Artifacts, data: bytes) -> None:
    digest = artifacts.put_bytes(data)
    assert digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert artifacts.get_bytes(digest) == data
    assert artifacts.has(digest)
    assert artifacts.put_bytes(data) == digest


def test_it_is_there_for_who_opens_it_next(tmp_path: Path) -> None:
    digest = Artifacts(str(tmp_path / "a b")).put_bytes(b"kept")
    assert Artifacts(str(tmp_path / "a b")).get_bytes(digest) == b"kept"
    assert Artifacts("memory://artifacts").has(digest) is False


def test_the_same_bytes_are_stored_once(artifacts: Artifacts, tmp_path: Path) -> None:
    artifacts.put_bytes(b"same")
    artifacts.put_bytes(b"same")
    assert list(files(tmp_path).values()) == [b"same"]


def test_many_who_store_the_same_at_once(artifacts: Artifacts, tmp_path: Path) -> None:
    data = os.urandom(1 << 20)
    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(lambda _: artifacts.put_bytes(data), range(16)))
    assert [artifacts.get_bytes(digest) for digest in digests] == [data]
    assert len(files(tmp_path)) == 1


def test_what_is_not_stored(artifacts: Artifacts) -> None:
    assert not artifacts.has(UNKNOWN)
    with pytest.raises(NotFoundError, match=r"artifact: is not stored"):
        artifacts.get_bytes(UNKNOWN)


def test_what_was_damaged_is_not_handed_out(artifacts: Artifacts, tmp_path: Path) -> None:
    digest = artifacts.put_bytes(b"whole")
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    path.write_bytes(b"halfe")
    with pytest.raises(StoreError, match=r"is damaged: its bytes have another digest"):
        artifacts.get_bytes(digest)


def test_who_stores_damaged_bytes_again_heals_them(artifacts: Artifacts, tmp_path: Path) -> None:
    digest = artifacts.put_bytes(b"a model")
    (stored,) = (path for path in tmp_path.rglob("*") if path.is_file())
    stored.chmod(0o644)
    stored.write_bytes(b"a modem")
    assert artifacts.put_bytes(b"a model") == digest
    assert artifacts.get_bytes(digest) == b"a model"


@pytest.mark.parametrize(
    "digest",
    ["", "sha256:", "md5:" + "0" * 64, "sha256:" + "0" * 63, "sha256:" + "G" * 64, "sha256:../../etc/passwd", "0" * 64],
)
def test_what_is_no_digest_is_named(artifacts: Artifacts, digest: str) -> None:
    for ask in (artifacts.get_bytes, artifacts.has, artifacts.listing):
        with pytest.raises(InputError, match="digest: must be sha256: and 64 hexadecimal digits"):
            ask(digest)


def test_a_tree_comes_back_whole(artifacts: Artifacts, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name, data in {"model.onnx": b"\0\1", "sub/deep/é.txt": b"text", "empty": b"", ".hidden": b"h"}.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(data)
    digest = artifacts.put_tree(source)
    assert files(artifacts.fetch_tree(digest, tmp_path / "copy")) == files(source)
    assert set(artifacts.listing(digest)) == {"model.onnx", "sub/deep/é.txt", "empty", ".hidden"}


def test_a_trees_digest_is_that_of_its_files_alone(artifacts: Artifacts, tmp_path: Path) -> None:
    digests = []
    for name, order in (("one", "ab"), ("two", "ba")):
        (tmp_path / name).mkdir()
        for letter in order:
            (tmp_path / name / letter).write_text(letter)
        digests.append(artifacts.put_tree(tmp_path / name))
    assert digests[0] == digests[1]
    (tmp_path / "two" / "c").write_text("c")
    assert artifacts.put_tree(tmp_path / "two") != digests[0]


def test_a_link_in_a_tree_is_refused(artifacts: Artifacts, tmp_path: Path) -> None:
    for target, name in ((tmp_path, "folder"), (Path("/etc/hostname"), "file"), (tmp_path / "nowhere", "broken")):
        source = tmp_path / f"with {name}"
        source.mkdir()
        (source / name).symlink_to(target)
        with pytest.raises(InputError, match=rf"artifact {name}: must be a file, not a link"):
            artifacts.put_tree(source)


def test_a_folder_that_is_not_there_is_no_empty_tree(artifacts: Artifacts, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be a folder"):
        artifacts.put_tree(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "name", ["../out", "/etc/passwd", "a/../../out", "", ".", "..", "a/..", "nul\0", "sub/../../../x"]
)
def test_a_name_that_leads_out_of_its_folder_is_refused(artifacts: Artifacts, tmp_path: Path, name: str) -> None:
    blob = artifacts.put_bytes(b"bad")
    tree = artifacts.put_bytes(json.dumps({name: blob}).encode())
    with pytest.raises(StoreError, match="is not a tree of plain names"):
        artifacts.fetch_tree(tree, tmp_path / "into" / "deep")
    assert not (tmp_path / "into").exists()


@pytest.mark.parametrize("data", [b"", b"not JSON", b"[]", b'"text"', b"5", b'{"a": 5}', b'{"a": null}', b"\xff"])
def test_what_is_no_tree(artifacts: Artifacts, data: bytes) -> None:
    with pytest.raises(StoreError, match="is not a tree"):
        artifacts.listing(artifacts.put_bytes(data))


def test_a_tree_that_is_not_stored(artifacts: Artifacts) -> None:
    with pytest.raises(NotFoundError, match="is not stored"):
        artifacts.listing(UNKNOWN)


def test_a_tree_that_lacks_a_file_says_so(artifacts: Artifacts, tmp_path: Path) -> None:
    tree = artifacts.put_bytes(json.dumps({"a": UNKNOWN}).encode())
    with pytest.raises(NotFoundError, match="is not stored"):
        artifacts.fetch_tree(tree, tmp_path / "into")


def test_a_table_comes_back(artifacts: Artifacts) -> None:
    table = pa.table({"n": [1, None, 3], "text": ["a", "é", ""], "list": [[1.5], [], None]})
    digest = artifacts.put_table(table)
    assert artifacts.table(digest).equals(table)
    assert artifacts.put_table(table) == digest


def test_what_cannot_be_written_says_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifacts = Artifacts(str(tmp_path))

    def full(partial: str, data: bytes) -> None:
        Path(partial).write_bytes(data[:3])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(artifacts._files, "pipe_file", full)

    with pytest.raises(StoreError, match=rf"6 bytes cannot be written below {tmp_path}: No space left on device; see"):
        artifacts.put_bytes(b"badger")

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
