"""A team's code inside a version: which files go with it, and what an object may hold."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from wellkept.kernel.errors import InputError
from wellkept.ml.owncode import FILE, ObjectScorer, code_files, object_state, sources_of
from wellkept.ml.project import module_of

CODE = """
import dataclasses
import enum


@dataclasses.dataclass
class Part:
    share: float


class Kind(enum.Enum):
    LATE = 1


def doubled(rows):
    return rows * 2


class Sum:
    def __init__(self, held):
        self.held = held

    def predict(self, rows):
        return rows.sum(axis=1)
"""


def project(folder: Path, **modules: str) -> Path:
    for name, code in {"model": CODE, **modules}.items():
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
    return folder


def test_the_modules_beside_it_that_it_imports_go_with_model_py(tmp_path: Path) -> None:
    project(
        tmp_path,
        model="import numpy\nfrom one import x\n",
        one="def f():\n    import two\nx = 1\n",
        two="import one\n",
        test_model="import model\n",
    )

    assert list(code_files(tmp_path, sources_of(tmp_path))) == ["model.py", "one.py", "two.py"]


def test_a_package_beside_it_is_named_with_what_to_do(tmp_path: Path) -> None:
    project(tmp_path, model="from parts.one import x\n")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "__init__.py").touch()

    with pytest.raises(InputError, match=r"model\.py: import parts: is a folder, which does not go with a version"):
        code_files(tmp_path, sources_of(tmp_path))


def test_what_is_no_python_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model\.py: must be Python"):
        code_files(tmp_path, {FILE: b"def train(:\n"})


@pytest.mark.parametrize(
    "held",
    [
        {1: "a", "b": (1, 2.5, None), None: 1, 1.5: 2},
        {1, 2},
        {("shop", 3): 0.5, ("shop", 4): [1, {(1, 2): 3}]},
        defaultdict(list, {1: [2], ("a", "b"): []}),
        Counter("abca"),
        deque([1, (2, 3)], 5),
        1 + 2j,
        pd.DataFrame({"a": [1.5, None]}, index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["item", "day"])),
        pd.Series([1.0, 2.0], index=["a", "b"], name="mean"),
        np.arange(3),
        [np.float64(2), float("inf"), b"bytes"],
        datetime(2026, 1, 1, tzinfo=UTC),
        np.random.default_rng(1),
        np.dtype("float32"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_object_holds_plain_values(held: Any, tmp_path: Path) -> None:
    project(tmp_path)

    data = object_state(module_of(tmp_path / FILE).Sum(held), {"model"})

    scorer = ObjectScorer(data, tmp_path)
    found = scorer._estimator.held
    assert scorer.score(np.ones((2, 3))).tolist() == [3.0, 3.0]
    assert type(found) is type(held)
    if isinstance(held, pd.DataFrame | pd.Series):
        assert found.equals(held)
    elif not isinstance(held, np.random.Generator):
        assert repr(found) == repr(held)


def test_an_object_holds_objects_and_functions_of_its_code(tmp_path: Path) -> None:
    module = module_of(project(tmp_path) / FILE)

    held = [module.Part(0.5), module.doubled, module.Sum({(1, 2): module.Kind.LATE}), module.Kind.LATE, module.Sum]
    data = object_state(module.Sum(held), {"model"})

    found = ObjectScorer(data, tmp_path)._estimator.held
    assert found[2].held[(1, 2)].name == found[3].name == "LATE"
    assert found[0].share == 0.5
    assert held[2].held == {(1, 2): module.Kind.LATE}, "what was trained is left as it is"
    assert ObjectScorer(data, tmp_path).score(np.ones((1, 3))).tolist() == [3.0]


def test_an_object_that_holds_itself_is_named(tmp_path: Path) -> None:
    found = module_of(project(tmp_path) / FILE).Sum(None)
    found.held = found

    with pytest.raises(InputError, match="Sum: holds itself"):
        object_state(found, {"model"})


def test_a_type_that_is_neither_trusted_nor_of_the_code_is_named(tmp_path: Path) -> None:
    data = object_state(module_of(project(tmp_path) / FILE).Sum(Path("/etc")))

    with pytest.raises(InputError, match=r"holds a type that is not trusted; keep numbers.*pathlib"):
        ObjectScorer(data, tmp_path)


def test_a_class_that_says_itself_what_is_kept_is_heeded(tmp_path: Path) -> None:
    says = """
class Says:
    def __init__(self):
        self.lock, self.weight = __import__("threading").Lock(), 2.0

    def __getstate__(self):
        return {"weight": self.weight}

    def __setstate__(self, state):
        self.__init__()
        self.weight = state["weight"]

    def predict(self, rows):
        with self.lock:
            return rows[:, 0] * self.weight
"""
    found = module_of(project(tmp_path, model=says) / FILE).Says()
    found.weight = 3.0

    assert ObjectScorer(object_state(found, {"model"}), tmp_path).score(np.ones((1, 1))).tolist() == [3.0]


def test_the_same_object_is_the_same_bytes(tmp_path: Path) -> None:
    module = module_of(project(tmp_path) / FILE)

    assert object_state(module.Sum([1, np.arange(3)])) == object_state(module.Sum([1, np.arange(3)]))
