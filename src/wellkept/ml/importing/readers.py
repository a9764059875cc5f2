"""Looking into a safe format: what it takes, what it answers, that it hides nothing. Runs in a locked-in process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from wellkept.kernel.errors import InputError
from wellkept.ml.categories import LONGEST, MOST, Categories, Named
from wellkept.ml.importing.texts import texts_of_booster, texts_of_estimator, texts_of_graph
from wellkept.ml.runtime import TRUSTED, Matrix, Scores, classes_of, estimator_scores

IMPORTABLE = (
    *TRUSTED,
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBRegressor",
)
"""Types that skops may rebuild when a model is taken in, which is then kept in another format. Ours, not the file's."""
ELEMENTS = {1: "float", 11: "float", 7: "int", 6: "int", 9: "bool", 8: "category"}
"""Types of ONNX's tensors (``TensorProto.DataType``), as a contract calls those of inputs."""
DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
WIDEST = 100_000
ROWS, SEED = 256, 11
EXPECTED = "expected.npz"
"""The file of rows and scores that a converted model must give again."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a model turned out to be. ``estimator`` is there where it was rebuilt from skops.

    ``types`` are those of the inputs, as a contract calls them (empty: all are float). ``categories`` are the texts
    that it knows, by input; ``open`` says whether it scores rows with other ones, too.
    """

    task: str
    width: int
    inputs: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    nullable: bool = False
    classes: tuple[float, ...] = ()
    estimator: Any = None
    categories: Categories = field(default_factory=dict)
    open: bool = True
    kind: str = ""
    """The estimator's class, or what the format calls it."""

    @property
    def named(self) -> Named:
        """The columns, by their names in the file; without any, by their places."""
        return Named(self.inputs or [str(index) for index in range(self.width)], self.categories)


def look(kind: str, data: bytes) -> Found:
    """Read a model of a safe format.

    Raises:
        InputError: it breaks a rule, such as to hold what is no model.
    """
    reader: Callable[[bytes], Found] = {
        "onnx": _onnx,
        "lightgbm": _lightgbm,
        "xgboost": _xgboost,
        "skops": _skops,
    }[kind]
    try:
        found = reader(data)
    except InputError:
        raise
    except ModuleNotFoundError as error:
        rule = f"needs {error.name}, which is not installed where wellkept runs: pip install {error.name}"
        raise InputError(f"the {kind} model", rule) from error
    except Exception as error:
        raise InputError(f"the {kind} model", f"cannot be read: {type(error).__name__}: {str(error)[:200]}") from error
    if not 0 < found.width <= WIDEST:
        raise InputError(f"the {kind} model", f"must take 1 to {WIDEST} inputs", found.width)
    for name, texts in found.categories.items():
        if not 0 < len(texts) <= MOST or max(map(len, texts)) > LONGEST:
            rule = (
                f"must have an encoder that knows 1 to {MOST} texts of at most {LONGEST} characters of its input {name}"
            )
            raise InputError(f"the {kind} model", rule, len(texts))
    return found


def _onnx(data: bytes) -> Found:
    import onnx

    model = onnx.load_model_from_string(data)  # reads no file, also where the model names one
    _check_external(model)
    for entry in model.opset_import:
        if entry.domain not in DOMAINS:
            raise InputError(
                "the onnx model", f"must use operators of {', '.join(sorted(DOMAINS))} alone", entry.domain
            )
    onnx.checker.check_model(model)
    initial = {tensor.name for tensor in model.graph.initializer}
    inputs = [entry for entry in model.graph.input if entry.name not in initial]
    if len(inputs) == 1 and inputs[0].type.tensor_type.elem_type != onnx.TensorProto.STRING:
        shape = [dimension.dim_value for dimension in inputs[0].type.tensor_type.shape.dim]
        if len(shape) != 2 or inputs[0].type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
            raise InputError("the onnx model", "must take float32[rows, inputs]", shape)
        return _answers(model, shape[1])
    types = tuple(_type_of(entry) for entry in inputs)
    names = tuple(entry.name for entry in inputs)
    texts = texts_of_graph(model.graph, [name for name, kind in zip(names, types, strict=True) if kind == "category"])
    return replace(_answers(model, len(inputs)), inputs=names, types=types, categories=texts)


def _type_of(entry: Any) -> str:
    """The type of an input that is one column."""
    tensor = entry.type.tensor_type
    shape = [dimension.dim_value for dimension in tensor.shape.dim]
    kind = ELEMENTS.get(tensor.elem_type)
    if kind is None or len(shape) != 2 or shape[1] != 1:
        rule = "must take one matrix of numbers, or a tensor [rows, 1] a column; convert it so. Another one is"
        raise InputError("the onnx model", rule, entry.name)
    return kind


def _answers(model: Any, width: int) -> Found:
    """The task, told by the outputs: a classifier has labels, and chances of each class."""
    outputs = list(model.graph.output)
    kind = next((node.op_type for node in reversed(model.graph.node) if node.domain == "ai.onnx.ml"), "onnx")
    if len(outputs) == 1:
        return Found("regression", width, kind=kind)
    last = outputs[-1].type
    if not last.HasField("tensor_type"):
        raise InputError("the onnx model", "must give its chances as a tensor; convert it with zipmap=False")
    shape = [dimension.dim_value for dimension in last.tensor_type.shape.dim]
    classes = _labels(model)
    count = len(classes) or (shape[1] if len(shape) == 2 else 0)
    if count > 2:
        return Found("multiclass_classification", width, classes=classes or tuple(map(float, range(count))), kind=kind)
    return Found("binary_classification", width, kind=kind)


def _labels(model: Any) -> tuple[float, ...]:
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name in ("classlabels_int64s", "classlabels_ints") and attribute.ints:
                return tuple(float(label) for label in attribute.ints)
            if attribute.name == "classlabels_strings" and attribute.strings:
                raise InputError("the onnx model", "must have numbers for classes", attribute.strings[0])
    return ()


def _check_external(model: Any) -> None:
    """Weights must lie in the file: a model that names others could name any file of this machine."""
    import onnx

    for tensor in _tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            places = [entry.value for entry in tensor.external_data if entry.key == "location"]
            raise InputError("the onnx model", "must hold its weights itself, and names the file", "".join(places))


def _tensors(message: Any) -> Iterator[Any]:
    """Every tensor anywhere in a message, in subgraphs, functions and attributes, too."""
    from onnx import TensorProto

    waiting = [message]
    while waiting:
        found = waiting.pop()
        if isinstance(found, TensorProto):
            yield found
            continue
        for part, value in found.ListFields():
            if part.message_type is None:
                continue
            waiting += list(value) if hasattr(value, "append") or hasattr(value, "add") else [value]


def _lightgbm(data: bytes) -> Found:
    import lightgbm

    booster = lightgbm.Booster(model_str=data.decode("utf-8"))
    return _of_lightgbm(booster)


def _of_lightgbm(booster: Any) -> Found:
    objective = str(booster.dump_model(num_iteration=1).get("objective", "")).split(" ")[0]
    classes: tuple[float, ...] = ()
    if objective in ("multiclass", "multiclassova"):
        task, classes = "multiclass_classification", tuple(map(float, range(booster.num_model_per_iteration())))
    elif objective in ("binary", "cross_entropy", "xentropy"):
        task = "binary_classification"
    elif objective in ("lambdarank", "rank_xendcg"):
        raise InputError("the lightgbm model", "must classify or forecast numbers", objective)
    else:
        task = "regression"
    names = booster.feature_name()
    texts = texts_of_booster(booster, names)
    types = _types(names, texts)
    return Found(task, len(names), tuple(names), types, True, classes, categories=texts, kind="Booster")


def _xgboost(data: bytes) -> Found:
    import xgboost

    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(data))
    return _of_xgboost(booster)


def _of_xgboost(booster: Any) -> Found:
    import json

    learner = json.loads(booster.save_config())["learner"]
    objective = str(learner["objective"]["name"])
    if objective.startswith("rank:"):
        raise InputError("the xgboost model", "must classify or forecast numbers", objective)
    task = "binary_classification" if objective.startswith("binary:") else "regression"
    classes: tuple[float, ...] = ()
    if objective.startswith("multi:"):
        task = "multiclass_classification"
        classes = tuple(map(float, range(int(learner["learner_model_param"]["num_class"]))))
    names = tuple(booster.feature_names or ())
    return Found(task, booster.num_features(), names, (), True, classes, kind="Booster")


def _skops(data: bytes) -> Found:
    import skops.io

    unknown = sorted(set(skops.io.get_untrusted_types(data=data)) - set(IMPORTABLE))
    if unknown:
        rule = "holds a type that the platform does not trust; what a file says of itself does not count"
        raise InputError("the skops model", rule, unknown[0])
    return of_estimator(skops.io.loads(data, trusted=list(IMPORTABLE)))


def of_estimator(estimator: Any) -> Found:
    """What a fitted estimator is.

    Raises:
        InputError: it does not say how many inputs it takes, or its classes are no numbers.
    """
    name = type(estimator).__name__
    if not hasattr(estimator, "predict"):
        raise InputError(name, "must be an estimator with predict(rows)")
    if type(estimator).__module__.startswith("lightgbm.basic"):
        return _of_lightgbm(estimator)
    if type(estimator).__module__.startswith("xgboost.core"):
        return _of_xgboost(estimator)
    width = int(getattr(estimator, "n_features_in_", 0))
    if not width:
        raise InputError(name, "must be fitted: it does not say how many inputs it takes")
    names = [str(one) for one in getattr(estimator, "feature_names_in_", ())]
    task, classes = "regression", tuple[float, ...]()
    if hasattr(estimator, "predict_proba"):
        _check_numbers(getattr(estimator, "classes_", ()))
        classes = tuple(classes_of(estimator))
        task = "multiclass_classification" if classes else "binary_classification"
    is_tree = hasattr(estimator, "booster_") or hasattr(estimator, "get_booster") or "HistGradient" in name
    if names and hasattr(estimator, "booster_"):
        texts = texts_of_booster(_written(estimator.booster_), names)
    else:
        texts = texts_of_estimator(estimator, names)
    return Found(task, width, tuple(names), _types(names, texts), is_tree, classes, estimator, texts, kind=name)


def _types(names: Sequence[str], texts: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    return tuple("category" if name in texts else "float" for name in names) if texts else ()


def _written(booster: Any) -> Any:
    """A booster as it is in its text, which says which of its columns are categories."""
    import lightgbm

    return lightgbm.Booster(model_str=booster.model_to_string())


def _check_numbers(classes: Sequence[Any]) -> None:
    try:
        [float(one) for one in classes]
    except (TypeError, ValueError) as error:
        raise InputError("the estimator", "must have numbers for classes", classes[0]) from error


def sample_rows(found: Found) -> Matrix:
    """Rows to try a model on: small and large numbers, whole ones, zeros, and nulls where it takes them; and texts."""
    random = np.random.default_rng(SEED)
    rows = random.normal(size=(ROWS, found.width)) * random.choice([0.1, 1.0, 10.0, 1000.0], size=(ROWS, 1))
    rows[::4] = np.round(rows[::4])
    rows[0] = 0.0
    if found.nullable:
        rows[1::8][random.random(rows[1::8].shape) < 0.3] = np.nan
    rows = np.asarray(rows.astype(np.float32), dtype=np.float64)
    for place, kind in enumerate(found.types):
        if kind == "int":
            rows[:, place] = np.round(rows[:, place])
        elif kind == "bool":
            rows[:, place] = rows[:, place] > 0
        elif kind == "category":
            rows[:, place] = random.integers(0, len(found.categories[found.inputs[place]]), ROWS)
            rows[random.random(ROWS) < 0.1 * found.open, place] = np.nan
    return rows


def opened_up(found: Found, score: Callable[[Matrix], Scores] | None = None) -> Found:
    """The model with what comes of texts that it does not know: it scores them as missing ones, or fails.

    Estimators and runtimes raise whatever they like, so this is a named edge. Without ``score`` the estimator is asked.
    """
    if not found.categories or (score is None and found.estimator is None):
        return found
    try:
        rows = sample_rows(found)
        scores = score(rows) if score is not None else estimator_scores(found.estimator, rows, found.named)
        return replace(found, open=bool(np.isfinite(scores).all()))
    except Exception:  # noqa: BLE001 - the model's edge: what it raises says that it does not take such rows
        return replace(found, open=False)


def told(found: Found) -> dict[str, Any]:
    """What was found, as JSON values."""
    return {
        "task": found.task,
        "width": found.width,
        "inputs": list(found.inputs),
        "types": list(found.types),
        "categories": {name: list(texts) for name, texts in found.categories.items()},
        "open": found.open,
        "nullable": found.nullable,
        "classes": list(found.classes),
        "estimator": found.kind,
    }
