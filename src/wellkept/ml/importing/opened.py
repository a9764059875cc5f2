"""The one place where a pickle is opened: in a locked-in worker, after a person approved exactly these bytes."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from wellkept.kernel.errors import InputError
from wellkept.ml.export import export
from wellkept.ml.importing.readers import EXPECTED, of_estimator, opened_up, sample_rows, told
from wellkept.ml.runtime import estimator_scores


def opened(data: bytes, folder: Path) -> dict[str, Any]:
    """Run a pickle's code, and write what came out in a safe format, with scores that it must give again.

    Raises:
        InputError: it cannot be opened, or what came out is no estimator that can be kept.
    """
    try:
        estimator = joblib.load(io.BytesIO(data))
    except (ImportError, AttributeError) as error:
        rule = f"needs what is not installed here: {error}; import it in a safe format (ONNX, skops) from where it is"
        raise InputError("the pickle", rule) from error
    except (pickle.UnpicklingError, EOFError, ValueError) as error:
        raise InputError("the pickle", f"is damaged: {error}") from error
    found, out = opened_up(of_estimator(estimator)), folder / "out"
    if type(estimator).__module__.startswith("lightgbm.basic"):
        out.mkdir()
        (out / "model.txt").write_text(estimator.model_to_string(), encoding="utf-8")
        return {"format": "lightgbm", **told(found)}
    rows, named = sample_rows(found), found.named
    manifest = export(estimator, rows, list(named.names), out, categories=named.categories)
    np.savez(folder / EXPECTED, rows=rows, scores=estimator_scores(estimator, rows, named))
    return {"format": manifest["format"], **told(found)}
