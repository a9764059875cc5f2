"""Deleting old logs: only old ones, only of declared patterns, and never anything outside the directory."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wellkept.agent.actions import delete_old_logs as module
from wellkept.agent.actions.delete_old_logs import delete_old_logs
from wellkept.agent.configuration import AgentConfiguration, LogDirectory
from wellkept.kernel.errors import ActionError, InputError

HOUR = 3600.0


class Place:
    """A declared directory with a neighbour that must never be touched."""

    def __init__(self, folder: Path) -> None:
        self.logs, self.outside = folder / "logs", folder / "outside"
        self.logs.mkdir()
        self.outside.mkdir()
        self.precious = self.file("../outside/precious.log.1", age_h=100)
        self.configuration = AgentConfiguration(directories=(LogDirectory(str(self.logs), ("*.log.*", "*.old"), HOUR),))

    def file(self, name: str, *, age_h: float = 100.0, size: int = 10) -> Path:
        path = self.logs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
        moment = time.time() - age_h * HOUR
        os.utime(path, (moment, moment))
        return path

    def run(self, **arguments: Any) -> dict[str, Any]:
        return delete_old_logs(self.configuration, {"directory": str(self.logs), **arguments})

    def names(self) -> set[str]:
        return {str(path.relative_to(self.logs)) for path in self.logs.rglob("*") if not path.is_dir()}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_old_files_of_a_declared_pattern_are_deleted(place: Place) -> None:
    for name in ("app.log", "app.log.1", "deep/er/app.log.2", "x.old", "notes.txt"):
        place.file(name)

    result = place.run()

    assert place.names() == {"app.log", "notes.txt"}
    assert (result["ok"], result["changed"], result["details"]["files"], result["details"]["bytes"]) == (
        True, True, 3, 30,
    )  # fmt: skip
    assert set(result["details"]["names"]) == {"app.log.1", "deep/er/app.log.2", "x.old"}
    assert result["sentence"] == f"deleted 3 files (0.0 MB) below {place.logs}"


def test_one_pattern_may_be_asked_for(place: Place) -> None:
    place.file("app.log.1")
    place.file("x.old")

    place.run(pattern="*.old")

    assert place.names() == {"app.log.1"}


@pytest.mark.parametrize("pattern", ["*", "*.log", "../*", "*.log.* "])
def test_another_pattern_is_refused(place: Place, pattern: str) -> None:
    place.file("app.log.1")

    with pytest.raises(InputError, match=r"^pattern: must be one of \*\.log\.\*, \*\.old, got "):
        place.run(pattern=pattern)

    assert place.names() == {"app.log.1"}


@pytest.mark.parametrize(("asked_h", "left"), [(0, {"young.old"}), (0.5, {"young.old"}), (5, {"young.old", "two.old"})])
def test_the_age_is_the_declared_one_or_more(place: Place, asked_h: float, left: set[str]) -> None:
    place.file("young.old", age_h=0.9)
    place.file("two.old", age_h=2)
    place.file("ten.old", age_h=10)

    place.run(min_age_s=asked_h * HOUR)

    assert place.names() == left


def test_a_file_of_the_future_is_not_old(place: Place) -> None:
    place.file("app.log.1", age_h=-5)

    assert place.run()["details"]["files"] == 0


@pytest.mark.parametrize(
    ("keep", "left"), [(0, set()), (1, {"1.old"}), (2, {"1.old", "2.old"}), (9, {"1.old", "2.old", "3.old"})]
)
def test_the_newest_are_kept(place: Place, keep: int, left: set[str]) -> None:
    for age in (1, 2, 3):
        place.file(f"{age}.old", age_h=age * 10)

    place.run(keep_newest=keep)

    assert place.names() == left


@pytest.mark.parametrize("name", ["keep_newest", "min_age_s"])
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "many", True, None, [1]])
def test_a_number_that_is_none_is_refused(place: Place, name: str, value: object) -> None:
    place.file("app.log.1")

    with pytest.raises(InputError, match=rf"^{name}: must be a number, 0 or more"):
        place.run(**{name: value})

    assert place.names() == {"app.log.1"}


def test_a_dry_run_deletes_nothing_and_tells_what_it_would(place: Place) -> None:
    place.file("app.log.1", size=1_000_000)

    result = place.run(dry_run=True)

    assert place.names() == {"app.log.1"}
    assert (result["changed"], result["details"]["names"]) == (False, ["app.log.1"])
    assert result["sentence"] == f"would delete 1 file (1.0 MB) below {place.logs}"


def test_nothing_to_delete_changes_nothing(place: Place) -> None:
    result = place.run()

    assert (result["ok"], result["changed"]) == (True, False)
    assert result["sentence"] == f"deleted 0 files (0.0 MB) below {place.logs}"


def test_a_folder_below_the_declared_one_may_be_asked_for(place: Place) -> None:
    place.file("a/app.log.1")
    place.file("b/app.log.1")

    place.run(directory=f"{place.logs}/a")

    assert place.names() == {"b/app.log.1"}


@pytest.mark.parametrize("given", ["", ".", "logs", "../outside"])
def test_a_relative_directory_is_refused(place: Place, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place.file("app.log.1")
    monkeypatch.chdir(place.logs)

    with pytest.raises(InputError, match=r"^directory: must be an absolute path, got "):
        place.run(directory=given)

    assert place.names() == {"app.log.1"}


@pytest.mark.parametrize(
    "given",
    [
        "/",
        "{parent}",
        "{outside}",
        "{logs}/../outside",
        "{logs}/./../outside/.",
        "{logs}x",
        "/etc",
        "{logs}/../logs/../outside",
    ],
)
def test_a_directory_outside_is_refused(place: Place, given: str) -> None:
    Path(f"{place.logs}x").mkdir()
    directory = given.format(parent=place.logs.parent, outside=place.outside, logs=place.logs)

    with pytest.raises(InputError, match=rf"^directory: must lie below a declared directory \({place.logs}\), got "):
        place.run(directory=directory)

    assert place.precious.exists()


def test_nothing_is_declared_nothing_is_deleted(place: Place) -> None:
    with pytest.raises(InputError, match=r"must lie below a declared directory \(nothing\)"):
        delete_old_logs(AgentConfiguration(), {"directory": str(place.logs)})


def test_a_link_that_leads_outside_is_refused(place: Place) -> None:
    (place.logs / "link").symlink_to(place.outside)

    with pytest.raises(InputError, match="must lie below a declared directory"):
        place.run(directory=f"{place.logs}/link")

    assert place.precious.exists()


def test_links_below_are_not_followed(place: Place) -> None:
    (place.logs / "folder.old").symlink_to(place.outside)
    (place.logs / "file.old").symlink_to(place.precious)
    (place.logs / "dangling.old").symlink_to("/nowhere")

    assert place.run()["details"]["files"] == 0

    assert place.precious.exists()
    assert (place.logs / "file.old").is_symlink()


def test_a_declared_directory_may_itself_be_a_link(place: Place, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(place.logs)
    place.file("app.log.1")
    configuration = AgentConfiguration(directories=(LogDirectory(str(tmp_path / "link"), ("*.log.*",), HOUR),))

    delete_old_logs(configuration, {"directory": str(tmp_path / "link")})

    assert place.names() == set()


def test_a_hard_link_loses_its_name_alone(place: Place) -> None:
    (place.logs / "hard.old").hardlink_to(place.precious)

    result = place.run()

    assert place.precious.read_bytes() == b"x" * 10
    assert (result["details"]["files"], result["details"]["bytes"]) == (1, 0), "no space comes back"


def test_folders_pipes_and_other_things_of_that_name_are_left_alone(place: Place) -> None:
    (place.logs / "folder.old").mkdir()
    os.mkfifo(place.logs / "pipe.old")

    assert place.run()["details"]["files"] == 0


def test_the_nearest_declaration_counts(place: Place) -> None:
    place.file("a/app.log.1", age_h=5)
    near = LogDirectory(f"{place.logs}/a", ("*.log.*",), 10 * HOUR)
    configuration = AgentConfiguration(directories=(*place.configuration.directories, near))

    result = delete_old_logs(configuration, {"directory": f"{place.logs}/a"})

    assert result["details"]["files"] == 0


def test_a_folder_that_becomes_a_link_in_the_middle_is_not_followed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.file("a/precious.log.1")
    place.file("x.old")
    found = module._files

    def swapping(root: int, patterns: tuple[str, ...]) -> list[Any]:
        seen = list(found(root, patterns))
        (place.logs / "a").rename(place.logs / "elsewhere")
        (place.logs / "a").symlink_to(place.outside)
        return seen

    monkeypatch.setattr(module, "_files", swapping)
    result = place.run()

    assert place.precious.exists()
    assert (result["details"]["names"], result["details"]["left"]) == (["x.old"], 1)


def test_a_name_that_stands_for_a_younger_file_by_now_is_left_alone(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logs are rotated between the look and the deletion: app.log.1 is now what was app.log a moment ago."""
    place.file("app.log", age_h=0)
    place.file("app.log.1")
    found = module._files

    def rotating(root: int, patterns: tuple[str, ...]) -> list[Any]:
        seen = list(found(root, patterns))
        (place.logs / "app.log.1").rename(place.logs / "app.log.2")
        (place.logs / "app.log").rename(place.logs / "app.log.1")
        return seen

    monkeypatch.setattr(module, "_files", rotating)
    with pytest.raises(ActionError, match=r"^none of 1 old files below .* could be deleted$"):
        place.run()

    assert place.names() == {"app.log.1", "app.log.2"}


def test_what_cannot_be_deleted_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.file("a.old")
    place.file("b.old")
    unlinked = os.unlink

    def refusing(name: str, **named: int) -> None:
        if name == "a.old":
            raise PermissionError(1, "Operation not permitted")
        unlinked(name, **named)

    monkeypatch.setattr(os, "unlink", refusing)
    result = place.run()

    assert place.names() == {"a.old"}
    assert result["sentence"] == f"deleted 1 file (0.0 MB) below {place.logs}; 1 could not be deleted"
    assert result["details"]["left"] == 1


def test_a_directory_that_is_not_there_is_named(place: Place) -> None:
    with pytest.raises(
        ActionError, match=rf"^directory {place.logs}/none cannot be opened: No such file or directory$"
    ):
        place.run(directory=f"{place.logs}/none")


def test_no_descriptor_stays_open(place: Place) -> None:
    for number in range(5):
        place.file(f"{number}/x.old")
    before = len(list(Path("/proc/self/fd").iterdir()))

    place.run()
    with pytest.raises(ActionError):
        place.run(directory=f"{place.logs}/none/at/all")

    assert len(list(Path("/proc/self/fd").iterdir())) == before


PARTS = st.sampled_from(["..", ".", "a", "logs", "outside", "link", "", "precious.log.1", "//"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(parts=st.lists(PARTS, max_size=6), pattern=st.sampled_from(["", "*.log.*", "*.old"]), keep=st.integers(0, 2))
def test_whatever_is_asked_for_nothing_outside_is_touched(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], pattern: str, keep: int
) -> None:
    place = Place(tmp_path_factory.mktemp("place"))
    place.file("a/app.log.1")
    (place.logs / "link").symlink_to(place.outside)
    (place.logs / "a" / "up").symlink_to(place.logs.parent)
    try:
        place.run(directory="/".join([str(place.logs), *parts]), pattern=pattern, keep_newest=keep)
    except (InputError, ActionError):
        assert (place.logs / "a" / "app.log.1").exists()

    assert place.precious.exists()
    assert (place.logs / "link").is_symlink()
