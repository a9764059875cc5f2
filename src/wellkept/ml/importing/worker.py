"""The worker that opens what was handed in. It locks itself in before it looks at a single byte of it.

``look`` reads a safe format and writes the form that is kept. ``open`` opens a pickle, which runs its code, and writes
a safe form of what came out; a second worker then looks at that as at anything from outside.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellkept.kernel.errors import InputError
from wellkept.ml.importing.confinement import NotConfinedError, confine
from wellkept.ml.process import serve_request

if TYPE_CHECKING:
    from wellkept.ml.importing.readers import Found


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
    if is_pickle:
        from wellkept.ml.importing.opened import opened

        return opened(data, folder)
    return {**_looked(data, folder, request), "not_confined": confined}


def _looked(data: bytes, folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    from wellkept.ml.export import PARITY, difference
    from wellkept.ml.importing.readers import EXPECTED, look, opened_up, sample_rows, told
    from wellkept.ml.runtime import FILES, scorer_of

    kind = request["kind"]
    found = opened_up(look(kind, data))
    written, note = _kept_form(kind, data, found, folder / "out")
    named = found.named
    manifest: dict[str, Any] = {"format": written, "classes": list(found.classes)}
    if found.categories:
        manifest |= {"inputs": list(named.names), "categories": named.categories}
    scorer = scorer_of(manifest, lambda name: (folder / "out" / name).read_bytes())
    found = opened_up(found, scorer.score)
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
    return {"format": written, "file": FILES[written], "note": note, **told(found)}


def _kept_form(kind: str, data: bytes, found: Found, out: Path) -> tuple[str, str]:
    """Write the form that will be served; its name, and why it is not ONNX where that was tried."""
    from wellkept.ml.export import export
    from wellkept.ml.importing.readers import sample_rows
    from wellkept.ml.runtime import FILES

    if kind == "skops" and found.estimator is not None:
        named = found.named
        manifest = export(found.estimator, sample_rows(found), list(named.names), out, categories=named.categories)
        _check_names(found, str(manifest["format"]))
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


def _check_names(found: Found, written: str) -> None:
    """What is kept as an estimator chooses its columns by name, so the names must be a contract's, too.

    Raises:
        InputError: they cannot be.
    """
    from wellkept.ml.importing.derived import columns_of

    if written != "skops" or not found.categories:
        return
    odd = next((name for name, ours in zip(found.inputs, columns_of(found.inputs), strict=True) if name != ours), None)
    if odd is not None:
        rule = (
            "does not convert to ONNX, so that its columns need names that a contract can have; fit it on others than"
        )
        raise InputError("the model", rule, odd)


def _booster_of(data: bytes) -> tuple[str, bytes]:
    """A bare booster inside a skops file, in its own format."""
    import skops.io

    from wellkept.ml.importing.readers import IMPORTABLE

    booster = skops.io.loads(data, trusted=list(IMPORTABLE))
    if hasattr(booster, "model_to_string"):
        return "lightgbm", booster.model_to_string().encode()
    return "xgboost", bytes(booster.save_raw("ubj"))


if __name__ == "__main__":
    serve_request(work)
