"""A team's code inside a version: ``model.py``, the modules beside it, and objects whose classes they define.

An object without a format of its own is kept as skops keeps estimators: the names of types, and their state as numbers,
texts and arrays; nothing of it is code. It is rebuilt where the team's code may run, and nowhere else: in a worker of a
training, or in the process that a model server has for the version.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from wellkept.kernel.errors import InputError
from wellkept.ml.canonical import canonical_skops
from wellkept.ml.categories import Named
from wellkept.ml.ownstate import restored, stood_in
from wellkept.ml.project import module_of
from wellkept.ml.runtime import TRUSTED, Matrix, Scores, estimator_scores

FILE = "model.py"
OLD_FILE = "features.py"
"""How model.py was called inside the versions of older releases."""
STATES = (
    *TRUSTED,
    "builtins.frozenset",
    "collections.Counter",
    "datetime.date",
    "datetime.datetime",
    "datetime.timedelta",
    "datetime.timezone",
    "functools.partial",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRanker",
    "lightgbm.sklearn.LGBMRegressor",
    "numpy.dtype",
    "random.Random",
    "scipy.sparse._csr.csr_array",
    "scipy.sparse._csr.csr_matrix",
    "wellkept.ml.ownstate.Stand",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBRanker",
    "xgboost.sklearn.XGBRegressor",
)
"""Types that an object may hold beside those of its own code and skops' own. The platform's list, never the file's."""
PLAIN = (
    "keep numbers, texts, lists, sets, dicts, arrays, frames, fitted estimators and objects of the project's "
    "classes in its attributes (or give the class __getstate__ and __setstate__ that do), or give it to_onnx()"
)


def sources_of(project: Path) -> dict[str, bytes]:
    """``model.py`` and all modules beside it, by the names of their files."""
    return {file.name: file.read_bytes() for file in sorted(project.glob("*.py")) if file.is_file()}


def code_files(project: Path, sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """Of the sources those that go with a version: ``model.py`` and what it imports, directly or through each other.

    They are read, not run: the import statements tell.

    Raises:
        InputError: one is a package, or cannot be read as Python.
    """
    found: dict[str, bytes] = {}
    waiting = [FILE]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = sources[name]
        for module in _imported(name, found[name]):
            if (project / module / "__init__.py").is_file():
                rule = "is a folder, which does not go with a version; put what it needs into modules beside model.py"
                raise InputError(f"{name}: import {module}", rule)
            if f"{module}.py" in sources:
                waiting.append(f"{module}.py")
    return found


def _imported(name: str, source: bytes) -> Iterator[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise InputError(name, f"must be Python: {error}") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def code_file(folder: Path) -> Path:
    """Where model.py lies in the folder of a version."""
    return folder / FILE if (folder / FILE).is_file() else folder / OLD_FILE


def object_state(estimator: Any, own: Collection[str] = ()) -> bytes:
    """The state of an object, in skops' format; ``own`` names the modules of the team's code.

    Raises:
        InputError: it holds what has no plain form.
    """
    import skops.io

    name = type(estimator).__name__
    try:
        return canonical_skops(skops.io.dumps(stood_in(estimator, own)))
    except RecursionError as error:
        raise InputError(f"train(frame): {name}", f"holds itself, or is nested too deeply; {PLAIN}") from error
    except Exception as error:
        raise InputError(f"train(frame): {name}", f"has no plain form ({error}); {PLAIN}") from error


def needs_code(state: bytes) -> bool:
    """Whether the state of a library's estimator holds what a project's code defines: a step of a pipeline, say."""
    import skops.io

    return not set(skops.io.get_untrusted_types(data=state)) <= set(TRUSTED)


class ObjectScorer:
    """An object with ``predict``, rebuilt from its state by the code that lies in a folder. Runs that code."""

    def __init__(self, data: bytes, folder: Path, named: Named | None = None) -> None:
        """Rebuild it.

        Raises:
            InputError: it holds a type that is neither the code's own nor one that the platform trusts.
        """
        import skops.io

        file = code_file(folder)
        module_of(file)
        own = {"model", *(path.stem for path in folder.glob("*.py") if path != file)}
        types = skops.io.get_untrusted_types(data=data)
        for name in types:
            if name not in STATES and not _is_own(name, own):
                raise InputError("the object's state", f"holds a type that is not trusted; {PLAIN}", name)
        try:
            found = skops.io.loads(data, trusted=types)
            self._estimator, self._named = restored(found, own), named
        except Exception as error:
            raise InputError("the object's state", f"does not become the object again ({error}); {PLAIN}") from error

    def score(self, rows: Matrix) -> Scores:
        """The score of each row: float64[n, columns] to float64[n]."""
        return estimator_scores(self._estimator, rows, self._named)


def _is_own(name: str, modules: set[str]) -> bool:
    """Whether a name is of a class or function that one of these modules defines itself."""
    module, _, path = name.partition(".")
    if module not in modules:
        return False
    found: Any = sys.modules.get(module) or importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    is_code = inspect.isclass(found) or inspect.isfunction(found)
    return is_code and found.__module__ == module
