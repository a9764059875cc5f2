"""The executor of a Ray cluster: what is sent, what comes back, and a training on a real one where Ray is installed."""

from __future__ import annotations

import importlib.util
import io
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from tests.ml.workshop import LIGHTGBM, LOAD, Workshop, project

from wellkept.app.pipeline import Pipeline
from wellkept.kernel.errors import TrainingError
from wellkept.ml.data.stage import Snapshots
from wellkept.ml.oversight import Limits
from wellkept.ml.train.executors.base import ExecutorSettings, Work
from wellkept.ml.train.executors.ray import Node, Ray, _packed, _unpack
from wellkept.spine.plugins import TABLE, load_one

WORKER = "tests.ml.probes.worker"
SAYS_WHERE = LIGHTGBM.replace("import lightgbm", "import lightgbm; print('hello from', __file__, flush=True)")
has_ray = importlib.util.find_spec("ray") is not None


def ran(**request: Any) -> dict[str, Any]:
    """What a node answers to a probe."""
    return Node().run(WORKER, request, {}, [], Limits(30.0, threads=2), 3)


def test_every_executor_of_the_table_has_its_name() -> None:
    for name in TABLE["executor"]:
        assert load_one("executor", name)(ExecutorSettings()).name == name


def test_a_node_runs_the_same_worker_with_the_same_limits() -> None:
    found = ran(do="threads")

    assert found["error"] is None
    assert set(found["result"].values()) == {"2"}
    assert found["environment"]["pyarrow"]


def test_an_error_on_a_node_comes_back_in_its_parts() -> None:
    message, output, cause = ran(do="raise")["error"]

    assert message == "probes: ended with code 1"
    assert output.rstrip().endswith("ValueError: no such column: amount")
    assert cause == "code"


def test_what_a_node_said_can_be_read_from_any_place_also_afterwards() -> None:
    node = Node()
    node.run(WORKER, {"do": "say"}, {}, [], Limits(30.0), 3)

    (log, progress), places = node.said([0, 0])
    assert log == b"hello\n"
    assert progress.count(b"\n") >= 1
    assert places == [len(log), len(progress)]
    assert node.said([3, places[1]])[0] == [b"lo\n", b""]


def test_files_and_folders_travel_whole_but_for_what_is_hidden(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    for name in ("model.py", "lib/rows.sql", ".git/HEAD", "lib/__pycache__/a.pyc"):
        folder.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        folder.joinpath(name).write_text(name)

    there = _unpack(_packed(folder), tmp_path / "there")
    file = _unpack(_packed(folder / "model.py"), tmp_path / "one")

    names = {path.relative_to(there).as_posix() for path in there.rglob("*") if path.is_file()}
    assert names == {"model.py", "lib/rows.sql"}
    assert file.read_text() == "model.py"


def test_nothing_that_comes_back_leads_out_of_its_place(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../outside"), io.BytesIO())

    with pytest.raises(tarfile.OutsideDestinationError):
        _unpack(buffer.getvalue(), tmp_path / "model")


def test_without_ray_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)

    with pytest.raises(TrainingError, match=r"Ray is not installed; `pip install 'wellkept\[ray\]'`"):
        Ray(ExecutorSettings(kind="ray")).run(Work(WORKER, {}, tmp_path, 1.0))


@pytest.mark.skipif(not has_ray, reason="Ray is an extra: pip install 'wellkept[ray]'")
def test_a_training_on_a_cluster_is_the_same_as_here(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    workshop.known(project(tmp_path / "project", LOAD + SAYS_WHERE))
    here = workshop.train("pln-1:0")
    snapshots = Snapshots(workshop.artifacts, workshop.shelf)
    executors = {"ray": Ray(ExecutorSettings(kind="ray"))}
    limits = Limits(120.0, 4000, threads=1)
    workshop.training = workshop.runs(
        pipeline=Pipeline(workshop.registry, workshop.artifacts, snapshots, executors, limits)
    )

    there = workshop.train("pln-2:0")

    assert (there.number, there.lineage["executor"]) == (2, "ray")
    assert there.artifact == here.artifact
    log = workshop.training.log("pln-2:0", 0)["text"]
    assert "hello from" in log
    assert str(tmp_path / "project") not in log
    assert workshop.train("pln-3:0").number == 2, "taken from the run before"
    workshop.close()
