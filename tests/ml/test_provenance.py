"""What a training depends on: the digest of a project, its commit, the environment."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkept.kernel.errors import TooLargeError
from wellkept.ml import provenance
from wellkept.ml.provenance import commit_of, digest, environment, own_code, project_digest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def filled(folder: Path) -> Path:
    folder.joinpath("package").mkdir(parents=True)
    folder.joinpath("model.py").write_text("a = 1\n")
    folder.joinpath("package", "rows.sql").write_text("select 1\n")
    return folder


def test_any_file_of_a_project_counts_by_name_and_content(tmp_path: Path) -> None:
    folder = filled(tmp_path / "p")
    seen = {project_digest(folder)}
    folder.joinpath("package", "rows.sql").write_text("select 2\n")
    seen.add(project_digest(folder))
    folder.joinpath("package", "rows.sql").rename(folder / "rows.sql")
    seen.add(project_digest(folder))
    folder.joinpath("linked").symlink_to("model.py")
    seen.add(project_digest(folder))

    assert len(seen) == 4
    assert project_digest(filled(tmp_path / "q")) in seen, "where a project lies does not count"


def test_what_is_hidden_cached_or_told_otherwise_does_not_count(tmp_path: Path) -> None:
    folder = filled(tmp_path / "p")
    before = project_digest(folder)
    for name in (".git/HEAD", "__pycache__/model.pyc", ".env", "history.parquet"):
        folder.joinpath(name).parent.mkdir(exist_ok=True)
        folder.joinpath(name).write_text("x")

    assert project_digest(folder, frozenset({folder / "history.parquet"})) == before
    assert project_digest(folder) != before


def test_a_project_of_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "MOST_FILES", 1)

    with pytest.raises(TooLargeError, match=r"must hold at most 1 files of 2 GiB together"):
        project_digest(filled(tmp_path / "p"))


@pytest.mark.skipif(shutil.which("git") is None, reason="Git is not installed")
def test_the_commit_says_whether_the_project_differs_from_it(tmp_path: Path) -> None:
    folder = filled(tmp_path / "repository" / "p")
    assert commit_of(folder) == ""

    def git(*words: str) -> str:
        options = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        command = ["git", *options, "-C", str(folder.parent), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "a")
    head = git("rev-parse", "HEAD")

    assert commit_of(folder) == head
    folder.parent.joinpath("elsewhere").write_text("x")
    assert commit_of(folder) == head, "only the project's own files count"
    folder.joinpath("model.py").write_text("a = 2\n")
    assert commit_of(folder) == f"{head} with changes"


def test_the_environment_names_python_and_every_library() -> None:
    assert {"python", "platform", "machine", "numpy", "pyarrow"} <= environment().keys()
    assert own_code("train") == own_code("train") != own_code("data")


@given(one=JSON, other=JSON)
@settings(deadline=None)
def test_equal_values_and_only_those_have_the_same_key(one: object, other: object) -> None:
    same = repr(one) == repr(other) or digest(one) != digest(other) or one == other

    assert same
    assert digest(one, other) == digest(one, other)
