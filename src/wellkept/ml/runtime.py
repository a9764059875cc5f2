"""Scoring: an artifact's folder becomes a scorer. ONNX first; else the library's own safe format; never pickle."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError
from wellkept.ml.categories import Named
from wellkept.ml.factors import Factors
from wellkept.ml.onnxfile import check_onnx

Matrix = NDArray[np.float64]
Scores = NDArray[np.float64]

SERVICE, NAMESPACE = "model-server", "wellkept"
"""How the model server is called in telemetry."""

TRUSTED = (
    "collections.OrderedDict",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
)
"""Types that skops may rebuild beside its own; the platform owns this list, never the artifact."""


OWN = "python"
"""The format of an object that the code of its project makes again from its state."""
FILES = {
    "onnx": "model.onnx",
    "lightgbm": "model.txt",
    "xgboost": "model.ubj",
    "skops": "model.skops",
    "factors": "model.npz",
    OWN: "object.skops",
}
"""The formats, and the file of each."""


class Scorer(Protocol):
    """Scores rows: float64[n, features] (NaN is null) to float64[n]."""

    def score(self, rows: Matrix) -> Scores: ...


KINDS = {"tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_}
"""The types of numbers that columns of ONNX may have beside float32."""


class OnnxScorer:
    """A model in ONNX, on one thread: of one matrix, or of a tensor for each column of ``named``.

    Columns are found by their names; where these are others (an imported model may have any), by their places.
    """

    def __init__(self, data: bytes, classes: Sequence[float] = (), named: Named | None = None) -> None:
        import onnxruntime

        check_onnx(data)
        self._classes = classes
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        given = self._session.get_inputs()
        self._input = given[0].name
        self._named, self._columns = named, list[tuple[str, int, Any]]()
        if named is not None and named.names and (len(given) > 1 or given[0].type == "tensor(string)"):
            names = [entry.name for entry in given]
            order = list(named.names) if set(names) == set(named.names) else names
            self._columns = [(one.name, order.index(one.name), KINDS.get(one.type, np.float32)) for one in given]
        self._output = self._session.get_outputs()[-1].name
        self._one: _OneRow | None = None

    def score(self, rows: Matrix) -> Scores:
        return _single(self._run(rows), len(rows), self._classes)

    def _run(self, rows: Matrix) -> NDArray[Any]:
        if self._columns and self._named is not None:
            asked = {name: self._named.tensor(rows, place, kind) for name, place, kind in self._columns}
            return np.asarray(self._session.run([self._output], asked)[0])
        if self._one is not None and rows.shape == self._one.shape:
            return self._one.run(rows)
        found = np.asarray(self._session.run([self._output], {self._input: rows.astype(np.float32, order="C")})[0])
        if len(rows) == 1 and found.dtype.kind == "f":
            self._one = _OneRow(self._session, self._input, self._output, rows.shape, found)
        return found


class _OneRow:
    """Runs a session on one row in memory that is bound once, which spares a quarter of what a small model takes.

    ``found`` is what a run gives.
    """

    def __init__(self, session: Any, given: str, output: str, shape: tuple[int, ...], found: NDArray[Any]) -> None:
        self.shape = shape
        self._lock, self._session, self._binding = threading.Lock(), session, session.io_binding()
        self._row, self._found = np.empty(shape, np.float32), np.empty_like(found)
        for bind, name, memory in (
            (self._binding.bind_input, given, self._row),
            (self._binding.bind_output, output, self._found),
        ):
            bind(name, "cpu", 0, memory.dtype.type, memory.shape, memory.ctypes.data)

    def run(self, rows: Matrix) -> NDArray[Any]:
        with self._lock:
            self._row[:] = rows
            self._session.run_with_iobinding(self._binding)
            return self._found.copy()


class LightgbmScorer:
    """LightGBM's own text format."""

    def __init__(self, text: str, classes: Sequence[float] = (), named: Named | None = None) -> None:
        self._predict, self._classes = lightgbm_of(text, named), classes

    def score(self, rows: Matrix) -> Scores:
        return _single(np.asarray(self._predict(rows)), len(rows), self._classes)


def lightgbm_of(text: str, named: Named | None) -> Callable[..., Any]:
    """The ``predict`` of a model in LightGBM's text, which finds a category by the place that it had in training.

    That is its place in the list of the pandas column that was fitted on, which ``train`` may have ordered or cut.
    """
    import lightgbm

    booster = lightgbm.Booster(model_str=text)
    lists = zip(sorted(named.words.items()) if named else (), booster.pandas_categorical or (), strict=False)
    moved = {
        column: np.array([*(theirs.index(word) if word in theirs else np.nan for word in ours), np.nan])
        for (column, ours), theirs in lists
        if list(ours) != theirs
    }

    def predict(rows: Matrix, **options: Any) -> Any:
        rows = rows.copy() if moved else rows
        for column, places in moved.items():
            codes = rows[:, column]
            rows[:, column] = places[np.where(np.isnan(codes), len(places) - 1, codes).astype(np.int64)]
        return booster.predict(rows, num_threads=1, **options)

    return predict


class XgboostScorer:
    """XGBoost's own format (UBJSON)."""

    def __init__(self, data: bytes, classes: Sequence[float] = ()) -> None:
        import xgboost

        self._booster, self._classes = xgboost.Booster({"nthread": 1}), classes
        self._booster.load_model(bytearray(data))

    def score(self, rows: Matrix) -> Scores:
        return _single(np.asarray(self._booster.inplace_predict(rows)), len(rows), self._classes)


class FactorScorer:
    """A recommender's two tables of vectors."""

    def __init__(self, data: bytes) -> None:
        self._factors = Factors.from_bytes(data)

    def score(self, rows: Matrix) -> Scores:
        return self._factors.predict(rows)


class SkopsScorer:
    """A scikit-learn estimator in skops' format, rebuilt from trusted types only."""

    def __init__(self, data: bytes, named: Named | None = None) -> None:
        import skops.io

        unknown = sorted(set(skops.io.get_untrusted_types(data=data)) - set(TRUSTED))
        if unknown:
            raise InputError("model.skops", "holds a type that is not trusted", unknown[0])
        self._estimator, self._named = skops.io.loads(data, trusted=list(TRUSTED)), named

    def score(self, rows: Matrix) -> Scores:
        return estimator_scores(self._estimator, rows, self._named)


def scorer_of(manifest: Mapping[str, Any], read: Callable[[str], bytes]) -> Scorer:
    """The scorer that a manifest describes; ``read`` gives the bytes of a file of the artifact.

    Raises:
        InputError: the manifest names a format that is not known, or one that needs a team's code.
    """
    kind, classes = manifest["format"], manifest.get("classes", ())
    if kind not in FILES:
        raise InputError("manifest.format", f"must be one of {', '.join(FILES)}", kind)
    if kind == OWN:
        raise InputError("manifest.format", "needs the code of its class, which runs in a process of its own", kind)
    data, named = read(FILES[kind]), named_of(manifest)
    if kind == "onnx":
        return OnnxScorer(data, classes, named)
    if kind == "lightgbm":
        return LightgbmScorer(data.decode("utf-8"), classes, named)
    if kind == "xgboost":
        return XgboostScorer(data, classes)
    return SkopsScorer(data, named) if kind == "skops" else FactorScorer(data)


def named_of(manifest: Mapping[str, Any]) -> Named:
    """The columns that the model of a manifest is asked with."""
    return Named(manifest.get("columns") or manifest.get("inputs", ()), manifest.get("categories", {}))


def estimator_scores(estimator: Any, rows: Matrix, named: Named | None = None) -> Scores:
    """The score of each row: the probability of the positive class, the class of three or more, or the prediction.

    ``named`` tells of columns that are categories, where there are any: then it is asked with a frame.

    Raises:
        InputError: it predicts several numbers a row.
    """
    asked = rows if named is None else named.asked(rows)
    if hasattr(estimator, "predict_proba"):
        chances = np.asarray(estimator.predict_proba(asked), dtype=np.float64)
        kinds = classes_of(estimator)
        if kinds:
            return _single(chances, len(rows), kinds)
        return np.asarray(chances[:, int(np.argmax(estimator.classes_))], dtype=np.float64)
    found = np.asarray(estimator.predict(asked), dtype=np.float64).reshape(-1)
    if len(found) != len(rows):
        rule = "must give one number a row; a model of several answers is several models"
        raise InputError("predict(rows)", rule, f"{len(found)} for {len(rows)} rows")
    return found


def classes_of(estimator: Any) -> list[float]:
    """The classes of a classifier of three or more, in the order of its probabilities; else none."""
    kinds = getattr(estimator, "classes_", ()) if hasattr(estimator, "predict_proba") else ()
    return [float(kind) for kind in kinds] if len(kinds) > 2 else []


def _single(out: NDArray[Any], count: int, classes: Sequence[float]) -> Scores:
    """One number a row: of several probabilities the last, or the class of the greatest."""
    table = out.reshape(count, -1)
    if len(classes):
        return np.asarray([float(classes[place]) for place in table.argmax(axis=1)])
    return np.asarray(table[:, -1], dtype=np.float64)
