"""Progress: said by a project's code, read by whoever watches."""

from __future__ import annotations

from pathlib import Path

import pytest

import wellkept
from wellkept.ml import progress as said
from wellkept.ml.progress import FILE, all_said, last_said, listen, progress, write_to


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(said, "_sink", said._Sink())
    monkeypatch.setattr(said, "LEAST_PAUSE_S", 0.0)


def test_outside_of_a_worker_nothing_is_said() -> None:
    assert wellkept.progress is progress
    progress(1, 2, "rounds", loss=0.5)


def test_what_is_said_is_read_in_order(tmp_path: Path) -> None:
    write_to(tmp_path / FILE, "train")
    for step in (1, 2):
        progress(step, 2, f"round {step}", loss=1 / step, odd=float("nan"))

    first, last = all_said(tmp_path)
    assert (first.step, first.done, first.total, first.note) == ("train", 1, 2, "round 1")
    assert last.values == {"loss": 0.5}
    assert last_said(tmp_path) == last


def test_calls_that_come_too_fast_are_thinned_out_but_for_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(said, "LEAST_PAUSE_S", 3600.0)
    write_to(tmp_path / FILE, "train")
    heard: list[float] = []
    listen(lambda step, _: heard.append(step))
    for step in range(1, 11):
        progress(step, 10)

    assert [one.done for one in all_said(tmp_path)] == [1, 10]
    assert heard == list(range(1, 11)), "who prunes hears every step"


def test_a_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    assert last_said(tmp_path) is None
    assert all_said(tmp_path) == []
    write_to(tmp_path / FILE, "train")
    progress(1, 2)
    with (tmp_path / FILE).open("a") as file:
        file.write('{"at": 1, "do')

    found = last_said(tmp_path)
    assert found is not None
    assert found.done == 1
