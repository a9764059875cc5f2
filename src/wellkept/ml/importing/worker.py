"""The worker that opens what was handed in. It locks itself in before it looks at a single byte of it.

``look`` reads a safe format and writes the form that is kept. ``open`` opens a pickle, which runs its code, and writes
a safe form of what came out; a second worker then looks at that as at anything from outside.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellkept.kernel.errors import InputError
from wellkept.ml.importing.confinement import NotConfinedError, confine
from wellkept.ml.process import serve_request

if TYPE_CHECKING:
    from wellkept.ml.importing.readers import Found
    from wellkept.ml.runtime import Matrix

ROWS, SEED = 256, 11
EXPECTED = "expected.npz"


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Lock in, then do the step that is asked for."""
    folder = Path(request["folder"])
    is_pickle = request["step"] == "open"
    try:
        confine(folder)
        confined = ""
    except NotConfinedError as error:
        if is_pickle:
            raise InputError("the pickle", f"is not opened: a process cannot be locked in here, {error}") from error
        confined = str(error)
    data = (folder / "model").read_bytes()
    answer = _opened(data, folder) if is_pickle else _looked(data, folder, request)
    return {**answer, "not_confined": confined}


def _opened(data: bytes, folder: Path) -> dict[str, Any]:
    import joblib
    import numpy as np

    from wellkept.ml.export import export
    from wellkept.ml.importing.readers import of_estimator
    from wellkept.ml.runtime import estimator_scores

    try:
        estimator = joblib.load(io.BytesIO(data))
    except (ImportError, AttributeError) as error:
        rule = f"needs what is not installed here: {error}; import it in a safe format (ONNX, skops) from where it is"
        raise InputError("the pickle", rule) from error
    except (pickle.UnpicklingError, EOFError, ValueError) as error:
        raise InputError("the pickle", f"is damaged: {error}") from error
    found = of_estimator(estimator)
    if type(estimator).__module__.startswith("lightgbm.basic"):
        (folder / "out").mkdir()
        (folder / "out" / "model.txt").write_text(estimator.model_to_string(), encoding="utf-8")
        return {"format": "lightgbm", **_told(found)}
    rows = sample_rows(found)
    manifest = export(estimator, rows, [str(index) for index in range(found.width)], folder / "out")
    np.savez(folder / EXPECTED, rows=rows, scores=estimator_scores(estimator, rows))
    return {"format": manifest["format"], **_told(found)}


def _looked(data: bytes, folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    from wellkept.ml.export import PARITY, difference
    from wellkept.ml.importing.readers import look
    from wellkept.ml.runtime import FILES, scorer_of

    kind = request["kind"]
    found = look(kind, data)
    written, note = _kept_form(kind, data, found, folder / "out")
    manifest = {"format": written, "classes": list(found.classes)}
    scorer = scorer_of(manifest, lambda name: (folder / "out" / name).read_bytes())
    rows = sample_rows(found)
    expected = folder / EXPECTED
    if expected.is_file():
        with np.load(expected, allow_pickle=False) as held:
            rows, scores = held["rows"], held["scores"]
        apart = difference(scores, scorer.score(rows))
        if not apart <= PARITY:
            raise InputError("the converted model", "scores otherwise than the pickle did, by", f"{apart:.2g}")
    if not np.isfinite(scorer.score(rows)).any():
        raise InputError("the model", "must give numbers; it gives none for any of the rows that were tried")
    return {"format": written, "file": FILES[written], "note": note, **_told(found)}


def _kept_form(kind: str, data: bytes, found: Found, out: Path) -> tuple[str, str]:
    """Write the form that will be served; its name, and why it is not ONNX where that was tried."""
    from wellkept.ml.export import export
    from wellkept.ml.runtime import FILES

    if kind == "skops" and found.estimator is not None:
        manifest = export(found.estimator, sample_rows(found), [str(one) for one in range(found.width)], out)
        return str(manifest["format"]), str(manifest["note"])
    out.mkdir()
    if kind == "xgboost":
        import xgboost

        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(data))
        data = bytes(booster.save_raw("ubj"))
    elif kind == "skops":
        kind, data = _booster_of(data)
    (out / FILES[kind]).write_bytes(data)
    return kind, ""


def _booster_of(data: bytes) -> tuple[str, bytes]:
    """A bare booster inside a skops file, in its own format."""
    import skops.io

    from wellkept.ml.importing.readers import IMPORTABLE

    booster = skops.io.loads(data, trusted=list(IMPORTABLE))
    if hasattr(booster, "model_to_string"):
        return "lightgbm", booster.model_to_string().encode()
    return "xgboost", bytes(booster.save_raw("ubj"))


def sample_rows(found: Found) -> Matrix:
    """Rows to try a model on: small and large numbers, whole ones, zeros, and nulls where it takes them."""
    import numpy as np

    random = np.random.default_rng(SEED)
    rows = random.normal(size=(ROWS, found.width)) * random.choice([0.1, 1.0, 10.0, 1000.0], size=(ROWS, 1))
    rows[::4] = np.round(rows[::4])
    rows[0] = 0.0
    if found.nullable:
        rows[1::8][random.random(rows[1::8].shape) < 0.3] = np.nan
    return np.asarray(rows.astype(np.float32), dtype=np.float64)


def _told(found: Found) -> dict[str, Any]:
    return {
        "task": found.task,
        "width": found.width,
        "inputs": list(found.inputs),
        "nullable": found.nullable,
        "classes": list(found.classes),
        "estimator": found.kind,
    }


if __name__ == "__main__":
    serve_request(work)
