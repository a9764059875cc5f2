"""Files of targets: read again when they change, and a broken one takes nothing away."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from wellkept.kernel.errors import DocumentError, InputError
from wellkept.ops.ingest.scrape.files import TargetFiles, groups_of
from wellkept.ops.ingest.scrape.job import Job


def following(*names: Path) -> TargetFiles:
    return TargetFiles(Job.model_validate({"job": "shop", "files": [str(name) for name in names]}))


def found(files: TargetFiles) -> list[str]:
    files.look()
    return sorted(target.url for target in files.targets().values())


def write(file: Path, text: str) -> None:
    """Put a new file in the place of an old one, as whoever writes such files should."""
    partial = file.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)


def test_a_file_is_followed(tmp_path: Path) -> None:
    file = tmp_path / "targets.json"
    files = following(file)
    assert found(files) == []
    assert files.mistakes == {str(file): "is not a file"}

    write(file, json.dumps([{"targets": ["a:1", "b:1"], "labels": {"env": "test"}}]))
    assert found(files) == ["http://a:1/metrics", "http://b:1/metrics"]
    assert files.mistakes == {}
    assert {dict(target.labels)["env"] for target in files.targets().values()} == {"test"}

    write(file, "- targets: [c:1]\n")
    assert found(files) == ["http://c:1/metrics"]
    file.unlink()
    assert found(files) == []


def test_a_broken_file_keeps_the_targets_that_it_had(tmp_path: Path) -> None:
    file = tmp_path / "targets.yaml"
    write(file, "- targets: [a:1]\n")
    files = following(file)
    found(files)

    write(file, "- targets: [b:1, 'c@d']\n  color: red\n")
    assert found(files) == ["http://a:1/metrics"]
    assert "line 1: groups.0.targets.1: must be host:port" in files.mistakes[str(file)]
    assert "line 2: groups.0.color: is not a known field, got 'red'" in files.mistakes[str(file)]

    write(file, "- targets: [b:1]\n")
    assert found(files) == ["http://b:1/metrics"]
    assert files.mistakes == {}


def test_a_star_stands_for_any_name(tmp_path: Path) -> None:
    files = following(tmp_path / "*.yaml")
    assert found(files) == []
    assert files.mistakes == {}

    write(tmp_path / "one.yaml", "- targets: [a:1]")
    write(tmp_path / "two.yaml", "- targets: [a:1, b:1]")
    write(tmp_path / "three.yaml", "x")
    assert found(files) == ["http://a:1/metrics", "http://b:1/metrics"]
    assert list(files.mistakes) == [str(tmp_path / "three.yaml")]

    (tmp_path / "three.yaml").unlink()
    found(files)
    assert files.mistakes == {}


def test_a_file_that_has_not_changed_is_not_read_again(tmp_path: Path) -> None:
    file = tmp_path / "targets.yaml"
    write(file, "- targets: [a:1]")
    files = following(file)
    found(files)
    told = file.stat()
    file.write_text("- targets: [b:1]", encoding="utf-8")
    os.utime(file, ns=(told.st_atime_ns, told.st_mtime_ns))

    assert found(files) == ["http://a:1/metrics"]


@pytest.mark.parametrize(
    "text",
    [
        '[{"targets": ["a:1"]}]',
        '[\n  {\n    "targets": [\n      "a:1"\n    ]\n  }\n]\n',
        "- targets: [a:1]",
        "---\n- targets:\n  - a:1\n",
        "# who\n\n---\n# what\n- targets: ['a:1']\n",
        "  - targets: [a:1]\n",
    ],
)
def test_json_and_yaml_are_read(text: str) -> None:
    assert [group.targets for group in groups_of(text.encode(), "file")] == [("a:1",)]


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "[]", "null"])
def test_a_file_may_list_nothing(text: str) -> None:
    assert groups_of(text.encode(), "file") == ()


@pytest.mark.parametrize("text", ["a: b", "text", "- a", "[", "- targets: a", "- targets: [1]"])
def test_what_is_no_list_of_groups_is_refused(text: str) -> None:
    with pytest.raises(DocumentError, match=r"^file has 1 mistake"):
        groups_of(text.encode(), "file")


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(InputError, match="file: is not UTF-8: byte 3"):
        groups_of(b"[] \xff", "file")
